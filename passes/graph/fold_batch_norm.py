"""A batch normalisation, or a factor or offset per channel, goes into the weights and bias of what computes its input.

    %0 = graph.conv %x, %w, %b
    %1 = graph.batch_norm %0, %scale, %shift, %mean, %var      -->     %1 = graph.conv %x, %w1, %b1

    w1[c] = w[c] * scale[c] / sqrt(var[c] + epsilon)       b1[c] = shift[c] + (b[c] - mean[c]) * scale[c] / sqrt(...)

So for conv, conv_transpose and gemm whose weights and bias are known and whose result has no other use; a `mul` is a
factor and an `add` an offset if they are known and equal all over each channel. These two also go into the scale and
bias of a batch normalisation that follows something else. After fold-constants, because
parameters must be constants.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import cast

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, ModuleOp, TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker, RewritePattern

from ...dialects._location import fused
from ...dialects._report import missed
from ...dialects._shape import Array, dtype, element, shape, tensor
from ...dialects.graph.contraction import GemmOp
from ...dialects.graph.conv import ConvOp, ConvTransposeOp
from ...dialects.graph.normalization import BatchNormOp
from ...dialects.graph.weight import AicContext, Recipe, WeightStore, recipe
from ._channels import Affine, MakeVector, Vector, affine
from ._constants import constant, stem


@dataclass(frozen=True)
class FoldBatchNorm(ModulePass):
    """New weights are made when they are first used."""

    name = "fold-batch-norm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        PatternRewriteWalker(_Fold(weights)).rewrite_module(op)


@dataclass(frozen=True)
class Root:
    """An op that computes channels: its weight, its bias times `beta`, and how a vector over channels lies on the
    weight."""

    op: ConvOp | ConvTransposeOp | GemmOp | BatchNormOp
    weight: SSAValue
    bias: SSAValue | None
    beta: float
    spread: Callable[[Vector], Vector]


def root_of(op: object) -> Root | None:
    """The op as a root, None if it is none."""
    match op:
        case ConvOp():
            rank = len(shape(op.w))
            return Root(op, op.w, op.bias, 1.0, lambda v: v.reshape(-1, *(1,) * (rank - 1)))
        case ConvTransposeOp():
            rows, columns, *kernel = shape(op.w)
            dims, each = (rows, columns, *(1,) * len(kernel)), rows // op.groups
            return Root(op, op.w, op.bias, 1.0, lambda v: v.reshape(-1, columns).repeat(each, axis=0).reshape(dims))
        case GemmOp():
            return Root(op, op.b, op.c, op.scales[1], lambda v: v.reshape((-1, 1) if op.trans_b else (1, -1)))
        case BatchNormOp():
            return Root(op, op.scale, op.bias, 1.0, lambda v: v)
        case _:
            return None


@dataclass
class _Fold(RewritePattern):
    weights: WeightStore

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if (found := affine(op, self.weights)) is None or (root := root_of(found.value.owner)) is None:
            return
        if found.value.type != op.results[0].type or not isinstance(element(found.value), AnyFloat):
            return
        if root.op.parent is not op.parent or not found.value.has_one_use():
            return missed(op, "fold", "others read what it scales, too")
        if (new := self.folded(root, found)) is None:
            return missed(op, "fold", f"the weight or the bias of {root.op.name} is not known")
        for made in new:
            made.location = fused((root.op.location, op.location))
        rewriter.replace(op, new, new[-1].results)
        rewriter.erase(root.op)

    def folded(self, root: Root, into: Affine) -> list[Operation] | None:
        """The root with new weight and bias, after the ops that hold them; None if the old ones are not known."""
        values, result = recipe(root.weight, self.weights), root.op.results[0]
        channels = shape(result)[1]
        start = None if root.bias is None else recipe(root.bias, self.weights)
        if values is None or (root.bias is not None and (start is None or not is_row(shape(root.bias), channels))):
            return None
        made: list[Operation] = []
        weight = root.weight
        if (factor := into.factor) is not None:
            kind = cast(TensorType[Attribute], weight.type)
            product = scaled(values, factor, root.spread)
            made.append(constant(product, kind, self.weights, f"{stem(weight)}_scaled"))
            weight = made[-1].results[0]
        bias = None
        if start is not None or into.offset is not None:
            kind = tensor(element(result), (channels,))
            moved = shifted(start, root.beta, into, kind)
            made.append(constant(moved, kind, self.weights, f"{stem(root.weight)}_bias"))
            bias = made[-1].results[0]
        fields = {k: v for k, v in root.op.properties.items() if k not in ("operandSegmentSizes", "beta")}
        made.append(type(root.op).make(root.op.operands[0], weight, bias, *root.op.operands[3:], regions=(), **fields))
        return made


def is_row(dims: tuple[int, ...], channels: int) -> bool:
    """Whether a bias of this shape gives each channel one number."""
    return prod(dims) == (dims[-1] if dims else 1) and (not dims or dims[-1] in (1, channels))


def scaled(values: Recipe, factor: MakeVector, spread: Callable[[Vector], Vector]) -> Recipe:
    """The weight with each channel's factor, rounded to its type once."""

    def product() -> Array:
        weight = values()
        wide = np.float32 if weight.dtype.itemsize <= 4 else np.float64
        with np.errstate(all="ignore"):
            return np.multiply(weight, spread(factor()).astype(wide), dtype=wide).astype(weight.dtype)

    return product


def shifted(start: Recipe | None, beta: float, into: Affine, kind: TensorType[Attribute]) -> Recipe:
    """The bias with each channel's factor and offset, computed in f64."""

    def total() -> Array:
        with np.errstate(all="ignore"):
            bias = np.zeros(shape(kind)) if start is None else beta * start().astype(np.float64).reshape(-1)
            bias = bias if into.factor is None else bias * into.factor()
            bias = bias if into.offset is None else bias + into.offset()
            return np.broadcast_to(bias, shape(kind)).astype(dtype(kind))

    return total
