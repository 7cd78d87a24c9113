"""Boxes of what is in DRAM, put together where they make one."""

from aic.backends.npu.layer import Tensor, View
from aic.backends.npu.lower.written import Box, Written, box_of

TENSOR = Tensor("t", 2, 10, 6, 40)


def boxes(written: Written, rows: tuple[int, int] = (0, 10)) -> list[Box]:
    return list(written.within(TENSOR, rows))


def test_neighbours_become_one():
    written = Written()
    assert TENSOR not in written and not boxes(written)
    for column in (0, 2, 1):
        written.add(TENSOR, Box((0, 4), (column, column + 1), (0, 2)))
    assert boxes(written) == [Box((0, 4), (0, 3), (0, 2))]
    written.add(TENSOR, Box((4, 10), (0, 3), (0, 2)))
    assert boxes(written) == [Box((0, 10), (0, 3), (0, 2))] and written.blocks(TENSOR) == {0, 1}


def test_what_is_not_there_is_in_no_box():
    written = Written()
    written.add(TENSOR, Box((0, 4), (0, 6), (0, 2)))
    written.add(TENSOR, Box((4, 10), (0, 3), (0, 2)))
    assert boxes(written) == [Box((0, 4), (0, 6), (0, 2)), Box((4, 10), (0, 3), (0, 2))]
    assert boxes(written, (2, 5)) == [Box((2, 4), (0, 6), (0, 2)), Box((4, 5), (0, 3), (0, 2))]
    assert not boxes(written, (10, 12))


def test_the_box_of_a_view():
    view = View(TENSOR, (0, 1, 2, 20), (2, 3, 2, 20), (4, 3))
    assert box_of(view, 16) == Box((1, 10), (2, 6), (1, 3))
