"""What operators on single elements share: operands broadcast, halves computed in f32, one numpy line each.

class SubOp(BinaryOp):
    name = "graph.sub"
    def compute(self, *inputs): return np.subtract(*inputs)
"""

from abc import ABC, abstractmethod

import numpy as np
from xdsl.dialects.builtin import IntegerType, TensorType, i1
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import operand_def, result_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, dtype, element, shape, tensor
from ._base import Fusion, GraphOp, Types
from ._numbers import Numbers, expect_float, expect_same, present


class PointwiseOp(GraphOp, ABC):
    """Each element of the result comes from one element of each operand, after broadcasting."""

    res = result_def(TensorType)
    fusion = Fusion.BROADCAST

    @abstractmethod
    def compute(self, *inputs: Numbers) -> Numbers:
        """The result for arrays that broadcast, those of f16 and bf16 given as f32; in any type that holds it."""

    def expect(self) -> None:
        """VerifyException unless the operands' element types are such as the op takes."""
        expect_same(self, *self.operands)

    def kind(self) -> Attribute:
        """The element type of the result: that of the first operand."""
        return element(self.operands[0])

    def infer(self) -> Types:
        self.expect()
        return (tensor(self.kind(), broadcast_shape(self)),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        with np.errstate(all="ignore"):
            result = np.asarray(self.compute(*present(inputs))).astype(dtype(self.kind()))
        return (result.reshape(np.broadcast_shapes(*(x.shape for x in inputs if x is not None))),)


class UnaryOp(PointwiseOp, ABC):
    """One number in, one of the same type out."""

    x = operand_def(TensorType)
    fusion = Fusion.ELEMENTWISE


class FloatUnaryOp(UnaryOp, ABC):
    """A function of a real number."""

    def expect(self) -> None:
        expect_float(self, self.x)


class BinaryOp(PointwiseOp, ABC):
    """Two numbers of one type in, one of that type out."""

    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)


class PredicateOp(PointwiseOp, ABC):
    """Something holds of the operands or does not."""

    def kind(self) -> Attribute:
        return i1


def broadcast_shape(op: GraphOp) -> tuple[int, ...]:
    """The shape to which all operands broadcast; VerifyException if there is none."""
    dims = [shape(value) for value in op.operands]
    try:
        return np.broadcast_shapes(*dims)
    except ValueError:
        found = ", ".join(str(list(d)) for d in dims)
        raise VerifyException(f"{op.name}: expected shapes that broadcast, found {found}") from None


def expect_bool(op: GraphOp, *values: SSAValue) -> None:
    """VerifyException unless the elements of all values are bool."""
    for value in values:
        if element(value) != i1:
            raise VerifyException(f"{op.name}: expected i1 elements, found {element(value)}")


def expect_number(op: GraphOp, *values: SSAValue) -> None:
    """VerifyException if the elements of a value are bool."""
    for value in values:
        if element(value) == i1:
            raise VerifyException(f"{op.name}: expected numbers, found i1 elements")


def expect_bits(op: GraphOp, *values: SSAValue) -> None:
    """VerifyException unless the elements of all values are integers or bool."""
    for value in values:
        if not isinstance(element(value), IntegerType):
            raise VerifyException(f"{op.name}: expected integer or i1 elements, found {element(value)}")
