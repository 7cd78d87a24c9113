"""Which parts of tensors are in DRAM: a group that reads a tensor loads what earlier ones have written of it, no more.

after step 2 of a loop                     rows 0..1, columns 0..2, all blocks of channels: one box
h [2][100][256], a column a step
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ..layer import Tensor, View

Range = tuple[int, int]
"""From the first on, up to the last + 1."""


@dataclass(frozen=True)
class Box:
    """Rows, columns and blocks of channels, of all images."""

    rows: Range
    columns: Range
    blocks: Range

    def merged(self, other: "Box") -> "Box | None":
        """Both as one box, where nothing else would be in it."""
        mine, theirs = (self.rows, self.columns, self.blocks), (other.rows, other.columns, other.blocks)
        differ = [i for i in range(3) if mine[i] != theirs[i]]
        if len(differ) > 1:
            return None
        sides = list(mine)
        for i in differ:
            (a, b), (c, d) = sorted((mine[i], theirs[i]))
            if c > b:
                return None
            sides[i] = (a, max(b, d))
        return Box(*sides)


def box_of(view: View, lanes: int) -> Box:
    """What a view of a tensor covers, gaps of its steps included; `lanes` channels are a block."""
    _, row, column, channel = view.at
    _, rows, columns, channels = view.size
    down, across = view.step
    wide = (column, column + (columns - 1) * across + 1)
    return Box((row, row + (rows - 1) * down + 1), wide, (channel // lanes, -(-(channel + channels) // lanes)))


class Written:
    """By tensor the boxes that are there."""

    def __init__(self):
        self._boxes: dict[int, list[Box]] = {}

    def __contains__(self, tensor: Tensor) -> bool:
        return id(tensor) in self._boxes

    def add(self, tensor: Tensor, box: Box) -> None:
        """One more box."""
        boxes, at = self._boxes.setdefault(id(tensor), []), 0
        while at < len(boxes):
            if (both := boxes[at].merged(box)) is not None:
                del boxes[at]
                box, at = both, 0
            else:
                at += 1
        boxes.append(box)

    def blocks(self, tensor: Tensor) -> set[int]:
        """Blocks of channels of which something is there."""
        return {block for box in self._boxes.get(id(tensor), ()) for block in range(*box.blocks)}

    def within(self, tensor: Tensor, rows: Range) -> Iterator[Box]:
        """What of some rows is there."""
        for box in sorted(self._boxes.get(id(tensor), ()), key=lambda b: (b.blocks, b.rows, b.columns)):
            low, high = max(box.rows[0], rows[0]), min(box.rows[1], rows[1])
            if low < high:
                yield Box((low, high), box.columns, box.blocks)
