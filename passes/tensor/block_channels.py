"""Stores the channels of convolutions in blocks, NCHWc: the result of each has its place in the block innermost.

    %1 = generic (n, o, h, w, i, a, b) ins(%x: 1x8x9x9, %w: 20x8x3x3)       // 1x20x7x7
    %2 = generic (n, o, h, w) ins(%1, %bias: 20)
-->
    %1 = generic (n, O, h, w, o, i, a, b) ins(%x, %w': 3x8x3x3x8)           // 1x3x7x7x8
    %2 = generic (n, O, h, w, o) ins(%1, %bias': 3x8)
    %y = extract_slice (collapse_shape (copy %2))                           // where something needs 1x20x7x7

Weights are stored in blocks at compile time. Pointwise ops, pools, pads and concats follow what they read; whatever
else reads a result has it whole again, and a remark tells what such a copy costs. What fills up a last block is a
finite number that meets weights of zero; ops that could make another of it leave the blocks, if channels do not divide.
After fold-views, because views hide channels; before fuse-kernels, which joins the copies to kernels.

Not part of a level: against channels last, the least CPU time of 12 paired runs at -O3 (AVX2, two shared cores) is 0.93
and 0.91 with blocks of 16 for SqueezeNet and MobileNetV2, but 1.37 for ResNet-50; 1.2 to 1.5 with blocks of 8.
"""

from dataclasses import dataclass, field
from math import prod

from xdsl.context import Context
from xdsl.dialects import arith, func, math, tensor
from xdsl.dialects.builtin import AnyFloat, IndexType, ModuleOp, TensorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from ...dialects._generic import Access, Generic, generic
from ...dialects._report import missed, rewriting
from ...dialects._shape import dtype, element, shape
from ...dialects._xdsl import GenericOp, IndexOp, YieldOp
from ...dialects.graph.weight import AicContext, WeightOp, WeightStore
from ._blocked import Dims, Split, blocked_array, blocked_shape, from_blocks, to_blocks
from ._dead import erase_dead
from ._edit import inserted
from ._reshape import is_fresh

FINITE = (
    *(arith.ConstantOp, arith.AddfOp, arith.SubfOp, arith.MulfOp, arith.MaximumfOp, arith.MinimumfOp, arith.NegfOp),
    *(arith.CmpfOp, arith.SelectOp, arith.ExtFOp, arith.TruncFOp, math.AbsFOp, math.TanhOp, math.ErfOp, YieldOp),
)
"""Body ops that make no infinity of small numbers."""


@dataclass(frozen=True)
class BlockChannels(ModulePass):
    """`block`: channels side by side, the c of NCHWc."""

    name = "block-channels"
    block: int = 8

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        for function in [f for f in op.ops if isinstance(f, func.FuncOp) and not f.is_declaration]:
            _Walk(self.block, weights).walk(function.body.block)
            erase_dead(function.body.block)


