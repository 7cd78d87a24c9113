"""Slices of a convolution's channels become convolutions with slices of the weights.

    %y = graph.conv %x, %w, %b                                    %a = graph.conv %x, (graph.slice %w), (graph.slice %b)
    %a = graph.slice %y {offsets = 0, 0, 0; sizes = 1, 129, 9}    -->
    %c = graph.slice %y {offsets = 0, 129, 0; ..}                 %c = graph.conv %x, (graph.slice %w), (graph.slice %b)

Real and imaginary parts of a Fourier transform come like this. Where channels lie side by side in lines, a slice that
begins within a line has to be moved lane by lane; one that begins at a multiple of `aligned` is for nothing, and stays.
Before fold-constants, which slices known weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects._location import fused
from ...dialects._report import rewriting
from ...dialects._shape import shape
from ...dialects.graph._base import ints
from ...dialects.graph.conv import ConvOp
from ...dialects.graph.view import SliceOp
from ._made import Made


@dataclass(frozen=True)
class SliceWeights(ModulePass):
    """All that reads the convolution has to be slices that do not overlap."""

    name = "slice-weights"

    aligned: int = 16

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for inner in list(op.walk()):
            if isinstance(inner, ConvOp) and inner.groups == 1 and (slices := self.slices(inner)):
                cut(inner, slices)

    def slices(self, op: ConvOp) -> list[SliceOp]:
        """The slices of an op's channels that are all that reads it; none where it is better left whole."""
        found: list[SliceOp] = []
        for use in op.res.uses:
            if not isinstance(reader := use.operation, SliceOp) or not by_channel(reader):
                return []
            found.append(reader)
        found.sort(key=first)
        if all(first(s) % self.aligned == 0 for s in found):
            return []
        apart = all(first(a) + count(a) <= first(b) for a, b in pairwise(found))
        return found if apart else []


def by_channel(op: SliceOp) -> bool:
    """Whether a slice takes neighbouring channels and all of the other dimensions."""
    dims = shape(op.x)
    whole = all(size == n for axis, (size, n) in enumerate(zip(ints(op.sizes), dims, strict=True)) if axis != 1)
    return whole and ints(op.strides) == (1,) * len(dims)


def first(op: SliceOp) -> int:
    """The first channel."""
    return ints(op.offsets)[1]


def count(op: SliceOp) -> int:
    """How many channels."""
    return ints(op.sizes)[1]


def cut(op: ConvOp, slices: Sequence[SliceOp]) -> None:
    """A convolution in place of each slice."""
    if not rewriting(op, "slice"):
        return
    kept = {k: v for k, v in op.properties.items() if k != "operandSegmentSizes"}
    for part in slices:
        new = Made(fused((op.location, part.location)))
        w = new.part(op.w, 0, first(part), count(part))
        bias = None if op.bias is None else new.part(op.bias, 0, first(part), count(part))
        new.add(ConvOp.make(op.x, w, bias, regions=(), **kept))
        PatternRewriter(part).replace(part, new.ops)
    PatternRewriter(op).erase(op)
