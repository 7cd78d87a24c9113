"""A convolution whose kernel is long along the last dimension becomes a short one over more channels.

    %y = graph.conv %x, %w {strides = array<i64: 2>}        x [N, C, L], kernel 256, every second point
-->
    %f = graph.transpose (graph.reshape %x)                 [N, 16 C, L / 16]: the 16 points of a frame are channels
    %z = graph.conv %f, %v                                  kernel 17; 8 neighbouring outputs are channels
    %y = graph.reshape (graph.transpose %z)

With stride s, frames of P = s p points and p outputs to a frame:
y[p j + r] = sum_k x[s (p j + r) + k] w[k] = sum_(t, c) x[P (j + t) + c] v[r][t][c], v[r][t][c] = w[P t + c - s r].

For kernels above `above` along the last dimension, undilated and in one group. An array has few lanes for such a kernel
over one channel, and instructions hold 63 taps in a row.
"""

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects._report import missed, rewriting
from ...dialects._shape import Array, dtype, element, shape, tensor
from ...dialects.graph.conv import ConvOp
from ...dialects.graph.view import PadOp, TransposeOp
from ...dialects.graph.weight import AicContext, Recipe, WeightStore, recipe
from ._constants import stem
from ._made import Made


@dataclass(frozen=True)
class FoldLongKernels(ModulePass):
    """Frames have `lanes` points at least."""

    name = "fold-long-kernels"

    above: int = 63
    lanes: int = 16

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        for inner in list(op.walk()):
            if isinstance(inner, ConvOp) and (frames := self.frames(inner)) is not None:
                fold(inner, frames, weights)

    def frames(self, op: ConvOp) -> "Frames | None":
        """How a convolution is folded; None if it is not to be."""
        window, outputs = op.geometry()
        if window.kernel[-1] <= self.above or op.groups != 1 or window.dilations[-1] != 1:
            return None
        stride = window.strides[-1]
        return Frames(window.kernel[-1], stride, max(1, -(-self.lanes // stride)), outputs[-1])


@dataclass(frozen=True)
class Frames:
    """`each` outputs, `stride` points apart, to a frame."""

    kernel: int
    stride: int
    each: int
    outputs: int

    @property
    def points(self) -> int:
        """Points of a frame."""
        return self.stride * self.each

    @property
    def taps(self) -> int:
        """Frames that the outputs of one frame are made of."""
        return -(-(self.kernel + self.stride * (self.each - 1)) // self.points)

    @property
    def count(self) -> int:
        """Frames of output."""
        return -(-self.outputs // self.each)

    def filters(self, w: Array) -> Array:
        """w [OC, C, .., kernel] as [each OC, points C, .., taps]."""
        made = np.zeros((self.each, *w.shape[:-1], self.taps * self.points), w.dtype)
        for r in range(self.each):
            made[r, ..., self.stride * r : self.stride * r + self.kernel] = w
        split = made.reshape(*made.shape[:-1], self.taps, self.points)  # [each, OC, C, .., taps, points]
        split = np.moveaxis(split, -1, 2)
        return split.reshape(self.each * w.shape[0], self.points * w.shape[1], *split.shape[4:])


def fold(op: ConvOp, frames: Frames, weights: WeightStore) -> None:
    """Replace the convolution by one over frames."""
    read = recipe(op.w, weights)
    bias = None if op.bias is None else recipe(op.bias, weights)
    if read is None or (op.bias is not None and bias is None):
        return missed(op, "fold-kernel", "the weight or the bias is not known")
    if not rewriting(op, "fold-kernel"):
        return
    new, window = Made(op.location), op.geometry()[0]
    channels, axes, rank = shape(op.w)[0], len(window.kernel) - 1, len(shape(op.w))
    v = new.known(lambda: frames.filters(read()), filter_type(op, frames), weights, f"{stem(op.w)}_frames")
    b = None
    if bias is not None:
        kind = tensor(element(op.x), (frames.each * channels,))
        b = new.known(repeated(bias, frames.each), kind, weights, f"{stem(op.w)}_bias")
    x = framed(new, op, frames)
    strides, dilations = (*window.strides[:-1], 1), (*window.dilations[:-1], 1)
    pads = (*window.low[:-1], 0, *window.high[:-1], 0)
    z = new(ConvOp, x, v, b, strides=strides, dilations=dilations, pads=pads, group=1)
    images, _, *middle, count = shape(z)
    z = new.reshaped(z, images, frames.each, channels, *middle, count)
    z = new(TransposeOp, z, perm=(0, 2, *range(3, 3 + axes), 3 + axes, 1))
    y = new.reshaped(z, images, channels, *middle, count * frames.each)
    if shape(y) != shape(op.res):
        y = new.part(y, rank - 1, 0, frames.outputs)
    PatternRewriter(op).replace(op, new.ops, [y])


def filter_type(op: ConvOp, frames: Frames) -> TensorType[Attribute]:
    """The type of the folded filters."""
    channels, inputs, *middle, _ = shape(op.w)
    return tensor(dtype(op.w.type), (frames.each * channels, frames.points * inputs, *middle, frames.taps))


def repeated(bias: Recipe, times: int) -> Recipe:
    """A bias for each output of a frame."""
    return lambda: np.tile(bias(), times)


def framed(new: Made, op: ConvOp, frames: Frames) -> SSAValue:
    """x with its pads along the last dimension, cut into frames, whose points go before the channels."""
    window = op.geometry()[0]
    images, channels, *middle, length = shape(op.x)
    low, wanted = window.low[-1], (frames.count + frames.taps - 1) * frames.points
    high = wanted - low - length
    x = op.x
    if low or high > 0:
        rest = [0] * (1 + len(shape(x)[1:-1]))
        x = new(PadOp, x, None, low=[*rest, low], high=[*rest, max(high, 0)], mode="constant")
    if high < 0:
        x = new.part(x, len(shape(x)) - 1, 0, wanted)
    x = new.reshaped(x, images, channels, *middle, wanted // frames.points, frames.points)
    x = new(TransposeOp, x, perm=(0, 2 + len(middle) + 1, 1, *range(2, 3 + len(middle))))
    return new.reshaped(x, images, frames.points * channels, *middle, wanted // frames.points)
