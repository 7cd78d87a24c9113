"""Bits, element by element: of integers each bit for itself, of i1 the connectives of logic.

%1 = graph.and %0, %mask : (tensor<4x8xi1>, tensor<8xi1>) -> tensor<4x8xi1>
%2 = graph.shift_left %x, %n : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
"""

from abc import ABC

import numpy as np
from xdsl.irdl import irdl_op_definition, traits_def
from xdsl.traits import Commutative

from ._numbers import Numbers, expect_integer
from ._pointwise import BinaryOp, UnaryOp, expect_bits


class BitsOp(BinaryOp, ABC):
    """Two bit patterns in, one out."""

    def expect(self) -> None:
        super().expect()
        expect_bits(self, self.lhs)


class ShiftOp(BinaryOp, ABC):
    """A shift of integers. By as many bits as there are, by more or by less than none, all that is left is 0, or -1 of
    a negative number to the right."""

    def expect(self) -> None:
        super().expect()
        expect_integer(self, self.lhs)


@irdl_op_definition
class AndOp(BitsOp):
    """x and y."""

    name = "graph.and"
    traits = traits_def(Commutative())

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.bitwise_and(*inputs)


@irdl_op_definition
class OrOp(BitsOp):
    """x or y."""

    name = "graph.or"
    traits = traits_def(Commutative())

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.bitwise_or(*inputs)


@irdl_op_definition
class XorOp(BitsOp):
    """Either x or y."""

    name = "graph.xor"
    traits = traits_def(Commutative())

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.bitwise_xor(*inputs)


@irdl_op_definition
class NotOp(UnaryOp):
    """Not x."""

    name = "graph.not"

    def expect(self) -> None:
        expect_bits(self, self.x)

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.invert(*inputs)


@irdl_op_definition
class ShiftLeftOp(ShiftOp):
    """x times 2 to the y."""

    name = "graph.shift_left"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.left_shift(*inputs)


@irdl_op_definition
class ShiftRightOp(ShiftOp):
    """x divided by 2 to the y, rounded down; the sign stays."""

    name = "graph.shift_right"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.right_shift(*inputs)
