"""Functions of all channels of a pixel: softmax and normalisations."""

import numpy as np
from xdsl.ir import Operation, SSAValue

from ....dialects._shape import shape
from ....dialects.graph._numbers import Numbers
from ....dialects.graph.compare import IsNanOp, WhereOp
from ....dialects.graph.elementwise import AddOp
from ....dialects.graph.normalization import LayerNormOp, RmsNormOp
from ....dialects.graph.softmax import SoftmaxOp
from ..layer import Norm, Softmax, Tensor, View
from .dense import ordered, stacked
from .moves import like, move, same
from .place import CHANNEL, Place, Unplaceable
from .reader import Reader, Unsupported, is_integer, reads
from .tail import Tail, integer_tail, placed


@reads(SoftmaxOp)
def softmax(reader: Reader, op: SoftmaxOp) -> None:
    """Softmax, with the mask that was added before."""
    value, mask = op.input, None
    if (add := op.input.owner) in reader.waiting and isinstance(add, AddOp):
        value, mask = masked(reader, add)
        reader.take([add])
    tail, place = rows_tail(reader, op, value, op.result)
    starts = slices(reader, place, op.dim) if mask is None else ()
    if not starts:
        place = channels_last(reader, place, op.dim)
    view, local = reader.boxed(place)
    if not starts:
        whole_row(view, place, op.dim)
    other = None
    if mask is not None:
        found = reader.floating(mask)
        rank = len(place.dims) - len(found.dims)
        found = Place(found.tensor, found.at, (*((),) * rank, *found.dims))
        other = like(reader, found, local, view.size, repeats=True)
    made = reader.tensor(reader.stem(op), view.size, tail.out if tail else None)
    scale, over = scales(place.tensor, tail)
    zeros = (place.tensor.zero, made.zero)
    for start in starts or (0,):
        x, out = view, View.whole(made)
        if starts:
            x, out = (cut(v, local.at[CHANNEL] + start, shape(op.result)[op.dim]) for v in (x, out))
        name = reader.name(made.name) if start else made.name
        reader.add(Softmax(name=name, x=x, mask=other, out=out, scale=scale, over=over, zeros=zeros))
    placed(reader, op.result, Place(made, local.at, local.dims), tail)


def slices(reader: Reader, place: Place, dim: int) -> tuple[int, ...]:
    """Where, along the channels, the parts begin in which a dimension lies whole beside itself; none if it does not."""
    inner = place.dims[dim]
    rest = [f for d, factors in enumerate(place.dims) if d != dim for f in factors if f.axis == CHANNEL]
    if len(inner) != 1 or inner[0].axis != CHANNEL or inner[0].step != 1 or len(rest) != 1:
        return ()
    starts = tuple(int(start) for start in rest[0].table)
    fits = all((place.at[CHANNEL] + s) % reader.granule(place.tensor) == 0 for s in starts)
    return starts if fits and rest[0].step >= len(inner[0]) else ()


def cut(view: View, channel: int, count: int) -> View:
    """Some channels of a view."""
    at = (*view.at[:3], view.at[CHANNEL] + channel)
    return View(view.tensor, at, (*view.size[:3], count), view.step)


def masked(reader: Reader, add: AddOp) -> tuple[SSAValue, SSAValue]:
    """What an added mask is added to, and the mask."""
    if shape(add.lhs) != shape(add.res) or (
        reader.constants.known(add.lhs) is not None and shape(add.rhs) == shape(add.res)
    ):
        return add.rhs, add.lhs
    return add.lhs, add.rhs


def is_mask(reader: Reader, add: AddOp) -> bool:
    """Whether a sum is read by a softmax only, of something made here and something from outside."""
    user = reader.sole_user(add.res)
    if not isinstance(user, SoftmaxOp) or user.dim != len(shape(add.res)) - 1:
        return False
    value, mask = masked(reader, add)
    outside = mask not in reader.places or mask in reader.inputs
    return shape(value) == shape(add.res) and value in reader.places and outside


