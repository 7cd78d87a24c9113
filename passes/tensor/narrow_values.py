"""What passes between kernels is stored in 16 bits, and so are the factors of products; inside a kernel f32 stays f32.

    kernel.func @k0(%x: tensor<8x16xf32>, %w: tensor<16x8xf32>) -> tensor<8x8xf32> {
      %y = linalg.generic (m, n, k) ins(%x, %w) { mulf, addf }
      kernel.return %y
    }
    %1 = kernel.launch @k0(%0, %w) : .. -> tensor<8x8xf32>
-->
    kernel.func @k0(%x: tensor<8x16xf16>, %w: tensor<16x8xf16>) -> tensor<8x8xf16> {
      %y = linalg.generic (m, n, k) ins(%x, %w) { extf, extf, mulf, addf }
      %z = linalg.generic (m, n) ins(%y) { truncf }
      kernel.return %z
    }
    %1 = kernel.launch @k0(%0, %w.f16) : .. -> tensor<8x8xf16>

Inputs and outputs of the model keep their type, and so does what carries much in few elements: biases, scales, the
results of reductions. Values change: f16 is off by up to 2^-11 of each and ends at 65504, bf16 by 2^-8 and does not.

After `fuse-kernels`, because only there it is known what passes between kernels; before `assign-layout`.
"""

from dataclasses import dataclass
from math import prod

import ml_dtypes
import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import AnyFloat, BFloat16Type, Float16Type, Float32Type, FloatAttr, ModuleOp, TensorType
from xdsl.ir import OpResult, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from ...dialects._report import rewriting
from ...dialects._shape import Array, element, shape
from ...dialects.graph.weight import AicContext, Recipe, WeightOp, WeightStore, recipe
from ...dialects.kernel import LaunchOp
from ._edit import inserted
from ._narrowed import Narrowed, products, sums

KINDS: dict[str, tuple[AnyFloat, np.dtype[np.generic]]] = {
    "f16": (Float16Type(), np.dtype(np.float16)),
    "bf16": (BFloat16Type(), np.dtype(ml_dtypes.bfloat16)),
}
MANY = 1 << 12
"""Elements from which on a value is worth it."""
VIEWS = (tensor.CollapseShapeOp, tensor.ExpandShapeOp, tensor.ExtractSliceOp, tensor.ConcatOp, tensor.PadOp)
"""Host ops whose results have the elements of their operands."""


@dataclass(frozen=True)
class NarrowValues(ModulePass):
    """Option: the type, `f16` or `bf16`."""

    name = "narrow-values"
    dtype: str = "f16"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.dtype not in KINDS:
            raise PassFailedException(f"narrow-values: dtype must be f16 or bf16, found {self.dtype!r}")
        kind, numpy = KINDS[self.dtype]
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        kernels = Narrowed(op, kind)
        for main in [f for f in op.ops if isinstance(f, func.FuncOp) and not f.is_declaration]:
            for group in groups(main):
                if is_worth_it(group, kernels) and rewriting(group[0].op, "narrow", told(group), saved=saved(group)):
                    for value in group:
                        retype(value, kind, numpy, weights, self.dtype)
            for launch in [o for o in main.walk() if isinstance(o, LaunchOp)]:
                kernels.follow(launch)
        kernels.drop(op)


Group = tuple[OpResult, ...]
"""Values of f32 that views tie to one type, in the order in which they are made."""


def groups(main: func.FuncOp) -> list[Group]:
    """The groups of which nothing but launches and views knows."""
    first: dict[SSAValue, SSAValue] = {}
    members: dict[SSAValue, list[SSAValue]] = {}
    for op in main.walk():
        for value in op.results:
            if not isinstance(value.type, TensorType) or element(value) != Float32Type():
                continue
            tied = [v for v in op.operands if isinstance(v.type, TensorType)] if isinstance(op, VIEWS) else []
            found = list(dict.fromkeys(first.setdefault(v, v) for v in tied)) or [value]
            whole = [m for f in found for m in members.get(f, [f])]
            members[found[0]] = whole if value in whole else [*whole, value]
            first |= dict.fromkeys(members[found[0]], found[0])
    kept = [members[key] for key in dict.fromkeys(first.values())]
    return [tuple(v for v in group if isinstance(v, OpResult)) for group in kept if all(map(is_free, group))]


def is_free(value: SSAValue) -> bool:
    """Whether a value's type is no one's business but that of kernels and views."""
    if not isinstance(value, OpResult) or not isinstance(value.op, (LaunchOp, WeightOp, *VIEWS)):
        return False
    return all(isinstance(use.operation, (LaunchOp, *VIEWS)) for use in value.uses)


def is_worth_it(group: Group, kernels: Narrowed) -> bool:
    """Whether a group has a large value that a kernel makes, no sum over many elements; or factors of products."""
    made = [(v, kernels.kernels[v.op.kernel]) for v in group if isinstance(v.op, LaunchOp)]
    if any(sums(func, v.index) for v, func in made):
        return False
    if made:
        return max(prod(shape(v)) for v, _ in made) >= MANY
    uses = [(use.operation, use.index) for v in group for use in v.uses]
    return any(isinstance(op, LaunchOp) and products(kernels.kernels[op.kernel], index) for op, index in uses)


def told(group: Group) -> str:
    """A group for the reader."""
    op = group[0].op
    return f"@{op.weight}" if isinstance(op, WeightOp) else f"{group[0].type}"


def saved(group: Group) -> int:
    """Bytes that are no longer stored."""
    return sum(2 * prod(shape(v)) for v in group if isinstance(v.op, LaunchOp | WeightOp))


def retype(value: OpResult, kind: AnyFloat, numpy: np.dtype[np.generic], weights: WeightStore, dtype: str) -> None:
    """Give a value its narrow type, and the op that makes it what goes with it."""
    op, type = value.op, TensorType(kind, shape(value))
    if isinstance(op, WeightOp):
        name, made = f"{op.weight}.{dtype}", recipe(value, weights)
        if made is not None and name not in weights:
            weights.add(name, rounded(made, numpy))
        new = inserted(WeightOp(name, type), op)
        value.replace_all_uses_with(new.results[0])
        Rewriter.erase_op(op)
        return
    if isinstance(op, tensor.PadOp):
        margin(op, kind)
    Rewriter.replace_value_with_new_type(value, type)


def margin(op: tensor.PadOp, kind: AnyFloat) -> None:
    """Let a pad fill with the same number in another type."""
    last = op.region.block.last_op
    if last is None or not isinstance(old := last.operands[0].owner, arith.ConstantOp):
        raise PassFailedException("narrow-values: tensor.pad: expected a constant to pad with")
    assert isinstance(old.value, FloatAttr)
    new = arith.ConstantOp(FloatAttr(old.value.value.data, kind))
    new.location = op.location
    Rewriter.insert_op(new, InsertPoint.before(old if old.parent is not None else op))
    last.operands[0] = new.result
    if not old.result.uses:
        Rewriter.erase_op(old)


def rounded(make: Recipe, dtype: np.dtype[np.generic]) -> Recipe:
    """The array in another type; what is too large for it, its largest number."""

    def made() -> Array:
        limit = float(ml_dtypes.finfo(dtype).max)
        return np.clip(make(), -limit, limit).astype(dtype)

    return made
