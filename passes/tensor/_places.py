"""Where the host's tensors lie: pieces of memory, and parts of them seen through strides.

an 8-channel tensor as channels 4 to 11 of a concatenation, channels last:
Place(the concatenation's memory, strides (.., 1, 16 w, 16), shift 4)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.dialects import tensor
from xdsl.dialects.builtin import MemRefType, TensorType
from xdsl.ir import Attribute, Block, Operation, SSAValue

from ...dialects._layout import order_of, row_major, strides_of
from ...dialects._shape import shape
from ._margins import Margin, cut
from ._view import Shift, Strides, region, view

ORIGIN = Shift()


@dataclass(eq=False)
class Memory:
    """An argument, a weight or an allocation. `home` is the block (of the function on tensors) that allocates it, None
    if it need not be allocated; `values` are the tensors put there so far."""

    type: MemRefType[Attribute]
    home: Block | None = None
    memref: SSAValue | None = None
    values: list[SSAValue] = field(default_factory=list[SSAValue])

    @property
    def strides(self) -> Strides:
        """The strides of the whole; those of a packed weight stand for its logical order."""
        found = strides_of(self.type)
        return row_major(self.type.get_shape()) if found is None else found[1]


@dataclass(frozen=True)
class Place:
    """A tensor of these strides, `shift` elements into a memory."""

    memory: Memory
    strides: Strides
    shift: Shift = ORIGIN
    margin: Margin | None = field(default=None, compare=False)

    def part(self, starts: Sequence[int], cut: Sequence[int] = ()) -> "Place":
        """The elements from `starts` on (which may be negative); along the dims `cut` there is no room round them."""
        moved = Shift(sum(a * s for a, s in zip(starts, self.strides, strict=True)))
        margin = None if self.margin is None else self.margin.without(cut)
        return Place(self.memory, self.strides, self.shift.plus(moved), margin)

    def seen(self, op: Operation) -> "Place | None":
        """What a view op shows of this place; None if no strides say it."""
        if (found := view(op, self.strides)) is None:
            return None
        dims = cut(op) if isinstance(op, tensor.ExtractSliceOp) else None
        margin = None if self.margin is None or dims is None else self.margin.without(dims)
        return Place(self.memory, found[1], self.shift.plus(found[0]), margin)

    def slot(self, op: tensor.InsertSliceOp) -> "Place":
        """Where in this place an insertion puts its source."""
        shift, strides = region(op, self.strides, shape(op.source))
        return Place(self.memory, strides, self.shift.plus(shift))

    def is_same(self, other: "Place", dims: Sequence[int]) -> bool:
        """Whether a tensor of these dimensions lies in both places alike."""
        if self.memory is not other.memory or self.shift != other.shift:
            return False
        return all(a == b or d == 1 for a, b, d in zip(self.strides, other.strides, dims, strict=True))


def whole(memory: Memory) -> Place:
    """All of a memory."""
    return Place(memory, memory.strides)


def allocation(type: TensorType[Attribute], home: Block | None, margin: Margin | None = None) -> Place:
    """New memory for a dense tensor and the margin round it: a row-major memref with the dimensions in the order of
    the tensor's layout."""
    dims = type.get_shape()
    if (order := order_of(type)) is None or (found := strides_of(type)) is None:
        raise TypeError(f"expected a layout of strides, found {type}")
    if found[1] == row_major(dims):
        order = tuple(range(len(dims)))
    low, high = (margin.low, margin.high) if margin is not None else ([0] * len(dims), [0] * len(dims))
    sizes = [dims[d] + low[d] + high[d] for d in order]
    memory = Memory(MemRefType(type.element_type, sizes), home)
    strides = found[1]
    if margin is not None:
        steps = dict(zip(order, row_major(sizes), strict=True))
        strides = tuple(steps[d] for d in range(len(dims)))
    return Place(memory, strides, Shift(sum(n * s for n, s in zip(low, strides, strict=True))), margin)


def coalesced(dims: Sequence[int], *strides: Sequence[int]) -> tuple[list[int], list[list[int]]]:
    """The same elements with as few dimensions as may be, widest stride of the last operand first: (dims, strides)."""
    order = sorted((d for d in range(len(dims)) if dims[d] != 1), key=lambda d: -strides[-1][d])
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for d in order:
        if sizes and all(mine[-1] == given[d] * dims[d] for mine, given in zip(steps, strides, strict=True)):
            sizes[-1] *= dims[d]
            for mine, given in zip(steps, strides, strict=True):
                mine[-1] = given[d]
        else:
            sizes.append(dims[d])
            for mine, given in zip(steps, strides, strict=True):
                mine.append(given[d])
    return (sizes, steps) if sizes else ([1], [[1] for _ in strides])
