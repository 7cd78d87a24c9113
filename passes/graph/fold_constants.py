"""Ops on known values become known values.

    %w = graph.weight @w0 : tensor<768x3072xf32>                %w = graph.weight @w0 : tensor<768x3072xf32>
    %t = graph.transpose %w {perm = array<i64: 1, 0>}    -->    %t = graph.weight @w0_transpose : tensor<3072x768xf32>

Up to `at_once` elements a result is computed now; a larger one is a weight that is computed when it is first used. A
result of more than `limit` elements, or larger than `growth` and than all operands together, is left to run time; so
are the ops named in `keep` (`dequantize`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter
from xdsl.traits import Pure

from ...dialects._report import missed, rewriting
from ...dialects._shape import Array, shape
from ...dialects.graph._base import GraphOp
from ...dialects.graph.weight import AicContext, Recipe, WeightStore, recipe
from ._constants import constant, lazy, stem


@dataclass(frozen=True)
class FoldConstants(ModulePass):
    """One walk, operands before their users, so that what folds feeds what follows."""

    name = "fold-constants"

    at_once: int = 4096
    growth: int = 1 << 16
    limit: int = 1 << 30
    keep: tuple[str, ...] = ()

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        for inner in list(op.walk()):
            if isinstance(inner, GraphOp) and inner.operands:
                if self.may_fold(inner):
                    self.fold(inner, weights)
                elif all(recipe(v, weights) is not None for v in inner.operands):
                    missed(inner, "fold", self.why_not(inner))

    def may_fold(self, op: GraphOp) -> bool:
        """Whether the op could be folded were its operands known."""
        made, read = elements(op.results), elements(op.operands)
        bounded = made <= self.limit and made <= max(self.growth, read)
        wanted = op.name.removeprefix("graph.") not in self.keep
        return wanted and bounded and bool(op.operands) and not op.regions and op.has_trait(Pure)

    def why_not(self, op: GraphOp) -> str:
        """The reason why an op on known values is left."""
        made = elements(op.results)
        if made > self.limit or made > max(self.growth, elements(op.operands)):
            return f"{made} elements would be kept: more than limit, or than growth and all operands"
        return "the op is one of keep, has regions, or does more than compute"

    def fold(self, op: GraphOp, weights: WeightStore) -> None:
        """Replace the op by its results if its operands are known."""
        inputs = [r for v in op.operands if (r := recipe(v, weights)) is not None]
        if len(inputs) < len(op.operands) or not rewriting(op, "fold"):
            return
        name = f"{stem(*op.operands)}_{op.name.rpartition('.')[2]}"
        small = elements((*op.operands, *op.results)) <= self.at_once
        results = evaluated(detached(op), inputs) if small else None
        new: list[Operation] = []
        for i, result in enumerate(op.results):
            type = cast(TensorType[Attribute], result.type)
            if results is not None:
                new.append(constant(partial(results.__getitem__, i), type, weights, name))
            else:
                new.append(lazy(partial(nth, detached(op), inputs, i), type, weights, name))
            new[-1].location = op.location
        PatternRewriter(op).replace(op, new, [made.results[0] for made in new])


def elements(values: Iterable[SSAValue]) -> int:
    """How many elements the values have together."""
    return sum(prod(shape(v)) for v in values)


def detached(op: GraphOp) -> GraphOp:
    """A copy that hangs on no other op, to be evaluated later."""
    stubs = Block(arg_types=[v.type for v in op.operands]).args
    return op.clone(dict(zip(op.operands, stubs, strict=True)))


def evaluated(op: GraphOp, inputs: list[Recipe]) -> tuple[Array, ...]:
    """The op's results for what the recipes give."""
    return op.evaluate(*(make() for make in inputs))


def nth(op: GraphOp, inputs: list[Recipe], index: int) -> Array:
    """One of the op's results."""
    return evaluated(op, inputs)[index]
