"""A factor, a number added and limits, by channel: a convolution of each channel with a kernel of one element. Other
functions of one value; those of quantised values are tables."""

from dataclasses import replace

import numpy as np
from xdsl.ir import Operation, SSAValue

from ....dialects._shape import shape
from ....dialects.graph._numbers import Numbers
from ....dialects.graph._pointwise import UnaryOp
from ....dialects.graph.activation import (
    GeluOp,
    HardSigmoidOp,
    LeakyReluOp,
    PReluOp,
    ReluOp,
    SigmoidOp,
    number,
)
from ....dialects.graph.contraction import MatmulOp
from ....dialects.graph.elementwise import AddOp, DivOp, ExpOp, MaxOp, MinOp, MulOp, NegOp, PowOp, SubOp
from ....dialects.graph.normalization import BatchNormOp
from ....dialects.graph.quantize import QuantizeOp
from ....dialects.graph.trigonometry import TanhOp
from ..layer import Activation, Depthwise, Elementwise, Post, Tensor, View, Weights
from .place import CHANNEL, Place
from .plain import is_view
from .reader import Reader, Unsupported, is_integer, reads
from .table import tabled
from .tail import ACTS, INF, Tail, activated, affine, float_tail, limited

WithNumber = AddOp | SubOp | MulOp | DivOp | MaxOp | MinOp


def with_number(reader: Reader, op: WithNumber) -> bool:
    """An op on a value and a known number or vector; False if that is not by channel."""
    x = op.rhs if reader.constants.known(op.lhs) is not None else op.lhs
    if reader.constants.known(x) is not None:
        raise Unsupported("two known operands")
    scalar = reader.constants.scalar(op.lhs if x is op.rhs else op.rhs)
    if scalar is not None and shape(x) == shape(op.res) and _factor(reader, op, x, scalar):
        return True
    if tabled(reader, op, x):
        return True
    start = Tail(x, channel_dim(reader.place(x)))
    first = affine(reader, start, op) or limited(reader, start, op)
    if first is None:
        return False
    by_channel(reader, op, x, first)
    return True


def _factor(reader: Reader, op: Operation, x: SSAValue, scalar: float) -> bool:
    """A factor of an operand of products, which these multiply with."""
    if not isinstance(op, MulOp | DivOp) or (isinstance(op, DivOp) and op.lhs is not x):
        return False
    stack, readers = list[SSAValue]([op.res]), list[Operation]()
    while stack:
        for user in (use.operation for use in stack.pop().uses):
            if is_view(user) and not isinstance(user, QuantizeOp):
                stack.extend(user.results)
            else:
                readers.append(user)
    if not readers or not all(isinstance(r, MatmulOp) and reader.free(r) for r in readers):
        return False
    reader.places[op.res] = reader.place(x)
    reader.gains[op.res] = reader.gain(x) * (1 / scalar if isinstance(op, DivOp) else scalar)
    return True


def channel_dim(place: Place) -> int:
    """The dimension that alone lies along channels, -1 if there is none."""
    found = [i for i, d in enumerate(place.dims) if any(f.axis == CHANNEL for f in d)]
    return found[0] if len(found) == 1 and len(place.dims[found[0]]) == 1 else -1


def by_channel(reader: Reader, op: Operation, x: SSAValue, first: Tail) -> None:
    """Writes what a tail computes of a value, its first op included."""
    tail = float_tail(reader, first, op, affine, alone=True)
    reader.take(tail.ops)
    place = reader.floating(x)
    view, local = reader.boxed(place)
    made = scaled(reader, view, tail, local, reader.stem(tail.ops[-1]))
    reader.places[tail.value] = tail.place(Place(made, local.at, local.dims))


def scaled(reader: Reader, view: View, tail: Tail, local: Place, name: str) -> Tensor:
    """The tensor of act(x * scale + bias) within limits."""
    channels = view.size[3]
    made = reader.tensor(name, view.size)
    post = Post(spread(tail.bias, tail, local, channels), spread(tail.scale, tail, local, channels))
    mode = "" if tail.act in ("none", "relu") else tail.act
    post = replace(post, low=-INF, high=INF) if mode else replace(post, act=tail.act, low=tail.low, high=tail.high)
    ones = Weights("one", (1, 1, channels), lambda: np.ones((1, 1, channels), np.float32))
    reader.add(Depthwise(name=made.name, x=view, out=View.whole(made), weights=ones, post=post))
    return function(reader, mode, made) if mode else made


def function(reader: Reader, mode: str, x: Tensor) -> Tensor:
    """The result of a function of each element of a tensor."""
    made = replace(x, name=reader.name(f"{x.name}_{mode}"))
    reader.add(Activation(name=made.name, x=View.whole(x), out=View.whole(made), mode=mode))
    return made


def spread(values: Numbers, tail: Tail, local: Place, channels: int) -> Numbers:
    """One number, or one for each index of the tail's axis, by channel of a tensor."""
    if values.ndim == 0:
        return np.full(channels, values, np.float32)
    wide = np.zeros(channels, np.float32)
    table = local.dims[tail.axis][0].table if local.dims[tail.axis] else np.zeros(1, np.int64)
    wide[local.at[CHANNEL] + table] = values
    return wide


