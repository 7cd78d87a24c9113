"""Where rows of a tensor lie in SPAD: `[C1][rows][columns][lanes]`, images stacked along the rows.

image 0 row 0   |h|x x x x|h|      h: stored halo, filled with the zero point
       row 1    |h|x x x x|h|      stored row of image b's row y: b * pitch + y
between images  |h|h h h h|h|
image 1 row 0   |h|x x x x|h|
"""

from dataclasses import dataclass

from .code import Buffer, Ref
from .layer import Tensor

BYTES = {"i8": 1, "i16": 2, "bf16": 2, "i32": 4, "f32": 4}


@dataclass(eq=False)
class Store:
    """A window of a tensor's stacked rows in one buffer; `first` may be negative, then it begins with a halo."""

    tensor: Tensor
    buffer: Buffer
    line: int
    """Bytes of one pixel of one block of channels."""
    first: int
    rows: int
    pitch: int
    left: int = 0
    right: int = 0
    origin: int = 0
    """The block of channels that the buffer begins with."""

    @property
    def lanes(self) -> int:
        """Channels in a block."""
        return self.line // BYTES[self.tensor.type]

    @property
    def blocks(self) -> int:
        """Blocks of channels."""
        return -(-self.tensor.channels // self.lanes)

    @property
    def row(self) -> int:
        """Bytes from one row to the next."""
        return (self.left + self.tensor.columns + self.right) * self.line

    @property
    def block(self) -> int:
        """Bytes from one block of channels to the next."""
        return self.rows * self.row

    @property
    def bytes(self) -> int:
        """Bytes of a whole window, all blocks of channels in it."""
        return self.blocks * self.block

    def at(self, image: int, row: int, column: int, channel: int = 0) -> Ref:
        """The place of an element; row and column may lie in the halo."""
        stacked = image * self.pitch + row - self.first
        assert 0 <= stacked < self.rows, f"{self.tensor.name}: row {row} of image {image} is not stored"
        block, lane = divmod(channel, self.lanes)
        offset = (block - self.origin) * self.block + stacked * self.row + (column + self.left) * self.line
        return Ref(self.buffer, offset + lane * BYTES[self.tensor.type])


def stored_bytes(tensor: Tensor, line: int, rows: int, columns: int) -> int:
    """Bytes that `rows` stacked rows of `columns` (halo included) take."""
    lanes = line // BYTES[tensor.type]
    return -(-tensor.channels // lanes) * rows * columns * line
