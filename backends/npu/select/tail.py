"""What follows a sum, or any op, within the same layer: bias, factor, activation, limits, residual, quantisation.

conv -> add bias -> quantize -> dequantize -> add residual -> relu -> quantize            one `Matrix`
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from xdsl.ir import Operation, SSAValue

from ....dialects._shape import shape
from ....dialects.graph._base import ints
from ....dialects.graph._numbers import Numbers
from ....dialects.graph._pointwise import BinaryOp
from ....dialects.graph.activation import GeluOp, HardSigmoidOp, ReluOp, SigmoidOp, number
from ....dialects.graph.elementwise import AddOp, DivOp, ExpOp, MaxOp, MinOp, MulOp, SubOp
from ....dialects.graph.quantize import DequantizeOp, QuantizeOp
from ....dialects.graph.trigonometry import TanhOp
from ....dialects.graph.view import ReshapeOp, TransposeOp
from .constant import Quantisation
from .place import Place
from .reader import Reader

ACTS: dict[type[Operation], str] = {
    ReluOp: "relu",
    GeluOp: "gelu",
    SigmoidOp: "sigmoid",
    TanhOp: "tanh",
    ExpOp: "exp",
}
INF = float("inf")


@dataclass(frozen=True)
class Tail:
    """y = act(x * scale + bias + residual) within low and high, then quantised; scale and bias for all, or by index of
    `axis` of the value."""

    value: SSAValue
    """The result of the last op."""
    axis: int
    ops: tuple[Operation, ...] = ()
    scale: Numbers = field(default_factory=lambda: np.ones(()))
    bias: Numbers = field(default_factory=lambda: np.zeros(()))
    residual: SSAValue | None = None
    first: bool = False
    middle: Quantisation | None = None
    act: str = "none"
    low: float = -INF
    high: float = INF
    out: Quantisation | None = None
    views: tuple[Operation, ...] = ()

    def rounding(self, reader: Reader) -> str:
        """How a sum of integers among the ops is rounded. onnxruntime does it in floating point if the graph says so,
        or if an activation comes between it and its quantisation, which is none if it only cuts what that cuts too."""
        sums = [op for op in self.ops if isinstance(op, AddOp)]
        apart = any(op.floating is not None for op in sums) or (sums and self.out and self.limits() != (-128, 127))
        return "onnx" if apart else reader.rounding

    def place(self, place: Place) -> Place:
        """Where the last value lies, if the first one lies there."""
        for op in self.views:
            place = place.reshape(shape(op.results[0])) if isinstance(op, ReshapeOp) else _turned(op, place)
        return place

    def limits(self) -> tuple[int, int]:
        """`low` and `high` as they are stored."""
        assert self.out is not None
        ends = [int(np.clip(np.rint(v / self.out.scale) + self.out.stored, -128, 127)) for v in (self.low, self.high)]
        return ends[0], ends[1]


Step = Callable[[Reader, Tail, Operation], Tail | None]


def _turned(op: Operation, place: Place) -> Place:
    assert isinstance(op, TransposeOp)
    return place.transpose(ints(op.perm))


def grown(reader: Reader, tail: Tail, *steps: Step) -> Tail:
    """The longest tail that these steps make."""
    while (op := reader.sole_user(tail.value)) is not None:
        longer = next((t for step in steps if (t := step(reader, tail, op)) is not None), None)
        if longer is None:
            break
        tail = longer
    return tail


def by_channel(reader: Reader, tail: Tail, value: SSAValue) -> Numbers | None:
    """A known operand as one number, or one for each index of the channels; None if it is neither."""
    if (known := reader.constants.known(value)) is None or tail.views:
        scalar = reader.constants.scalar(value)
        return None if scalar is None else np.asarray(scalar)
    dims, rank = known.shape, len(shape(tail.value))
    wide = (1,) * (rank - len(dims)) + dims
    if len(wide) > rank or any(n != 1 for i, n in enumerate(wide) if i != tail.axis):
        return None
    array = known.read().astype(np.float64).reshape(-1)
    return array.reshape(()) if array.size == 1 else array


def affine(reader: Reader, tail: Tail, op: Operation) -> Tail | None:
    """A known number is added or multiplied."""
    if not isinstance(op, AddOp | SubOp | MulOp | DivOp) or tail.act != "none" or tail.residual is not None:
        return None
    if tail.low != -INF or tail.high != INF or shape(op.res) != shape(tail.value):
        return None
    left = op.lhs is tail.value
    if (c := by_channel(reader, tail, op.rhs if left else op.lhs)) is None:
        return None
    scale, bias = tail.scale, tail.bias
    match op:
        case AddOp():
            bias = bias + c
        case SubOp():
            scale, bias = (scale, bias - c) if left else (-scale, c - bias)
        case MulOp():
            scale, bias = scale * c, bias * c
        case _ if left:
            scale, bias = scale / c, bias / c
        case _:
            return None
    return replace(tail, value=op.res, ops=(*tail.ops, op), scale=scale, bias=bias)


def limited(reader: Reader, tail: Tail, op: Operation) -> Tail | None:
    """Values are cut at known numbers."""
    low, high = tail.low, tail.high
    match op:
        case ReluOp():
            low, high = max(low, 0.0), max(high, 0.0)
        case MaxOp() | MinOp():
            c = reader.constants.scalar(op.rhs if op.lhs is tail.value else op.lhs)
            if c is None or shape(op.res) != shape(tail.value):
                return None
            bound = max if isinstance(op, MaxOp) else min
            low, high = bound(low, c), bound(high, c)
        case _:
            return None
    return replace(tail, value=op.results[0], ops=(*tail.ops, op), low=low, high=high)


def activated(reader: Reader, tail: Tail, op: Operation) -> Tail | None:
    """A function of the vector unit's, once, before limits."""
    if tail.act != "none" or tail.low != -INF or tail.high != INF:
        return None
    if isinstance(op, HardSigmoidOp) and tail.residual is None:
        alpha, beta = number(op.alpha), number(op.beta)
        scale, bias = tail.scale * alpha, tail.bias * alpha + beta
        return replace(tail, value=op.res, ops=(*tail.ops, op), scale=scale, bias=bias, low=0.0, high=1.0)
    if (act := ACTS.get(type(op))) is None:
        return None
    return replace(tail, value=op.results[0], ops=(*tail.ops, op), act=act)


