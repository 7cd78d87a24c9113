"""Strips of rows: found from the last layer back, each layer as far as what comes after it needs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from ..layer import Layer, Tensor, View
from .geometry import ANY, Reach, barrier, reach_of
from .plan import read_early
from .strips import Piece, Span, Strips, units


class RowStrips(Strips):
    """The same rows of each image, image after image; `done[layer]`: rows that are made when each strip ends."""

    rows = True

    def __init__(self, images: int, done: list[list[int]], needs: "dict[int, Need]"):
        self.each = len(done[0])
        self.count = images * self.each
        self.done, self.needs = done, needs
        self._bounds: dict[int, list[tuple[int, int, int]]] = {}

    def pieces(self, layer: int, strip: int) -> tuple[Piece, ...]:
        image, at = divmod(strip, self.each)
        done = self.done[layer]
        first = done[at - 1] if at else 0
        return ((image, first, done[at]),) if done[at] > first else ()

    def alike(self, layer: int) -> Iterator[tuple[tuple[Piece, ...], int]]:
        images = self.count // self.each
        for rows, times in Counter(b - a for a, b in pairwise([0, *self.done[layer]])).items():
            if rows:
                yield ((0, 0, rows),), times * images

    def span(self, tensor: Tensor, strip: int) -> Span:
        key = id(tensor)
        if key not in self._bounds:
            low, high, fresh = (bound.tolist() for bound in self.needs[key].bounds())
            self._bounds[key] = list(zip(low, high, fresh, strict=True))
        image, at = divmod(strip, self.each)
        return Span(image, image + 1, *self._bounds[key][at])

    def extent(self, tensor: Tensor) -> int:
        low, high, _ = self.needs[id(tensor)].bounds()
        return int((high - low).max())


def by_rows(layers: Sequence[Layer], outside: frozenset[int], count: int) -> RowStrips | None:
    """Strips of rows, `count` an image, from the last layer back; `outside`: ids of tensors that are used after the
    group. None where there are fewer rows than strips; `separable` tells whether there can be any."""
    views = (v for layer in layers for v in (*layer.inputs, layer.out))
    needs = {id(v.tensor): Need(v.tensor, count) for v in views}
    made: list[list[int]] = []
    for layer in reversed(layers):
        out = needs[id(layer.out.tensor)]
        done = out.made(layer.out, even=id(layer.out.tensor) in outside or not out.read)
        made.append(done.tolist())
        before = np.concatenate(([0], done[:-1]))
        for view in layer.inputs:
            needs[id(view.tensor)].note(reach_of(layer, view), before, done)
    made.reverse()
    return RowStrips(layers[0].out.tensor.images, made, needs) if made[-1][0] else None


def separable(layers: Sequence[Layer]) -> bool:
    """Whether a group can be cut into rows: no layer needs all of them at once, images are apart, and no tensor
    is read before all of it is written: the reader may need more rows than the writer makes of them."""
    if read_early(layers):
        return False
    images = layers[0].out.tensor.images
    apart = all(v.tensor.images == images for layer in layers for v in (*layer.inputs, layer.out))
    return apart and not any(map(barrier, layers)) and units(layers) == images


class Need:
    """Rows of a tensor that each strip reads, and up to where it has to be complete then."""

    def __init__(self, tensor: Tensor, count: int):
        self.rows, self.read = tensor.rows, False
        self.low = np.full(count, ANY)
        self.high = np.zeros(count, np.int64)
        self.ends = np.zeros(count, np.int64)
        self.ends[-1] = tensor.rows

    def note(self, reach: Reach, first: np.ndarray, last: np.ndarray) -> None:
        """In each strip somebody reads what the rows [first, last) of its output depend on."""
        self.read, some = True, last > first
        low = np.maximum(first * reach.step + reach.low, reach.least)
        high = np.minimum(last * reach.step + reach.high, reach.most)
        self.low = np.minimum(self.low, np.where(some, low, ANY))
        self.high = np.maximum(self.high, np.where(some, high, 0))
        self.ends = np.maximum.accumulate(np.maximum(self.ends, np.minimum(self.high, self.rows)))

    def made(self, view: View, *, even: bool) -> np.ndarray:
        """How many rows of a view are written when each strip ends; `even`: at least in equal parts, for what nobody in
        the group reads, or somebody reads later."""
        if even:
            count = len(self.ends)
            self.ends = np.maximum(self.ends, -(-self.rows * np.arange(1, count + 1) // count))
        at, step, size = view.at[1], view.step[0], view.size[1]
        done = np.clip(-(-(self.ends - at) // step), 0, size)
        done[-1] = size
        return done

    def bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each strip the first and last + 1 row of its window - what is read, what is new, and what the next strips
        read of both - and the first that is new."""
        fresh = np.concatenate(([0], self.ends[:-1]))
        low = np.where(self.low == ANY, fresh, self.low)
        low = np.minimum(np.minimum.accumulate(low[::-1])[::-1], fresh)
        return low, np.maximum(self.high, self.ends), fresh
