"""What nobody reads is left out, but not a whole layer."""

import numpy as np
from aic.backends.npu.order.touch import NONE, Touches
from aic.backends.npu.order.unread import unread
from aic.backends.npu.program import Instruction


def idle(*code: tuple[str, int, list[int], list[int]]) -> set[int]:
    """Of (mnemonic, layer, atoms read, atoms written)."""
    names, layers, reads, writes = zip(*code, strict=True)
    arrays = [[np.array(atoms, np.int64) if atoms else NONE for atoms in part] for part in (reads, writes)]
    return unread([Instruction(name) for name in names], layers, Touches(*arrays, np.arange(16)))


def test_a_load_that_is_overwritten_before_it_is_read():
    assert idle(("ld.a", 0, [], [1]), ("ld.a", 0, [], [1, 2]), ("st", 0, [2], [])) == {0}
    assert idle(("ld.a", 0, [], [1, 2]), ("ld.a", 0, [], [1]), ("st", 0, [2], [])) == {1}


def test_what_only_idle_instructions_read():
    """The second block of a layer's results is skipped by who reads it; so is all that leads there."""
    block = [("ld.a", 0, [], [1]), ("mm", 0, [1], [2]), ("v.rq", 0, [2], [3])]
    other = [("ld.a", 0, [], [4]), ("mm", 0, [4], [2]), ("v.rq", 0, [2], [5])]
    assert idle(*block, *other, ("st", 1, [3], [])) == {3, 4, 5}


def test_a_layer_that_nobody_reads_stays():
    assert idle(("ld.a", 0, [], [1]), ("v.cp", 0, [1], [3]), ("ld.a", 1, [], [6]), ("st", 1, [6], [])) == set()