@dataclass
class _Walk:
    """Goes through a block once. `twins` has, for a whole tensor, the one in blocks."""

    block: int
    weights: WeightStore
    twins: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    stored: dict[tuple[str, Dims], str] = field(default_factory=dict[tuple[str, Dims], str])

    def walk(self, block: Block) -> None:
        """Rewrite what may be in blocks; tell which copies are left."""
        for op in list(block.ops):
            match op:
                case GenericOp():
                    self.generic(op)
                case tensor.PadOp():
                    self.pad(op)
                case tensor.ConcatOp():
                    self.concat(op)
                case _:
                    pass
        for whole, twin in self.twins.items():
            if whole.uses and isinstance(whole.owner, Operation) and isinstance(twin.owner, Operation):
                size = 2 * prod(shape(whole)) * dtype(element(whole)).itemsize
                missed(twin.owner, "conversion", f"read whole again: {size} bytes moved")

    def generic(self, op: GenericOp) -> None:
        """Let a generic make its result in blocks."""
        if (split := self.split(generic(op))) is None or not rewriting(op, "block"):
            return
        made = split.made([self.operand(access, split) for access in split.view.inputs])
        assert made is not None, "an initial value that differs from place to place"
        self.replace(op, made.results[0])

    def replace(self, op: Operation, twin: SSAValue) -> None:
        """Let readers of an op read the twin, whole again; those to come may read the twin itself."""
        result = op.results[0]
        whole = from_blocks(twin, shape(result), op)
        twin.name_hint = result.name_hint
        result.replace_all_uses_with(whole)
        self.twins[whole] = twin
        op.detach()
        op.erase()

    def split(self, view: Generic) -> Split | None:
        """How a generic is to be rewritten; None if it stays."""
        if len(view.outputs) != 1 or any(not isinstance(v.owner, arith.ConstantOp) for v in view.captures):
            return None
        out = view.outputs[0]
        if not is_fresh(out.value) or any(isinstance(inner, IndexOp) for inner in view.op.body.walk()):
            return None
        if len(out.indices) < 2 or tuple(i.dim for i in out.indices) != view.parallel:
            return None
        dims = {view.parallel[1]}
        if self._is_convolution(view):
            deep = view.inputs[0].indices[1].dim
            dims |= {deep} & set(view.reduction) if deep is not None and view.inputs[0].value in self.twins else set()
        elif not any(a.value in self.twins and a.indices[1].dim in dims for a in view.inputs):
            return None
        split = Split(view, tuple(sorted(dims)), self.block)
        return split if self._fits(split) else None

    def _is_convolution(self, view: Generic) -> bool:
        """Whether it sums products of a weight that has the result's channels, enough for a block."""
        if view.contraction is None or len(view.parallel) != 4 or len(view.inputs[0].indices) < 2:
            return False
        channels, filters = view.parallel[1], view.inputs[1]
        return self._is_weight(filters.value) and channels in filters.dims and view.sizes[channels] >= self.block

    def _is_weight(self, value: SSAValue) -> bool:
        return isinstance(value.owner, WeightOp) and value.owner.weight in self.weights

    def _fits(self, split: Split) -> bool:
        """Whether all operands can be had in blocks, at no more than the cost of having the others whole."""
        gained = lost = 0
        for access in split.view.inputs:
            if (axes := split.axes(access)) is None:
                return False
            if not axes or self._is_weight(access.value):
                continue
            if axes != (1,) or not isinstance(access.value.type, TensorType):
                return False
            size = prod(shape(access.value))
            gained, lost = (gained + size, lost) if access.value in self.twins else (gained, lost + size)
        if lost > gained and not self._is_convolution(split.view):
            return False
        return self._divides(split) or _stays_finite(split.view)

    def _divides(self, split: Split) -> bool:
        return all(split.view.sizes[d] % self.block == 0 for d in split.dims)

    def operand(self, access: Access, split: Split) -> SSAValue:
        """An operand as the split generic reads it."""
        value, axes = access.value, split.axes(access)
        if not axes:
            return value
        if isinstance(weight := value.owner, WeightOp) and self._is_weight(value):
            return self.weight(weight, axes, split.view.op)
        if value not in self.twins:
            size = 2 * prod(shape(value)) * dtype(element(value)).itemsize
            missed(split.view.op, "conversion", f"an operand is brought into blocks: {size} bytes moved")
            self.twins[value] = to_blocks(value, self.block, split.view.op)
        return self.twins[value]

    def weight(self, op: WeightOp, axes: Dims, before: Operation) -> SSAValue:
        """A weight stored in blocks."""
        if (key := (op.weight, axes)) not in self.stored:
            recipe = self.weights.recipe(op.weight)
            self.stored[key] = self.weights.fresh(op.weight, lambda: blocked_array(recipe(), axes, self.block))
        kind = TensorType(element(op.res), blocked_shape(shape(op.res), axes, self.block))
        return inserted(WeightOp(self.stored[key], kind), before).results[0]

    def pad(self, op: tensor.PadOp) -> None:
        """Margins of what is in blocks, but for its channels."""
        if op.low or op.high or (twin := self.twins.get(op.source)) is None:
            return
        low, high = op.static_low.get_values(), op.static_high.get_values()
        if low[1] or high[1] or any(arg.uses for arg in op.region.block.args) or not rewriting(op, "block"):
            return
        region = op.region.clone()
        region.block.insert_arg(IndexType(), len(low))
        low, high = (*low, 0), (*high, 0)
        dims = [a + n + b for a, n, b in zip(low, shape(twin), high, strict=True)]
        new = tensor.PadOp(twin, (), (), region, low, high, TensorType(element(twin), dims))
        self.replace(op, inserted(new, op).results[0])

    def concat(self, op: tensor.ConcatOp) -> None:
        """Whole blocks one after the other."""
        axis = op.dim.value.data
        twins = [self.twins.get(v) for v in op.inputs]
        if None in twins or (axis == 1 and any(shape(v)[1] % self.block for v in op.inputs)):
            return
        if not rewriting(op, "block"):
            return
        given = [t for t in twins if t is not None]
        dims = list(shape(given[0]))
        dims[axis] = sum(shape(t)[axis] for t in given)
        new = tensor.ConcatOp(given, axis, TensorType(element(given[0]), dims))
        self.replace(op, inserted(new, op).results[0])


def _stays_finite(view: Generic) -> bool:
    """Whether finite numbers in a block's unused places give finite ones."""
    return isinstance(element(view.op.results[0]), AnyFloat) and all(
        isinstance(inner, FINITE) for inner in view.op.body.walk()
    )
