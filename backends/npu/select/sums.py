"""Sums of products with constant numbers: what a convolution and a product of matrices have in common.

x, weights, bias, then a tail (bias, activation, residual, quantisation)      one `Matrix` or `Depthwise`
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from xdsl.ir import Operation, SSAValue

from ....dialects._shape import shape
from ....dialects.graph._numbers import Numbers
from ..layer import Depthwise, Layer, Matrix, Pads, Post, Residual, Tensor, View, Weights
from .affine import function
from .constant import Known, Scaled, sum_numbers
from .moves import like
from .place import Place
from .reader import Reader, Unsupported, is_integer, quantised
from .tail import INF, Step, Tail, affine, float_tail, integer_tail

Arrange = Callable[[Numbers], Numbers]


@dataclass(frozen=True)
class Factors:
    """The constant factor of a sum: [.. , output channels] after `arrange`."""

    scaled: Scaled | None
    known: Known
    arrange: Arrange
    axis: int
    """Which axis of the array as given counts output channels."""
    way: str = ""
    """Tells what differs between arrangements of one array."""

    @property
    def name(self) -> str:
        """The same for the same numbers in the same order only."""
        return f"{self.known.name}:{self.axis}:{self.way}"


@dataclass(frozen=True)
class Sum:
    """A sum of products before its tail."""

    op: Operation
    value: SSAValue
    axis: int
    """The dimension of the value that counts output channels."""
    x: View
    size: tuple[int, int, int, int]
    """Of the result: images, rows, columns, channels."""
    place: Callable[[Tensor], Place]
    """Where the value lies in a tensor of that size."""
    factors: Factors
    shape: tuple[int, ...]
    """Of the arranged weights."""
    bias: SSAValue | None = None
    scale: float = 1.0
    """A factor of the products, and that of the bias."""
    beta: float = 1.0
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: Pads = (0, 0, 0, 0)
    groups: int = 1
    depthwise: bool = False
    order: Arrange = lambda vector: vector
    """Numbers by output channel, as the value counts them, in the order of the tensor's channels."""
    phases: tuple["Phase", ...] = ()
    """The sums that make the result together, if one does not."""


@dataclass(frozen=True)
class Phase:
    """A sum that makes every `step`-th row and column of another's result, from `at` on."""

    at: tuple[int, int]
    step: tuple[int, int]
    sum: Sum

    def of(self, view: View) -> View:
        """The part of a view of the result that it makes."""
        (row, column), (down, across) = self.at, self.step
        (image, top, left, channel), (y, x) = view.at, view.step
        size = (view.size[0], *self.sum.size[1:3], view.size[3])
        return View(view.tensor, (image, top + row * y, left + column * x, channel), size, (y * down, x * across))


def factors(reader: Reader, weights: SSAValue, arrange: Arrange, axis: int, *way: object) -> Factors:
    """The known factor of a sum; `way` is all that `arrange` depends on. Unsupported if it is not known."""
    if (known := reader.constants.known(weights)) is None:
        raise Unsupported("weights that are not constant")
    told = hashlib.sha256(repr([w.tolist() if isinstance(w, np.ndarray) else w for w in way]).encode()).hexdigest()
    return Factors(reader.constants.scaled(weights), known, arrange, axis, told[:16])


def in_integers(reader: Reader, place: Place, found: Factors) -> bool:
    """Whether a sum of these is one of 8-bit integers."""
    scaled = found.scaled
    fits = scaled is not None and (scaled.scale.ndim == 0 or scaled.axis == found.axis)
    return is_integer(place) and fits and "i8" in reader.machine.dtypes


def written(reader: Reader, s: Sum) -> None:
    """Writes the layer of a sum with its tail and places the last value."""
    integers = in_integers(reader, Place(s.x.tensor, (0, 0, 0, 0), ()), s.factors)
    if not integers and not s.depthwise and "bf16" not in reader.machine.dtypes:
        raise Unsupported("the array has no bf16")
    start = Tail(s.value, s.axis)
    steps: tuple[Step, ...] = (affine,)
    tail = integer_tail(reader, start, s.op, *steps, alone=s.depthwise) if integers else None
    tail = tail or float_tail(reader, start, s.op, *steps, alone=s.depthwise)
    reader.take(tail.ops)
    after = tail.act if s.depthwise and tail.act not in ("none", "relu") else ""
    tensor = reader.tensor(reader.stem(tail.ops[-1] if tail.ops else s.op), s.size, tail.out)
    local = s.place(tensor)
    rest = _residual(reader, tail, local, s.size)
    plain = replace(tail, act="none", low=-INF, high=INF) if after else tail
    for phase in s.phases or (Phase((0, 0), (1, 1), s),):
        part = rest if rest is None else replace(rest, x=phase.of(rest.x))
        post = _post(reader, phase.sum, plain, part, integers)
        reader.add(_layer(reader, phase.sum, phase.of(View.whole(tensor)), post, integers))
    if after:
        local = s.place(function(reader, after, tensor))
    reader.places[tail.value] = tail.place(local)