def silu(reader: Reader, tail: Tail) -> Tail | None:
    """x * sigmoid(x)."""
    users = {use.operation for use in tail.value.uses}
    gates = [op for op in users if isinstance(op, SigmoidOp)]
    if len(users) != 2 or not gates or tail.act != "none" or (tail.low, tail.high) != (-INF, INF):
        return None
    (product,) = users - {gates[0]}
    if not isinstance(product, MulOp) or {product.lhs, product.rhs} != {tail.value, gates[0].res}:
        return None
    if reader.sole_user(gates[0].res) is not product or not reader.free(gates[0]):
        return None
    return replace(tail, value=product.res, ops=(*tail.ops, gates[0], product), act="silu")


def viewed(reader: Reader, tail: Tail, op: Operation) -> Tail | None:
    """The same elements in another order; numbers by channel may no longer follow."""
    if not isinstance(op, ReshapeOp | TransposeOp):
        return None
    return replace(tail, value=op.res, ops=(*tail.ops, op), views=(*tail.views, op))


def stored(reader: Reader, tail: Tail, op: Operation) -> Tail | None:
    """The value is quantised, which ends a tail."""
    if not isinstance(op, QuantizeOp) or (found := reader.constants.quantisation(op)) is None:
        return None
    return replace(tail, value=op.res, ops=(*tail.ops, op), out=found)


def residual(reader: Reader, tail: Tail, op: Operation, anchor: Operation) -> Tail | None:
    """Another value of the same shape, which is there already, is added."""
    if not isinstance(op, AddOp) or tail.residual is not None or tail.act != "none" or tail.views:
        return None
    other = op.rhs if op.lhs is tail.value else op.lhs
    if (tail.low, tail.high) != (-INF, INF) or other is tail.value or shape(other) != shape(tail.value):
        return None
    if other not in reader.places or not reader.before(other, anchor):
        return None
    return replace(tail, value=op.res, ops=(*tail.ops, op), residual=other, first=op.rhs is tail.value)


def binary(op: Operation, value: SSAValue) -> SSAValue | None:
    """The other operand of an op on two."""
    if not isinstance(op, BinaryOp):
        return None
    return op.rhs if op.lhs is value else op.lhs


def integer_tail(reader: Reader, start: Tail, anchor: Operation, *steps: Step, alone: bool = False) -> Tail | None:
    """A tail that ends in 8 bits, and with a residual in 8 bits if there is one (unless `alone`); None if there is no
    such end."""

    def finished(tail: Tail) -> Tail | None:
        grew = grown(reader, tail, *steps, limited, viewed)
        op = reader.sole_user(grew.value)
        return None if op is None else stored(reader, grew, op)

    tail = finished(start)
    if tail is None or tail.views or alone:
        return tail
    back = reader.sole_user(tail.value)
    if not isinstance(back, DequantizeOp) or reader.constants.quantisation(back) != tail.out:
        return tail
    limits = tail.limits() if tail.out else None
    add = reader.sole_user(back.res)
    if add is None or limits != (-128, 127):
        return tail
    between = replace(tail, value=back.res, ops=(*tail.ops, back), middle=tail.out, low=-INF, high=INF)
    sum_ = residual(reader, between, add, anchor)
    if sum_ is None or sum_.residual is None:
        return tail
    if (other := reader.places[sum_.residual].tensor).type != "i8":
        return tail
    ended = grown(reader, sum_, limited)
    last = reader.sole_user(ended.value)
    whole = None if last is None else stored(reader, ended, last)
    same_sign = whole is not None and whole.out is not None and whole.out.unsigned == other.unsigned
    return whole if same_sign else tail


def float_tail(reader: Reader, start: Tail, anchor: Operation, *steps: Step, alone: bool = False) -> Tail:
    """The longest tail of floating numbers; `alone`: no residual, and nothing after a function."""

    def plus(reader: Reader, tail: Tail, op: Operation) -> Tail | None:
        found = residual(reader, tail, op, anchor)
        if found is None or found.residual is None or reader.places[found.residual].tensor.type != "bf16":
            return None
        return found

    kinds = (limited, activated) if alone else (plus, activated, limited)
    tail = grown(reader, start, *steps, *kinds)
    longer = silu(reader, tail)
    return tail if longer is None else longer if alone else grown(reader, longer, limited)


def placed(reader: Reader, value: SSAValue, place: Place, tail: Tail | None) -> None:
    """Places a value, or the last one of the tail that follows it."""
    if tail is None:
        reader.places[value] = place
    else:
        reader.places[tail.value] = tail.place(place)
