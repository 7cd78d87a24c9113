"""The same number in another type.

%1 = graph.cast %0 {to = i32} : (tensor<4xf32>) -> tensor<4xi32>

Floats go to integers towards zero; what lies out of range, and NaN, becomes what x86 makes of it (`from_float`).
Integers are cut to their low bits. All but 0 is true, NaN too.
"""

import numpy as np
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Attribute, TypeAttribute
from xdsl.irdl import irdl_op_definition, prop_def

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
