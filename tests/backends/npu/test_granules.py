"""Sets of granules against sets of integers."""

import numpy as np
import pytest
from aic.backends.npu.order.granules import Granules, atoms, sweep, union


def some(rng: np.random.Generator, depth: int) -> tuple[Granules, set[int]]:
    loops = [(int(rng.integers(1, 6)), int(rng.integers(0, 12))) for _ in range(rng.integers(0, depth))]
    length, at = int(rng.integers(1, 5)), int(rng.integers(0, 20))
    wanted = {at}
    for count, stride in loops:
        wanted = {a + i * stride for a in wanted for i in range(count)}
    return sweep(length, loops).shifted(at), {a + i for a in wanted for i in range(length)}


@pytest.mark.parametrize("seed", range(100))
def test_loop_nests(seed: int):
    rng = np.random.default_rng(seed)
    (one, first), (two, second) = some(rng, 5), some(rng, 5)
    for found, wanted in ((one, first), (union([one, two]), first | second)):
        assert found.array().tolist() == sorted(wanted)
        assert (found.starts[1:] > found.stops[:-1]).all()
        assert found.end == max(wanted) + 1
    both = sorted(first & second)
    start, stop = one.overlap(two)
    assert (start == stop) == (not both)
    assert not both or (start == both[0] and set(range(start, stop)) <= set(both))


@pytest.mark.parametrize("seed", range(100))
def test_atoms_are_the_coarsest_partition(seed: int):
    rng = np.random.default_rng(seed)
    sets, plain = zip(*(some(rng, 3) for _ in range(rng.integers(1, 9))), strict=True)
    bases = rng.integers(0, 9, len(sets)).tolist()
    found = atoms(sets, bases)
    plain = [{g + base for g in part} for part, base in zip(plain, bases, strict=True)]
    classes: dict[tuple[int, ...], int] = {}
    for g in sorted(set().union(*plain)):
        classes.setdefault(tuple(i for i, s in enumerate(plain) if g in s), g)
    assert found.first.tolist() == sorted(classes.values())
    for i, of in enumerate(found.of):
        assert sorted(found.first[of].tolist()) == sorted(g for members, g in classes.items() if i in members)


def test_no_sets_no_atoms():
    assert atoms([], []).count == 0


def test_loops_that_overlap_take_no_more_than_what_they_touch():
    found = sweep(1, [(20000, 2), (20000, 4), (20000, 6)])
    assert (found.starts[0], found.stops[0], found.end) == (0, 1, 39998 + 79996 + 119994 + 1)
    assert (found.stops - found.starts == 1).all() and (np.diff(found.starts) == 2).all()


def test_what_is_longer_than_any_memory_is_one_run():
    found = sweep(1, [(65535, 100), (65535, 1000000)])
    assert (found.starts.tolist(), found.end) == ([0], 65534 * 1000100 + 1)