def _layer(reader: Reader, s: Sum, out: View, post: Post, integers: bool) -> Layer:
    layer = Matrix(
        name=out.tensor.name if out == View.whole(out.tensor) else reader.name(out.tensor.name),
        out=out,
        x=s.x,
        kernel=s.kernel,
        stride=s.stride,
        dilation=s.dilation,
        pads=s.pads,
        weights=_weights(s, integers),
        post=post,
        groups=s.groups,
    )
    return by_itself(layer) if s.depthwise else layer


def by_itself(layer: Matrix) -> Depthwise:
    """The same of each channel by itself."""
    found = {f.name: getattr(layer, f.name) for f in fields(Depthwise)}
    return Depthwise(**found)


def _weights(s: Sum, integers: bool) -> Weights:
    known, scaled, arrange = s.factors.known, s.factors.scaled, s.factors.arrange
    if integers and scaled is not None:
        return Weights(s.factors.name, s.shape, lambda: arrange(scaled.read()))
    return Weights(s.factors.name, s.shape, lambda: arrange(known.read().astype(np.float32)))


def _post(reader: Reader, s: Sum, tail: Tail, rest: Residual | None, integers: bool) -> Post:
    """bias and scale by channel of the tensor."""
    channels = shape(s.value)[s.axis]

    def by_channel(array: Numbers) -> Numbers:
        return s.order(np.broadcast_to(array, (channels,)))

    given = np.zeros(()) if s.bias is None else _bias(reader, s.bias) * s.beta
    bias = given * tail.scale + tail.bias
    if not integers:
        scale = by_channel(tail.scale * s.scale).astype(np.float32)
        limits = {"low": tail.low, "high": tail.high, "act": tail.act}
        return Post(by_channel(bias).astype(np.float32), scale, **limits, residual=rest)
    scaled, x = s.factors.scaled, s.x.tensor
    assert scaled is not None
    unit = (np.float32(x.scale) * scaled.scale.astype(np.float32)).astype(np.float32)
    ratio = (unit * tail.scale * s.scale).astype(np.float32) if (tail.scale * s.scale != 1).any() else unit
    total = np.broadcast_to(_integer_sums(s), (channels,)) * x.zero
    whole = np.rint(np.divide(bias, ratio, dtype=np.float64)) - total
    folded = ((by_channel(whole).astype(np.int64) + (1 << 31)) % (1 << 32) - (1 << 31)).astype(np.int32)
    if tail.out is None:
        limits = {"low": tail.low, "high": tail.high, "act": tail.act}
        return Post(folded, by_channel(ratio).astype(np.float32), **limits, residual=rest)
    low, high = tail.limits()
    final = ratio / np.float32((tail.middle or tail.out).scale)
    return Post(
        folded, by_channel(final).astype(np.float32), tail.out.stored, low, high, tail.rounding(reader), residual=rest
    )


def _integer_sums(s: Sum) -> Numbers:
    """The sum of each output channel's weights, as the value counts channels."""
    scaled = s.factors.scaled
    assert scaled is not None
    if s.x.tensor.zero == 0 or s.depthwise:
        return np.zeros((), np.int64)
    array = s.factors.arrange(scaled.read())
    return array.sum(axis=tuple(range(array.ndim - 1)), dtype=np.int64)


def _bias(reader: Reader, value: SSAValue) -> Numbers:
    """A known bias by output channel, float64."""
    if (scaled := reader.constants.scaled(value)) is not None:
        return scaled.read().astype(np.float64) * scaled.scale.astype(np.float64)
    if (array := reader.constants.array(value)) is None:
        raise Unsupported("a bias that is not constant")
    return array.astype(np.float64).reshape(-1) if array.size > 1 else array.astype(np.float64).reshape(())


def _residual(reader: Reader, tail: Tail, local: Place, size: tuple[int, int, int, int]) -> Residual | None:
    if tail.residual is None:
        return None
    place = reader.places[tail.residual]
    view = like(reader, place, local, size)
    if tail.out is None or tail.middle is None:
        return Residual(view, first=tail.first)
    other = quantised(place)
    mine, out = tail.middle, tail.out
    pair = (other, mine) if tail.first else (mine, other)
    return Residual(view, sum_numbers(*pair, out, tail.rounding(reader)), view.tensor.zero, mine.stored, tail.first)