@reads(BatchNormOp)
def batch_norm(reader: Reader, op: BatchNormOp) -> None:
    """A factor and a bias by channel."""
    arrays = [reader.constants.array(v) for v in (op.scale, op.bias, op.mean, op.var)]
    scale, bias, mean, var = (None if a is None else a.astype(np.float64) for a in arrays)
    if scale is None or bias is None or mean is None or var is None:
        raise Unsupported("a normalisation whose numbers are not constant")
    factor = scale / np.sqrt(var + op.eps)
    place = reader.place(op.input)
    if channel_dim(place) != 1 and shape(op.input)[1] > 1:
        raise Unsupported("channels that do not lie along channels")
    first = Tail(op.result, 1, (op,), factor, bias - mean * factor)
    by_channel(reader, op, op.input, first)


@reads(ReluOp, GeluOp, SigmoidOp, TanhOp, ExpOp, HardSigmoidOp, NegOp)
def unary(reader: Reader, op: ReluOp | GeluOp | SigmoidOp | TanhOp | ExpOp | HardSigmoidOp | NegOp) -> None:
    """A function of each element."""
    if tabled(reader, op, op.x):
        return
    if isinstance(op, ReluOp) and is_integer(reader.plain(op.x)):
        _relu(reader, op)
        return
    start = Tail(op.x, channel_dim(reader.place(op.x)))
    if isinstance(op, NegOp):
        by_channel(reader, op, op.x, replace(start, value=op.res, ops=(op,), scale=np.asarray(-1.0)))
        return
    if isinstance(op, HardSigmoidOp):
        first = activated(reader, start, op)
        assert first is not None
        by_channel(reader, op, op.x, first)
        return
    value, mode = op.res, ACTS[type(op)]
    user = reader.sole_user(op.res)
    if isinstance(op, SigmoidOp) and isinstance(user, MulOp) and {user.lhs, user.rhs} == {op.res, op.x}:
        value, mode = user.res, "silu"
        reader.take([user])
    (place,) = reader.real(op.x)
    view, local = reader.boxed(place)
    made = reader.tensor(reader.stem(op), view.size, type=place.tensor.type)
    reader.add(Activation(name=made.name, x=view, out=View.whole(made), mode=mode))
    reader.places[value] = Place(made, local.at, local.dims)


def _relu(reader: Reader, op: ReluOp) -> None:
    """Of integers, which stay what they are."""
    view, local = reader.boxed(reader.plain(op.x))
    made = replace(view.tensor, name=reader.name(reader.stem(op)))
    made.images, made.rows, made.columns, made.channels = view.size
    made.packed, made.axes = None, None
    lut = np.maximum(np.arange(-128, 128), made.zero).astype(np.int8)
    reader.add(Activation(name=made.name, x=view, out=View.whole(made), mode="lut", lut=lut))
    reader.places[op.res] = Place(made, local.at, local.dims)


@reads(UnaryOp)
def any_function(reader: Reader, op: UnaryOp) -> None:
    """What is a table or nothing."""
    if not tabled(reader, op, op.x):
        raise Unsupported(f"the NPU has no layer for {op.name} of floating numbers")


@reads(LeakyReluOp, PReluOp)
def leaky(reader: Reader, op: LeakyReluOp | PReluOp) -> None:
    """x, or x times a slope below 0: the larger of both where the slope is at most 1, else
    relu(x) * (1 - slope) + x * slope."""
    x = op.x if isinstance(op, LeakyReluOp) else op.lhs
    if tabled(reader, op, x):
        return
    place = reader.floating(x)
    tail = Tail(op.res, channel_dim(place))
    slope = np.asarray(number(op.alpha)) if isinstance(op, LeakyReluOp) else _slope(reader, op, tail)
    view, local = reader.boxed(place)
    name = reader.stem(op)
    steep = scaled(reader, view, replace(tail, scale=slope), local, f"{name}_slope")
    made, mode = reader.tensor(name, view.size), "max"
    if (slope > 1).any():
        flat = function(reader, "relu", scaled(reader, view, tail, local, f"{name}_x"))
        rest = replace(tail, scale=1 - slope)
        first = scaled(reader, View.whole(flat), rest, local, f"{name}_rest")
        view, mode = View.whole(first), "add"
    out, b = View.whole(made), View.whole(steep)
    reader.add(Elementwise(name=made.name, a=view, b=b, out=out, mode=mode, low=-INF, high=INF))
    reader.places[op.res] = Place(made, local.at, local.dims)


def _slope(reader: Reader, op: PReluOp, tail: Tail) -> Numbers:
    known = reader.constants.array(op.rhs)
    dims = (1,) * (len(shape(op.lhs)) - len(shape(op.rhs))) + shape(op.rhs)
    if known is None or any(n != 1 for i, n in enumerate(dims) if i != tail.axis):
        raise Unsupported("a slope that is not constant by channel")
    return known.reshape(-1).astype(np.float64) if known.size > 1 else known.reshape(()).astype(np.float64)


@reads(PowOp)
def power(reader: Reader, op: PowOp) -> None:
    """A square."""
    if tabled(reader, op, op.lhs):
        return
    if reader.constants.scalar(op.rhs) != 2 or shape(op.res) != shape(op.lhs):
        raise Unsupported("a power other than 2")
    (place,) = reader.real(op.lhs)
    view, local = reader.boxed(place)
    made = reader.tensor(reader.stem(op), view.size, type=place.tensor.type)
    out = View.whole(made)
    reader.add(Elementwise(name=made.name, a=view, b=view, out=out, mode="mul", low=-INF, high=INF))
    reader.places[op.res] = Place(made, local.at, local.dims)
