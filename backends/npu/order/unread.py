"""Instructions of whose results nobody reads a byte: rows that a stride skips, the space between images.

    fill x=spad:0x500                     (dropped)
    ld.a x=spad:0x600                -->  ld.a x=spad:0x600
    mm x=spad:0x600, z=acc:0              mm x=spad:0x600, z=acc:0

A layer that nobody reads at all stays, for the checker to tell: that is a fault.
"""

from collections.abc import Sequence

import numpy as np

from ..program import Instruction
from .touch import Touches

LOADS = ("fill", "ld.a", "ld.w", "ld.p", "ld.l")
KEPT = ("st", "sync", "mark", "halt")


def unread(text: Sequence[Instruction], layers: Sequence[int], touches: Touches) -> set[int]:
    """The numbers of instructions, each of a layer, that may be left out of a text that is right when run one by
    one."""
    idle = _idle(text, touches, set(range(len(layers))))
    results = [n for n in range(len(layers)) if text[n].name not in (*LOADS, *KEPT)]
    whole = {layers[n] for n in results} - {layers[n] for n in results if n not in idle}
    if not whole:
        return idle
    return _idle(text, touches, {n for n, layer in enumerate(layers) if layer not in whole or text[n].name in LOADS})


def _idle(text: Sequence[Instruction], touches: Touches, some: set[int]) -> set[int]:
    """Those among `some`, the last ones first, since what they would have read they do not."""
    found: set[int] = set()
    read = np.zeros(touches.count, bool)  # by atom, whether an instruction behind reads what is there now
    for index in range(len(touches.reads) - 1, -1, -1):
        reads, writes = touches.reads[index], touches.writes[index]
        if index in some and text[index].name not in KEPT and not read[writes].any():
            found.add(index)
            continue
        read[writes] = False
        read[reads] = True
    return found
