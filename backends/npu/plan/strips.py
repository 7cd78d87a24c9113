"""Strips: a group of layers runs piece by piece, so that what lies between its layers stays on the chip.

           conv1       depthwise    conv2           by rows: each strip ends one halo further up in what comes before
strip 0   rows 0..19   rows 0..18   rows 0..18      a layer makes each row once; a window of the tensor carries the
strip 1   rows 20..38  rows 19..37  rows 19..37     rows that the next strip needs, too
                                                    by units: a strip is some images of the batch
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import gcd

from ..layer import Layer, Product, Tensor

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


class Strips(ABC):
    """A cut of some layers into `count` strips."""

    count: int
    rows = False
    """Whether strips are rows of an image, else images."""

    @abstractmethod
    def pieces(self, layer: int, strip: int) -> tuple[Piece, ...]:
        """What the layer of that number makes in a strip."""

    @abstractmethod
    def alike(self, layer: int) -> Iterator[tuple[tuple[Piece, ...], int]]:
        """Pieces of strips, and how many strips are like that."""

    @abstractmethod
    def span(self, tensor: Tensor, strip: int) -> Span:
        """What of a tensor is there in a strip."""

    @abstractmethod
    def extent(self, tensor: Tensor) -> int:
        """Most images (or, by rows, rows of one) of a tensor that a strip has."""


class UnitStrips(Strips):
    """Strips of whole images: of `units` independent parts some in each strip."""

    def __init__(self, layers: Sequence[Layer], count: int, units: int):
        self.count, self.units = count, units
        self.cuts = list(pairwise(units * s // count for s in range(count + 1)))
        self.shapes = [(layer.out.size[0] // units, layer.out.size[1]) for layer in layers]

    def pieces(self, layer: int, strip: int) -> tuple[Piece, ...]:
        each, rows = self.shapes[layer]
        first, last = self.cuts[strip]
        return tuple((image, 0, rows) for image in range(first * each, last * each))

    def alike(self, layer: int) -> Iterator[tuple[tuple[Piece, ...], int]]:
        lengths = [last - first for first, last in self.cuts]
        for length in set(lengths):
            yield self.pieces(layer, lengths.index(length)), lengths.count(length)

    def span(self, tensor: Tensor, strip: int) -> Span:
        part = tensor.images // self.units
        first, last = self.cuts[strip]
        return Span(first * part, last * part, 0, tensor.rows, 0)

    def extent(self, tensor: Tensor) -> int:
        return max(last - first for first, last in self.cuts) * (tensor.images // self.units)


def units(layers: Sequence[Layer]) -> int:
    """Into how many independent parts the images of a group fall; 1 if they cannot be told apart."""
    tensors = [v.tensor for layer in layers for v in (*layer.inputs, layer.out)]
    found = gcd(*(t.images for t in tensors))
    for layer in layers:
        if isinstance(layer, Product):
            for item in layer.items:
                places = ((layer.x, item.x[0]), (layer.y, item.y[0]), (layer.out, item.out[0]))
                if len({(view.at[0] + image) * found // view.tensor.images for view, image in places}) > 1:
                    return 1
        elif any(v.size[0] not in (layer.out.size[0], v.tensor.images) or v.at[0] for v in (*layer.inputs, layer.out)):
            return 1
    return found


def whole(layers: Sequence[Layer]) -> UnitStrips:
    """Everything at once."""
    return UnitStrips(layers, 1, 1)
