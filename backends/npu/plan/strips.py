"""Strips: a group of layers runs piece by piece, so that what lies between its layers stays on the chip.

           conv1       depthwise    conv2           by rows: each strip ends one halo further up in what comes before
strip 0   rows 0..19   rows 0..18   rows 0..18      a layer makes each row once; a window of the tensor carries the
strip 1   rows 20..38  rows 19..37  rows 19..37     rows that the next strip needs, too
                                                    by units: a strip is some images of the batch
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import gcd

from ..layer import Layer, Product, Tensor
from .geometry import barrier, rows_read, rows_written

Piece = tuple[int, int, int]
"""Image, first and last + 1 row of a layer's output."""


@dataclass(frozen=True)
class Span:
    """Stacked part of a tensor that a strip touches: images [first, last), rows [low, high) of them; and from which row
    on (`fresh`) the rows are new in this strip."""

    first: int
    last: int
    low: int
    high: int
    fresh: int


@dataclass(frozen=True)
class Strips:
    """What each layer makes (`pieces[layer][strip]`) and what of each tensor is there (`spans[id(tensor)][strip]`);
    `rows`: strips are rows of an image, else images."""

    count: int
    rows: bool
    pieces: tuple[tuple[tuple[Piece, ...], ...], ...]
    spans: dict[int, tuple[Span, ...]]


def units(layers: Sequence[Layer]) -> int:
    """Into how many independent parts the images of a group fall; 1 if they cannot be told apart."""
    tensors = [v.tensor for layer in layers for v in (*layer.inputs, layer.out)]
    found = gcd(*(t.images for t in tensors))
    for layer in layers:
        if isinstance(layer, Product):
            for item in layer.items:
                places = ((layer.x, item.x[0]), (layer.y, item.y[0]), (layer.out, item.out[0]))
                if len({image * found // view.tensor.images for view, image in places}) > 1:
                    return 1
        elif any(v.size[0] not in (layer.out.size[0], v.tensor.images) or v.at[0] for v in (*layer.inputs, layer.out)):
            return 1
    return found


def by_units(layers: Sequence[Layer], count: int) -> Strips:
    """Strips of whole images; with count 1 everything at once."""
    whole = units(layers) if count > 1 else 1
    cuts = [whole * s // count for s in range(count + 1)]
    pieces: list[tuple[tuple[Piece, ...], ...]] = []
    spans: dict[int, tuple[Span, ...]] = {}
    for layer in layers:
        each = layer.out.size[0] // whole
        rows = layer.out.size[1]
        pieces.append(tuple(tuple((image, 0, rows) for image in range(a * each, b * each)) for a, b in pairwise(cuts)))
        for view in (*layer.inputs, layer.out):
            t = view.tensor
            part = t.images // whole
            spans[id(t)] = tuple(Span(a * part, b * part, 0, t.rows, 0) for a, b in pairwise(cuts))
    return Strips(count, False, tuple(pieces), spans)


def by_rows(layers: Sequence[Layer], outside: frozenset[int], count: int) -> Strips | None:
    """Strips of rows, `count` an image, from the last layer back; `outside`: ids of tensors that are used after the
    group. None where a layer needs all rows at once, images are not apart, or there are fewer rows than strips."""
    images = layers[0].out.tensor.images
    views = [v for layer in layers for v in (*layer.inputs, layer.out)]
    if any(map(barrier, layers)) or any(v.tensor.images != images for v in views) or units(layers) != images:
        return None
    needs = {id(v.tensor): _Need(v.tensor, count) for v in views}
    made: list[list[int]] = []
    for layer in reversed(layers):
        need = needs[id(layer.out.tensor)]
        if id(layer.out.tensor) in outside or not need.read:
            need.evenly()
        need.settle()
        done = [rows_written(layer, end) for end in need.ends[:-1]] + [layer.out.size[1]]
        made.append(done)
        for view in layer.inputs:
            read = needs[id(view.tensor)]
            for s, (before, after) in enumerate(pairwise([0, *done])):
                if after > before:
                    read.note(s, *rows_read(layer, view, before, after))
    made.reverse()
    if made[-1][0] == 0:
        return None
    order = [(image, s) for image in range(images) for s in range(count)]
    pieces = tuple(tuple(_piece(done, image, s) for image, s in order) for done in made)
    spans = {key: need.spans() for key, need in needs.items()}
    if images > 1:
        spans = {
            key: tuple(replace(s, first=i, last=i + 1) for i in range(images) for s in one)
            for key, one in spans.items()
        }
    return Strips(images * count, True, pieces, spans)


def _piece(done: list[int], image: int, strip: int) -> tuple[Piece, ...]:
    first = done[strip - 1] if strip else 0
    return ((image, first, done[strip]),) if done[strip] > first else ()


class _Need:
    """Rows of a tensor that each strip reads, and up to where it has to be complete then."""

    def __init__(self, tensor: Tensor, count: int):
        self.rows, self.read = tensor.rows, False
        self.low: list[int | None] = [None] * count
        self.high = [0] * count
        self.ends = [0] * (count - 1) + [tensor.rows]

    def evenly(self) -> None:
        """Complete at least in equal parts: what nobody in the group reads, or somebody reads later."""
        self.settle()
        for s in range(len(self.ends)):
            self.ends[s] = max(self.ends[s], -(-self.rows * (s + 1) // len(self.ends)))

    def note(self, strip: int, low: int, high: int) -> None:
        """Strip `strip` reads [low, high)."""
        self.read = True
        known = self.low[strip]
        self.low[strip] = low if known is None else min(low, known)
        self.high[strip] = max(self.high[strip], high)
        self.ends[strip] = max(self.ends[strip], min(high, self.rows))

    def settle(self) -> None:
        """What is complete stays so."""
        self.ends = list(accumulate(self.ends, max))

    def spans(self) -> tuple[Span, ...]:
        """The windows, strip by strip: what is read, what is new, and what the next strips read of both."""
        self.settle()
        fresh = [0, *self.ends[:-1]]
        lows = [low if low is not None else fresh[s] for s, low in enumerate(self.low)]
        for s in reversed(range(len(lows) - 1)):
            lows[s] = min(lows[s], lows[s + 1])
        lows = [min(low, new) for low, new in zip(lows, fresh, strict=True)]
        highs = [max(h, end) for h, end in zip(self.high, self.ends, strict=True)]
        return tuple(Span(0, 1, low, high, new) for low, high, new in zip(lows, highs, fresh, strict=True))
