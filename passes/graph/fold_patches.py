"""A convolution whose filters lie side by side becomes a product of matrices: each patch of the image is a row.

    %y = graph.conv %x, %w, %b {strides = array<i64: 16, 16>}     x [N, 3, 224, 224], filters [384, 3, 16, 16]
-->
    %p = graph.reshape (graph.transpose (graph.reshape %x))       [N, 14 14, 3 16 16]
    %z = graph.add (graph.matmul %p, (graph.transpose (graph.reshape %w))), %b
    %y = graph.reshape (graph.transpose %z)                       [N, 384, 14, 14]

For known filters over at most `channels` channels, without pads, dilation and groups: an array that takes a pixel's
channels at a time has little to do with few of them. Before cancel-inverse and fold-constants, which clear up.
"""

from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects._report import rewriting
from ...dialects._shape import shape
from ...dialects.graph.contraction import MatmulOp
from ...dialects.graph.conv import ConvOp
from ...dialects.graph.elementwise import AddOp
from ...dialects.graph.view import ReshapeOp, SliceOp, TransposeOp
from ...dialects.graph.weight import ConstantOp, WeightOp
from ._made import Made


@dataclass(frozen=True)
class FoldPatches(ModulePass):
    """What is left over at the ends of the image is cut off."""

    name = "fold-patches"

    channels: int = 4

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for inner in list(op.walk()):
            if isinstance(inner, ConvOp) and self.is_patchwork(inner) and rewriting(inner, "fold-patches"):
                fold(inner)

    def is_patchwork(self, op: ConvOp) -> bool:
        """Whether filters touch without overlap, and over few channels."""
        window, _ = op.geometry()
        plain = op.groups == 1 and not any((*window.low, *window.high)) and set(window.dilations) == {1}
        known = isinstance(op.w.owner, ConstantOp | WeightOp) and shape(op.w)[1] <= self.channels
        return plain and known and window.kernel == window.strides and max(window.kernel) > 1


def fold(op: ConvOp) -> None:
    """Replace the convolution by a product."""
    new = Made(op.location)
    kernel, counts = shape(op.w)[2:], shape(op.res)[2:]
    images, channels = shape(op.x)[:2]
    outputs, depth, rank = shape(op.w)[0], prod(shape(op.w)[1:]), len(kernel)
    sizes = (images, channels, *(n * k for n, k in zip(counts, kernel, strict=True)))
    x = op.x
    if shape(x) != sizes:
        x = new(SliceOp, x, offsets=[0] * len(sizes), sizes=sizes, strides=[1] * len(sizes))
    cut = [size for pair in zip(counts, kernel, strict=True) for size in pair]
    x = new(ReshapeOp, x, shape=(images, channels, *cut))
    x = new(TransposeOp, x, perm=(0, *range(2, 2 + 2 * rank, 2), 1, *range(3, 3 + 2 * rank, 2)))
    x = new(ReshapeOp, x, shape=(images, prod(counts), depth))
    w = new(TransposeOp, new(ReshapeOp, op.w, shape=(outputs, depth)), perm=(1, 0))
    y = new(MatmulOp, x, w)
    if op.bias is not None:
        y = new(AddOp, y, op.bias)
    y = new(TransposeOp, y, perm=(0, 2, 1))
    PatternRewriter(op).replace(op, new.ops, [new(ReshapeOp, y, shape=(images, outputs, *counts))])
