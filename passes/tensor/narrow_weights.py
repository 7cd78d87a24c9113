"""Weights of products are stored in fewer bits, and widened where they are read: the sums stay in f32.

    %w = graph.weight @w : tensor<768x3072xf32>
    %y = linalg.generic (m, n, k) ins(%x, %w) { mulf, addf }
-->
    %w = graph.weight @w.int8 : tensor<768x3072xi8>          // or @w.bf16, and no scale
    %s = graph.weight @w.scale : tensor<3072xf32>
    %p = linalg.generic (m, n, k) ins(%x, %w) { sitofp, mulf, addf }
    %y = linalg.generic (m, n) ins(%p, %s) { mulf }

A product of few rows takes as long as its weights take to arrive from memory. Values change: bf16 is off by up to 2^-9
of each weight, int8 (symmetric, a scale for each column) by up to 1/254 of its column's largest.

After `lower-graph-to-tensor`, because only there a weight's reader says how it widens; before `fuse-kernels`.
"""

from dataclasses import dataclass
from math import prod

import ml_dtypes
import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import Float32Type, ModuleOp, TensorType, bf16, f32, i8
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from ...dialects._generic import Generic, generic
from ...dialects._report import missed, rewriting
from ...dialects._shape import Array, element, shape
from ...dialects._xdsl import GenericOp
from ...dialects.graph.weight import AicContext, Recipe, WeightOp, WeightStore, recipe
from ._edit import inserted
from ._lower._views import Views

MANY = 1 << 16
"""Elements from which on it is worth it."""
LARGEST = 127


@dataclass(frozen=True)
class NarrowWeights(ModulePass):
    """Options: `bf16`, or `int8` with a scale for each column of a product."""

    name = "narrow-weights"
    dtype: str = "bf16"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.dtype not in ("bf16", "int8"):
            raise PassFailedException(f"narrow-weights: dtype must be bf16 or int8, found {self.dtype!r}")
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        for found in [o for o in op.walk() if isinstance(o, GenericOp)]:
            view = generic(found)
            for number in range(len(view.inputs)):
                if (weight := _weight(view, number)) is not None:
                    if prod(shape(weight.res)) < MANY:
                        missed(found, "narrow", f"@{weight.weight} is small")
                    elif rewriting(found, "narrow", f"@{weight.weight} in {self.dtype}", saved=_saved(weight)):
                        _narrow(view, number, weight, weights, self.dtype)
                        break


def _weight(view: Generic, number: int) -> WeightOp | None:
    """The f32 weight that a product reads as this input, each element once for a set of dims."""
    access = view.inputs[number]
    floats = all(isinstance(element(v), Float32Type) for v in view.op.operands)
    if (
        view.contraction is None
        or not floats
        or not access.is_projected
        or not isinstance(access.value.owner, WeightOp)
    ):
        return None
    return access.value.owner


def _saved(weight: WeightOp) -> int:
    return 2 * prod(shape(weight.res))


def _narrow(view: Generic, number: int, weight: WeightOp, weights: WeightStore, dtype: str) -> None:
    made, kept = recipe(weight.res, weights), _columns(view, number)
    kind: Attribute = bf16 if dtype == "bf16" else i8
    name = f"{weight.weight}.{dtype}"
    if made is not None:
        name = weights.fresh(name, _rounded(made) if dtype == "bf16" else _quantized(made, kept))
    stored = inserted(WeightOp(name, TensorType(kind, shape(weight.res))), view.op).results[0]
    product = _widening(view, number, stored)
    if dtype == "int8":
        name = f"{weight.weight}.scale"
        if made is not None:
            name = weights.fresh(name, lambda: _scales(made(), kept).squeeze())
        product = _scaled(view, number, kept, product, name)
    view.op.results[0].replace_all_uses_with(product)
    Rewriter.erase_op(view.op)
    if not weight.res.uses:
        Rewriter.erase_op(weight)


def _columns(view: Generic, number: int) -> tuple[int, ...]:
    """The axes of a weight that the product keeps: one scale for each of their elements."""
    return tuple(a for a, index in enumerate(view.inputs[number].indices) if index.dim in view.parallel)


def _rounded(make: Recipe) -> Recipe:
    return lambda: make().astype(ml_dtypes.bfloat16)


def _quantized(make: Recipe, kept: tuple[int, ...]) -> Recipe:
    def made() -> Array:
        array = make()
        scale = _scales(array, kept)
        return np.clip(np.rint(array / np.where(scale == 0, 1, scale)), -LARGEST, LARGEST).astype(np.int8)

    return made


def _scales(array: Array, kept: tuple[int, ...]) -> Array:
    """The value of 1, for each element of the kept axes; the others are of size 1."""
    axes = tuple(a for a in range(array.ndim) if a not in kept)
    return (np.abs(array).max(axis=axes, keepdims=True) / np.float32(LARGEST)).astype(np.float32)


def _widening(view: Generic, number: int, stored: SSAValue) -> SSAValue:
    """The product with its weight read as it is stored."""
    op, kind = view.op, element(stored)
    region = op.body.clone()
    arg = Rewriter.replace_value_with_new_type(region.block.args[number], kind)
    widen = arith.ExtFOp(arg, f32) if kind == bf16 else arith.SIToFPOp(arg, f32)
    first = region.block.first_op
    assert first is not None
    inserted(widen, first)
    arg.replace_uses_with_if(widen.results[0], lambda use: use.operation is not widen)
    inputs = [stored if i == number else v for i, v in enumerate(op.inputs)]
    new = GenericOp(inputs, op.outputs, region, op.indexing_maps, op.iterator_types, op.result_types)
    return inserted(new, op).results[0]


def _scaled(view: Generic, number: int, kept: tuple[int, ...], product: SSAValue, name: str) -> SSAValue:
    """The product times the scale of each column."""
    weight, out = view.inputs[number], view.outputs[0]
    dims = [shape(weight.value)[a] for a in kept if shape(weight.value)[a] != 1]
    places = {index.dim: AffineDimExpr(axis) for axis, index in enumerate(out.indices)}
    reads = [places[weight.indices[a].dim] for a in kept if shape(weight.value)[a] != 1]
    rank, b = len(out.indices), Views(WeightStore(), Block())
    scale = inserted(WeightOp(name, TensorType(f32, dims)), view.op).results[0]
    inputs = [(product, AffineMap.identity(rank)), (scale, AffineMap(rank, 0, tuple(reads)))]
    start = b.empty(shape(product), f32), AffineMap.identity(rank)
    result = b.generic1(inputs, start, "p" * rank, lambda t, x, s, old: t.mul(x, s))
    for op in list(b.block.ops):
        op.detach()
        op.location = view.op.location
        Rewriter.insert_op(op, InsertPoint.before(view.op))
    return result
