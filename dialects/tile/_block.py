"""What the ops on blocks share. A block is a `tensor` of static sizes, each a power of two; a scalar is one element.

arith and math work on blocks as they are: operands of one type, as everywhere in MLIR. `tile.broadcast` makes blocks of
one shape; the Triton text does without it, there blocks broadcast by themselves.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr, IntegerType, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from .._shape import Array


class BlockOp(IRDLOperation, ABC):
    """An op without memory. `infer` is its shape rule, `evaluate` its meaning; neither reads its results."""

    traits = traits_def(Pure())

    @abstractmethod
    def infer(self) -> tuple[Attribute, ...]:
        """The result types that operands and properties imply; VerifyException if they do not fit together."""

    @abstractmethod
    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        """The results for these arrays (numpy scalars for scalars), one per operand."""

    def verify_(self) -> None:
        found, expected = tuple(self.result_types), self.infer()
        if found != expected:
            raise VerifyException(f"{self.name}: expected {listed(expected)}, found {listed(found)}")


def listed(types: Sequence[Attribute]) -> str:
    """Types, one after the other."""
    return ", ".join(map(str, types)) or "nothing"


def dims(value: SSAValue | Attribute) -> tuple[int, ...]:
    """The shape of a block; () for a scalar."""
    type = value.type if isinstance(value, SSAValue) else value
    return type.get_shape() if isinstance(type, TensorType) else ()


def kind(value: SSAValue | Attribute) -> Attribute:
    """The element type of a block, or a scalar's type."""
    type = value.type if isinstance(value, SSAValue) else value
    return type.element_type if isinstance(type, TensorType) else type


def block(element: Attribute, shape: Sequence[int]) -> Attribute:
    """The type of a block of that shape; a scalar's for ()."""
    return TensorType(element, list(shape)) if shape else element


def broadcast(op: str, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that blocks of one rank, and scalars, broadcast to; VerifyException if they do not."""
    full = [s for s in shapes if s]
    if len({len(s) for s in full}) > 1:
        raise VerifyException(f"{op}: expected blocks of one rank, found {', '.join(map(str, full))}")
    found = tuple(max(sizes) for sizes in zip(*full, strict=True))
    if any(size not in (1, n) for s in full for size, n in zip(s, found, strict=True)):
        raise VerifyException(f"{op}: blocks of {', '.join(map(str, full))} do not broadcast")
    return found


def number(value: IntegerAttr) -> int:
    """The number in an attribute."""
    return value.value.data


def is_bool(type: Attribute) -> bool:
    """Whether elements are i1."""
    return isinstance(type, IntegerType) and type.width.data == 1
