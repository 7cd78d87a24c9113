"""Weights whose elements are all equal become one number where they broadcast.

    %w = graph.weight @ones : tensor<768xf32>                        %c = graph.constant dense<1.0> : tensor<f32>
    %y = graph.mul %x, %w : (tensor<4x768xf32>, tensor<768xf32>) -->  %y = graph.mul %x, %c

Exporters leave biases of zeros and scales of ones behind; as one number the rules of algebra know them. Before
simplify-algebra.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from ...dialects._report import rewriting
from ...dialects._shape import Array, shape
from ...dialects.graph._pointwise import PointwiseOp
from ...dialects.graph.weight import AicContext, ConstantOp, WeightOp, WeightStore, recipe


@dataclass(frozen=True)
class ScalarizeWeights(ModulePass):
    """Weights of more than `limit` elements are not read."""

    name = "scalarize-weights"

    limit: int = 1 << 16

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        known: dict[SSAValue, Array | None] = {}
        for inner in list(op.walk()):
            if isinstance(inner, PointwiseOp):
                for index, value in enumerate(inner.operands):
                    if value not in known:
                        known[value] = self.number(value, weights)
                    if (found := known[value]) is not None:
                        replace(inner, index, found)

    def number(self, value: SSAValue, weights: WeightStore) -> Array | None:
        """The one number that all elements of a constant or weight are, by their bits."""
        if not isinstance(value.owner, ConstantOp | WeightOp) or not 1 <= prod(shape(value)) <= self.limit:
            return None
        if not shape(value) or (made := recipe(value, weights)) is None:
            return None
        flat = np.ascontiguousarray(made()).reshape(-1)
        rows = flat.view(np.uint8).reshape(flat.size, -1)
        return flat[0].reshape(()) if bool((rows == rows[0]).all()) else None


def replace(op: PointwiseOp, index: int, number: Array) -> None:
    """Put a number in place of an operand, if the other operands alone have the result's shape."""
    others = [shape(v) for i, v in enumerate(op.operands) if i != index]
    if not others or np.broadcast_shapes(*others) != shape(op.results[0]):
        return
    if not rewriting(op, "scalarize-weights"):
        return
    made = ConstantOp(number)
    made.location = op.location
    block = op.parent
    assert block is not None
    block.insert_op_before(made, op)
    op.operands[index] = made.res
