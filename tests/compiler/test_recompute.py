"""Values computed again: who is evicted, what that costs, and when it cannot be done."""

import pytest
from aic.compiler.recompute import Program, Task, simulate


def chain(long: int, size: int = 10) -> Program:
    """v0 -> v1 -> .. -> vn, and a last task that reads v0 and vn."""
    tasks = [Task((n - 1,) if n else (), (n,), 100, 1.0) for n in range(long)]
    return Program((*tasks, Task((0, long - 1), (long,), 1, 0.01)), (*[size] * long, 0))


def test_with_room_nothing_is_computed_again():
    found = simulate(chain(6))
    assert (found.fits, found.peak, found.evicted, found.recomputed, found.factor) == (True, 30, 0, 0, 1.0)


def test_the_idle_value_goes_and_comes_again():
    found = simulate(chain(6), 20)
    assert (found.fits, found.peak, found.evicted, found.recomputed) == (True, 20, 1, 100)
    assert found.factor == pytest.approx(7.01 / 6.01)


def test_the_cheap_and_large_goes_first():
    tasks = (
        Task((), (0,), 1000, 10.0),
        Task((), (1,), 10, 0.1),
        Task((), (2,), 10, 1.0),
        Task((0, 1, 2), (3,), 1, 0.1),
    )
    found = simulate(
        Program((*tasks[:3], Task((), (4,), 1, 1.0), Task((4,), (5,), 0, 0.1), tasks[3]), (8, 8, 2, 0, 8, 0)), 24
    )
    assert found.fits and found.recomputed == 10


def test_what_no_eviction_helps():
    assert not simulate(chain(6), 15).fits
    assert simulate(chain(2), 20).fits
