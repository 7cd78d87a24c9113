"""Values that are computed twice are computed once: value numbering, block by block, the outer ones' values in sight.

    %4 = graph.add %1, %2
    %5 = graph.add %2, %3         -->     %4 = graph.add %1, %2
    %6 = graph.add %2, %1                 %5 = graph.add %2, %3          %6 is %4

Two ops are one if name, attributes, result types, operands (of commutative ops in any order) and regions are equal;
what a region defines is numbered as it stands there. Ops with effects stay. Muchnick, Advanced Compiler Design, 12.4.
"""

from collections import ChainMap
from collections.abc import MutableMapping
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import FloatAttr, ModuleOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter
from xdsl.traits import Commutative, IsolatedFromAbove, IsTerminator, is_side_effect_free

from ...dialects._location import fused
from ...dialects._report import rewriting

Known = MutableMapping[object, Operation]


@dataclass(frozen=True)
class Cse(ModulePass):
    """The first of equal ops stays, with the places of all of them."""

    name = "cse"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for region in op.regions:
            for block in region.blocks:
                merge(block, {})


def merge(block: Block, known: Known) -> None:
    """Merge the ops of a block with those known and with one another; then those of the blocks inside it."""
    for op in list(block.ops):
        if op.regions:
            isolated = op.has_trait(IsolatedFromAbove)
            for region in op.regions:
                for inner in region.blocks:
                    merge(inner, {} if isolated else ChainMap({}, known))
        if not op.results or op.has_trait(IsTerminator) or not is_side_effect_free(op):
            continue
        key = key_of(op, {})
        if (first := known.get(key)) is None:
            known[key] = op
        elif rewriting(op, "merge"):
            first.location = fused((first.location, op.location))
            PatternRewriter(op).replace(op, [], first.results)


def key_of(op: Operation, local: dict[SSAValue, int]) -> object:
    """Equal for ops that compute the same; `local` numbers what a region round the op has defined."""
    operands: list[object] = [local.get(v, v) for v in op.operands]
    if op.has_trait(Commutative):
        operands.sort(key=lambda v: (isinstance(v, int), v if isinstance(v, int) else id(v)))
    named = sorted((*op.properties.items(), *op.attributes.items()), key=lambda field: field[0])
    fields = tuple((name, *bits(value)) for name, value in named)
    regions = tuple(block_key(block, local) for region in op.regions for block in region.blocks)
    shape = tuple(len(region.blocks) for region in op.regions)
    return op.name, tuple(operands), fields, tuple(op.result_types), shape, regions


def bits(attribute: Attribute) -> tuple[Attribute, str]:
    """What tells an attribute from others: 0.0 and -0.0 are equal, but not the same."""
    return attribute, repr(attribute.value.data) if isinstance(attribute, FloatAttr) else ""


def block_key(block: Block, local: dict[SSAValue, int]) -> object:
    """The ops of a block in order; its arguments and results by number."""
    for arg in block.args:
        local[arg] = len(local)
    ops = list[object]()
    for op in block.ops:
        ops.append(key_of(op, local))
        for result in op.results:
            local[result] = len(local)
    return tuple(arg.type for arg in block.args), tuple(ops)
