"""A convolution of every b-th pixel, b x b images in turn, is one dilated convolution.

    [1, 8, 12, 12]   every second pixel: [4, 8, 6, 6]   conv 3 x 3: [4, 9, 4, 4]   back in place: [1, 9, 8, 8]

    %1 = graph.reshape/transpose ... %x     space to batch
    %2 = graph.conv %1, %w                                        -->     %3 = graph.conv %x, %w {dilations = [2, 2]}
    %3 = graph.reshape/transpose ... %2     batch to space

So TensorFlow spells dilation (SpaceToBatchND, BatchToSpaceND). By which views, and in how many steps, does not matter:
the numbers of the elements are sent through them. Before cancel-inverse, or after it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects._location import fused
from ...dialects._report import missed, rewriting
from ...dialects._shape import Array, shape
from ...dialects.graph.conv import ConvOp
from ...dialects.graph.view import ReshapeOp, TransposeOp

View = ReshapeOp | TransposeOp


@dataclass(frozen=True)
class FlattenAtrous(ModulePass):
    """Sums keep their order; with strides the pixels in between would be needed, so those convolutions stay."""

    name = "flatten-atrous"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for inner in list(op.walk()):
            if isinstance(inner, ConvOp) and isinstance(inner.x.owner, View):
                flatten(inner)


def flatten(op: ConvOp) -> None:
    """Replace the views and the convolution between them."""
    above = next(((x, rate) for x in sources(op.x) if (rate := rate_of(x, op)) is not None), None)
    if above is None:
        return
    x, rate = above
    window, _ = op.geometry()
    if set(window.strides) != {1}:
        missed(op, "flatten-atrous", "it has strides")
        return
    wanted = batch_to_space(numbers(shape(op.res)), rate)
    end = next((view for view, seen in readers(op) if np.array_equal(seen, wanted)), None)
    if end is None:
        missed(op, "flatten-atrous", "its result is not put back in place")
        return
    if not rewriting(op, "flatten-atrous"):
        return
    pads = [n * b for side in (window.low, window.high) for n, b in zip(side, rate, strict=True)]
    dilations = [n * b for n, b in zip(window.dilations, rate, strict=True)]
    new = ConvOp.make(x, op.w, op.bias, dilations=dilations, pads=pads, group=op.groups)
    new.location = fused((op.location, end.location))
    PatternRewriter(end).replace(end, [new], new.results)


def sources(value: SSAValue) -> Iterator[SSAValue]:
    """What a value is a view of, the nearest first."""
    while isinstance(owner := value.owner, View):
        value = owner.operands[0]
        yield value


def readers(op: Operation) -> Iterator[tuple[View, Array]]:
    """The views that are all that reads an op's result, one after the other, and the numbers of its elements there."""
    seen = numbers(shape(op.results[0]))
    while len(uses := list(op.results[0].uses)) == 1 and isinstance(user := uses[0].operation, View):
        op, seen = user, through(user, seen)
        yield user, seen


def through(view: View, seen: Array) -> Array:
    """The elements as a view shows them."""
    return view.evaluate(seen)[0]


def rate_of(x: SSAValue, op: ConvOp) -> tuple[int, ...] | None:
    """How far apart in `x` the pixels of the convolution's images are, if those are every b-th of it."""
    dims, made = shape(x), shape(op.x)
    if len(dims) != len(made) or dims[1] != made[1] or any(n % m for n, m in zip(dims[2:], made[2:], strict=True)):
        return None
    rate = tuple(n // m for n, m in zip(dims[2:], made[2:], strict=True))
    if prod(rate) == 1 or made[0] != dims[0] * prod(rate):
        return None
    chain: list[View] = []
    value = op.x
    while value is not x and isinstance(owner := value.owner, View):
        chain.append(owner)
        value = owner.operands[0]
    seen = numbers(dims)
    for view in reversed(chain):
        seen = through(view, seen)
    return rate if np.array_equal(seen, space_to_batch(numbers(dims), rate)) else None


def numbers(dims: tuple[int, ...]) -> Array:
    """A number for each element."""
    return np.arange(prod(dims), dtype=np.int64).reshape(dims)


def space_to_batch(x: Array, rate: tuple[int, ...]) -> Array:
    """[N, C, H, W] as [bh * bw * N, C, H / bh, W / bw], the offset within a block outermost."""
    images, channels, *space = x.shape
    rank = len(rate)
    split = [side for n, b in zip(space, rate, strict=True) for side in (n // b, b)]
    offsets, blocks = [3 + 2 * i for i in range(rank)], [2 + 2 * i for i in range(rank)]
    apart = x.reshape(images, channels, *split).transpose(*offsets, 0, 1, *blocks)
    return apart.reshape(images * prod(rate), channels, *(n // b for n, b in zip(space, rate, strict=True)))


def batch_to_space(x: Array, rate: tuple[int, ...]) -> Array:
    """The way back."""
    images, channels, *space = x.shape
    rank = len(rate)
    apart = x.reshape(*rate, images // prod(rate), channels, *space)
    order = [rank, rank + 1, *(side for i in range(rank) for side in (rank + 2 + i, i))]
    return apart.transpose(order).reshape(
        images // prod(rate), channels, *(n * b for n, b in zip(space, rate, strict=True))
    )
