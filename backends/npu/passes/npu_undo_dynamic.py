"""Products of dynamically quantised values become products of floats, with the weights as they are.

    %q, %s, %z = graph.dynamic_quantize %x
    %1 = graph.matmul_integer %q, %w, %z, %wz                  %v = graph.dequantize %w, %ws, %wz {axis = 1}
    %2 = graph.cast %1 {to = f32}                       -->    %3 = graph.matmul %x, %v
    %3 = graph.mul %2, (graph.mul %s, %ws)

Scales that are found while running would have the NPU stop at each product for the host; in bf16, or calibrated by
npu-quantize, it need not. Marked inexact: x is no longer rounded to 8 bits. The same for conv_integer. Before
npu-quantize and npu-select, because neither reads the dynamic form.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, f32
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ....dialects._location import fused
from ....dialects._shape import element, shape
from ....dialects.graph._base import GraphOp
from ....dialects.graph.cast import CastOp
from ....dialects.graph.contraction import MatmulIntegerOp, MatmulOp
from ....dialects.graph.conv import ConvIntegerOp, ConvOp
from ....dialects.graph.elementwise import MulOp
from ....dialects.graph.quantize import DequantizeOp, DynamicQuantizeOp
from ....dialects.graph.view import ExpandOp, ReshapeOp
from ..quant.known import is_known


@dataclass(frozen=True)
class NpuUndoDynamic(ModulePass):
    """Weights and their scales have to be known."""

    name = "npu-undo-dynamic"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([_Undo()], dce_enabled=True)).rewrite_module(op)


class _Undo(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MulOp, rewriter: PatternRewriter) -> None:
        for sums, scales in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
            if (product := product_of(sums)) is not None and (scale := factor_of(scales, product)) is not None:
                new = floating(product, scale)
                for made in new:
                    made.location = fused((product.location, op.location))
                rewriter.replace(op, new)
                return


def product_of(value: SSAValue) -> MatmulIntegerOp | ConvIntegerOp | None:
    """The product whose 32-bit integers are the value, if its first operand is dynamically quantised."""
    cast = value.owner
    if not isinstance(cast, CastOp) or cast.to != f32:
        return None
    product = cast.x.owner
    if not isinstance(product, MatmulIntegerOp | ConvIntegerOp):
        return None
    x, w, x_zero, w_zero = operands(product)
    source = x.owner
    if not isinstance(source, DynamicQuantizeOp) or source.res is not x or x_zero is not source.zero:
        return None
    return product if is_known(w) and (w_zero is None or is_known(w_zero)) else None


def operands(op: MatmulIntegerOp | ConvIntegerOp) -> tuple[SSAValue, SSAValue, SSAValue | None, SSAValue | None]:
    """Both factors and their zero points."""
    if isinstance(op, MatmulIntegerOp):
        return op.lhs, op.rhs, op.lhs_zero, op.rhs_zero
    return op.x, op.w, op.x_zero, op.w_zero


def factor_of(value: SSAValue, product: MatmulIntegerOp | ConvIntegerOp) -> SSAValue | None:
    """The known scale of the weights, where the value is that times the scale found while running; for each output
    channel or for all."""
    if not isinstance(op := value.owner, MulOp):
        return None
    source = product.operands[0].owner
    assert isinstance(source, DynamicQuantizeOp)
    scale = op.rhs if op.lhs is source.scale else op.lhs if op.rhs is source.scale else None
    if scale is None or not is_known(scale) or element(scale) != f32:
        return None
    dims = shape(product.results[0])
    axis = len(dims) - 1 if isinstance(product, MatmulIntegerOp) else 1
    wide = (1,) * (len(dims) - len(shape(scale))) + shape(scale)
    fits = len(wide) == len(dims) and all(n == 1 or (i == axis and n == dims[i]) for i, n in enumerate(wide))
    return scale if fits else None


def floating(product: MatmulIntegerOp | ConvIntegerOp, scale: SSAValue) -> list[Operation]:
    """The product of floats, after the ops that make floats of the weights."""
    _, w, _, zero = operands(product)
    source = product.operands[0].owner
    assert isinstance(source, DynamicQuantizeOp)
    axis = len(shape(w)) - 1 if isinstance(product, MatmulIntegerOp) else 0
    channels, new = shape(w)[axis], list[Operation]()

    def vector(value: SSAValue) -> SSAValue:
        op: GraphOp = ReshapeOp.make(value, shape=[max(shape(value), default=1)])
        if shape(op.results[0]) != (channels,):
            new.append(op)
            op = ExpandOp.make(op.results[0], shape=[channels])
        new.append(op)
        return op.results[0]

    new.append(back := DequantizeOp.make(w, vector(scale), None if zero is None else vector(zero), axis=axis, to=f32))
    if isinstance(product, MatmulIntegerOp):
        return [*new, MatmulOp.make(source.x, back.res)]
    kept = {k: v for k, v in product.properties.items() if k != "operandSegmentSizes"}
    return [*new, ConvOp.make(source.x, back.res, None, regions=(), **kept)]
