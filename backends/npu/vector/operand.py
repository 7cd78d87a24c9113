"""How an instruction of the vector unit addresses a view: a place and three strides in granules of 16 bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..code import Ref
from ..layer import Tensor, View
from ..runs import LowerError
from ..store import Store

GRANULE = 16
Values = dict[str, int | float]
"""Fields of a descriptor."""
TYPES = {"i8": 0, "i16": 1, "i32": 2, "f32": 3, "bf16": 4, "u8": 5}
"""The codes of `dtype` and `odt`."""


def type_code(tensor: Tensor) -> int:
    """The code of a tensor's type; uint8 has its own, as the vector unit calculates with it as the network means it."""
    return TYPES["u8" if tensor.unsigned and tensor.type == "i8" else tensor.type]


@dataclass(frozen=True)
class Operand:
    """An operand's first element, and granules from row to row, column to column, block of channels to block."""

    ref: Ref
    y: int
    x: int
    c: int
    type: int = 0
    at: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Image, row, column and channel of the first element in its tensor."""
    step: tuple[int, int] = (1, 1)
    """Rows and columns of the tensor from one to the next."""

    def every(self, rows: int, columns: int) -> "Operand":
        """Only every so manyth row and column."""
        step = self.step[0] * rows, self.step[1] * columns
        return replace(self, y=self.y * rows, x=self.x * columns, step=step)

    def source(self) -> Values:
        """The fields of a descriptor for src0."""
        return {"s0y": self.y, "s0x": self.x, "s0c": self.c, "dtype": self.type}

    def second(self) -> Values:
        """The fields of a descriptor for src1."""
        return {"s1y": self.y, "s1x": self.x, "s1c": self.c}

    def target(self) -> Values:
        """The fields of a descriptor for the destination."""
        return {"dy": self.y, "dx": self.x, "dc": self.c, "odt": self.type}


def operand(
    view: View, stores: Mapping[int, Store], image: int, row: int, column: int = 0, channel: int = 0
) -> Operand:
    """The operand that begins with an element of a view; where the view has but one image, row or column, it is that
    one and repeats (stride 0)."""
    store = stores[id(view.tensor)]
    place = zip(view.at[:3], (image, row, column), (1, *view.step), view.size[:3], strict=True)
    images, rows, columns = (at + (i * step if size > 1 else 0) for at, i, step, size in place)
    ref = store.at(images, rows, columns, view.at[3] + channel)
    if ref.offset % GRANULE:
        raise LowerError(
            f"{view.tensor.name}: channel {view.at[3] + channel} does not begin with a granule of 16 bytes"
        )
    y = store.row // GRANULE * view.step[0] if view.size[1] > 1 else 0
    x = store.line // GRANULE * view.step[1] if view.size[2] > 1 else 0
    at = images, rows, columns, view.at[3] + channel
    return Operand(ref, y, x, store.block // GRANULE, type_code(view.tensor), at, view.step)