@reads(LayerNormOp, RmsNormOp)
def norm(reader: Reader, op: LayerNormOp | RmsNormOp) -> None:
    """A norm over the last dimension."""
    rank = len(shape(op.input))
    if op.dim != rank - 1:
        raise Unsupported("a norm over more than the last dimension")
    gamma = vector(reader, op, op.scale)
    bias = op.bias if isinstance(op, LayerNormOp) else None
    beta = np.zeros_like(gamma) if bias is None else vector(reader, op, bias)
    tail, place = rows_tail(reader, op, op.input, op.result)
    place = channels_last(reader, place, rank - 1)
    view, local = reader.boxed(place)
    whole_row(view, place, rank - 1)
    made = reader.tensor(reader.stem(op), view.size, tail.out if tail else None)
    scale, over = scales(place.tensor, tail)
    reader.add(
        Norm(
            name=made.name,
            x=view,
            out=View.whole(made),
            mode="ln" if isinstance(op, LayerNormOp) else "rms",
            gamma=gamma,
            beta=beta,
            epsilon=op.eps,
            scale=scale,
            over=over,
            zeros=(place.tensor.zero, made.zero),
        )
    )
    placed(reader, op.result, Place(made, local.at, local.dims), tail)


def vector(reader: Reader, op: LayerNormOp | RmsNormOp, value: SSAValue) -> Numbers:
    """A known number by channel."""
    array, channels = reader.constants.array(value), shape(op.input)[-1]
    if array is None or array.size not in (1, channels):
        raise Unsupported("a norm whose factors are not constant by channel")
    return np.resize(array.astype(np.float32), channels)


def rows_tail(reader: Reader, op: Operation, x: SSAValue, value: SSAValue) -> tuple[Tail | None, Place]:
    """The end in integers of a function of integers, or none and where its floating operand lies."""
    if is_integer(reader.plain(x)):
        tail = integer_tail(reader, Tail(value, -1), op)
        if tail is not None and tail.limits() == (-128, 127) and tail.residual is None:
            reader.take(tail.ops)
            return tail, reader.plain(x)
    return None, reader.floating(x, "bf16", "f32")


def scales(tensor: Tensor, tail: Tail | None) -> tuple[float, float]:
    """The scale of the operand and one over that of the result."""
    if tail is None or tail.out is None:
        return 1.0, 1.0
    return tensor.scale, float(np.float32(1) / np.float32(tail.out.scale))


def channels_last(reader: Reader, place: Place, dim: int) -> Place:
    """A place with this dimension as channels, copied if need be."""
    factors = place.dims[dim]
    alone = all(f.axis != CHANNEL for i, d in enumerate(place.dims) for f in d if i != dim)
    if len(factors) <= 1 and all(f.axis == CHANNEL for f in factors) and alone:
        return place
    order = [i for i in range(len(place.dims)) if i != dim] + [dim]
    turned = place.transpose(order)
    sizes = turned.shape
    made = same(reader, place.tensor, stacked(sizes))
    target = ordered(made, sizes)
    move(reader, turned, target)
    return target.transpose([order.index(i) for i in range(len(order))])


def whole_row(view: View, place: Place, dim: int) -> None:
    """Unplaceable unless the view's channels are this dimension, in whatever order."""
    if view.size[CHANNEL] != place.shape[dim]:
        raise Unplaceable("channels that are not all of a row")


@reads(IsNanOp)
def is_nan(reader: Reader, op: IsNanOp) -> None:
    """Part of `where(isnan(x), 0, x)`, which is x here: no softmax of finite numbers is NaN."""
    if not all(_guards(reader, use.operation, op) for use in op.res.uses):
        raise Unsupported("a test of numbers")
    reader.wait(op)


@reads(WhereOp)
def where(reader: Reader, op: WhereOp) -> None:
    """x, where a softmax is guarded against rows of nothing."""
    test = op.operands[0].owner
    if not isinstance(test, IsNanOp) or not _guards(reader, op, test):
        raise Unsupported("a choice by conditions")
    reader.take([test])
    reader.places[op.res] = reader.plain(test.operands[0])


def _guards(reader: Reader, op: Operation, test: IsNanOp) -> bool:
    if not isinstance(op, WhereOp) or op.operands[0] is not test.res:
        return False
    x = test.operands[0]
    return op.operands[2] is x and reader.constants.scalar(op.operands[1]) == 0 and isinstance(x.owner, SoftmaxOp)
