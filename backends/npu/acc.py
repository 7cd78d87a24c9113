"""A block of results in ACC, before the vector unit has made activations of it."""

from dataclasses import dataclass

from .code import Ref


@dataclass(frozen=True)
class AccBlock:
    """Rows and columns of a layer's output, `tiles` column tiles of the array wide: `[tile][row][column][C]`, one line
    of ACC an element of (tile, row, column). Rows between two images are there too, and mean nothing."""

    ref: Ref
    line: int
    """Bytes of a line of ACC."""
    lines: int
    """Lines from one tile to the next."""
    columns: int
    """Pixels of a row."""
    column: int
    """The output column that pixel 0 is."""
    image: int
    row: int
    """Image and output row of the first line."""
    pitch: int
    """Rows from image to image."""
    tile: int
    tiles: int
    """First tile, and how many; a tile is as many channels as the array has columns."""

    def at(self, image: int, row: int) -> Ref:
        """The first line of an output row."""
        rows = (image - self.image) * self.pitch + row - self.row
        return Ref(self.ref.buffer, self.ref.offset + rows * self.columns * self.line)
