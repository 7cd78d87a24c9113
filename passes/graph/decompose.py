"""One op becomes several simpler ones, for machines that lack it.

    %y = graph.prelu %x, %s            -->    %y = graph.where (graph.less %x, %zero), (graph.mul %x, %s), %x
    %y = graph.conv %x, %w {pads}      -->    %y = graph.conv (graph.pad %x), %w
    %y = graph.conv %x, %w {group = 2}
-->
    %a = graph.conv (graph.slice %x [0, 0 .. 4]), (graph.slice %w [0 .. 8])
    %b = graph.conv (graph.slice %x [0, 4 .. 8]), (graph.slice %w [8 .. 16])
    %y = graph.concat %a, %b {axis = 1}

The rules stand in `decompose.rules`; those that change rounding want `fast`. Grouped convolutions are split into at
most `groups` parts; 0 leaves them. No pipeline wants it by itself.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects._report import missed, rewriting
from ...dialects._shape import shape
from ...dialects.graph.conv import ConvOp
from ...dialects.graph.view import ConcatOp
from .._rules import RulePass
from ._made import Made


@dataclass(frozen=True)
class Decompose(RulePass):
    """`groups`: how many parts a grouped convolution may become."""

    name = "decompose"
    groups: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        super().apply(ctx, op)
        for inner in list(op.walk()):
            if isinstance(inner, ConvOp) and inner.groups > 1 and self.groups:
                self.split(inner)

    def split(self, op: ConvOp) -> None:
        """A convolution for each group, side by side."""
        if op.groups > self.groups:
            missed(op, "group-conv", f"{op.groups} groups are more than {self.groups}")
            return
        if not rewriting(op, "group-conv"):
            return
        made, groups = Made(op.location), op.groups
        channels, filters = shape(op.x)[1] // groups, shape(op.w)[0] // groups
        fields = {k: v for k, v in op.properties.items() if k not in ("group", "operandSegmentSizes")}
        parts = [
            made(
                ConvOp,
                made.part(op.x, 1, i * channels, channels),
                made.part(op.w, 0, i * filters, filters),
                None if op.bias is None else made.part(op.bias, 0, i * filters, filters),
                **fields,
            )
            for i in range(groups)
        ]
        made(ConcatOp, parts, axis=1)
        PatternRewriter(op).replace(op, made.ops, [made.ops[-1].results[0]])
