"""Schedules as data, and what is chosen: few programs for little work, blocks that the sizes divide, registers kept."""

import pytest
from aic.backends.triton.lower.choose import Gpu, _product_of
from aic.backends.triton.lower.schedule import Schedule, ScheduleError, schedule_of
from xdsl.dialects.builtin import DictionaryAttr, IntegerAttr, StringAttr, i64


def test_a_schedule_is_data():
    schedule = Schedule(BM=64, BN=128, BK=32, group=8, warps=8, stages=3)
    assert schedule_of(schedule.attribute()) == schedule
    assert schedule_of(None) is None


@pytest.mark.parametrize(
    ("attribute", "what"),
    [
        (StringAttr("fast"), "expected a dictionary of BX"),
        (DictionaryAttr({"BM": IntegerAttr(48, i64)}), "BM: expected a power of two, found 48"),
        (DictionaryAttr({"BZ": IntegerAttr(4, i64)}), "found BZ"),
    ],
)
def test_what_is_no_schedule_is_told(attribute: object, what: str):
    with pytest.raises(ScheduleError, match=what):
        schedule_of(attribute)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("size", "near", "blocks"),
    [
        ((1, 4096, 4096, 4096), 4096, (128, 128)),
        ((1, 1, 4096, 4096), 4096, (16, 32)),
        ((12, 128, 128, 64), 64, (64, 64)),
    ],
)
def test_blocks_fit_the_product(size: tuple[int, int, int, int], near: int, blocks: tuple[int, int]):
    found = _product_of(size, near, 2, exact=False, gpu=Gpu())
    assert found.BM * found.BN // (32 * found.warps) <= 128
    assert near % found.BK == 0
    assert (found.BM <= 16) == (size[1] <= 16)
    assert blocks[0] * blocks[1] // 2 <= found.BM * found.BN
