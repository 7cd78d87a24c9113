"""The same number, or the same bits, in another type.

%1 = graph.cast %0 {to = i32} : (tensor<4xf32>) -> tensor<4xi32>
%2 = graph.bitcast %1 {to = f32} : (tensor<4xi32>) -> tensor<4xf32>    the same bits

Floats go to integers towards zero; what lies out of range, and NaN, becomes what x86 makes of it (`from_float`).
Integers are cut to their low bits. All but 0 is true, NaN too.
"""

import numpy as np
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Attribute, TypeAttribute
from xdsl.irdl import irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, dtype, element
from ._numbers import Numbers
from ._pointwise import UnaryOp
from .elementwise import from_float


@irdl_op_definition
class CastOp(UnaryOp):
    """x in the element type `to`."""

    name = "graph.cast"
    to = prop_def(TypeAttribute)

    def expect(self) -> None:
        dtype(self.to)

    def kind(self) -> Attribute:
        assert isinstance(self.to, Attribute)
        return self.to

    def compute(self, *inputs: Numbers) -> Numbers:
        (x,), to = inputs, dtype(self.to)
        if isinstance(element(self.x), AnyFloat):
            return x if isinstance(self.to, AnyFloat) else from_float(x, to)
        if to == np.bool_:
            return x != 0
        return x.astype(np.float32) if isinstance(self.to, AnyFloat) and to.itemsize == 2 else x.astype(to)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        if inputs[0] is not None and inputs[0].dtype == dtype(self.to):
            return (inputs[0],)
        return super().evaluate(*inputs)


@irdl_op_definition
class BitcastOp(UnaryOp):
    """The bits of x read as the element type `to`, which is as wide; a bool is a byte of 0 or 1."""

    name = "graph.bitcast"
    to = prop_def(TypeAttribute)

    def expect(self) -> None:
        source, target = dtype(element(self.x)), dtype(self.to)
        if source.itemsize != target.itemsize:
            raise VerifyException(
                f"{self.name}: expected a type of {8 * source.itemsize} bits as {element(self.x)} has, found {self.to}"
            )

    def kind(self) -> Attribute:
        assert isinstance(self.to, Attribute)
        return self.to

    def compute(self, *inputs: Numbers) -> Numbers:
        raise NotImplementedError("a bit cast takes elements as they are stored")

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = inputs
        assert x is not None
        bits = np.ascontiguousarray(x).reshape(x.shape)
        if dtype(self.to) == np.bool_:
            return (bits.view(np.uint8) != 0,)
        return (bits.view(dtype(self.to)),)
