"""Sums, differences, products, maxima and minima of two values."""

import numpy as np

from ....dialects._shape import shape
from ....dialects.graph.elementwise import AddOp, DivOp, MaxOp, MinOp, MulOp, SubOp
from ..layer import Elementwise, View
from .affine import with_number
from .constant import Quantisation, sum_numbers
from .moves import like
from .place import Place
from .reader import Reader, Unsupported, is_integer, quantised, reads
from .rows import is_mask
from .tail import Tail, grown, integer_tail, limited

MODES = {AddOp: "add", SubOp: "sub", MulOp: "mul", MaxOp: "max", MinOp: "min"}
Pairwise = AddOp | SubOp | MulOp | MaxOp | MinOp


@reads(AddOp, SubOp, MulOp, DivOp, MaxOp, MinOp)
def pair(reader: Reader, op: Pairwise | DivOp) -> None:
    """Two activations of one shape, or one that is repeated; or one and known numbers."""
    if isinstance(op, AddOp) and is_mask(reader, op):
        reader.wait(op)
        return
    if any(reader.constants.known(v) is not None for v in (op.lhs, op.rhs)) and with_number(reader, op):
        return
    if isinstance(op, DivOp):
        raise Unsupported("a quotient")
    activations(reader, op)


def activations(reader: Reader, op: Pairwise) -> None:
    """Two values of one shape, or one that is repeated."""
    a, b, mode = op.lhs, op.rhs, MODES[type(op)]
    if shape(a) != shape(op.res):
        if shape(b) != shape(op.res) or mode == "sub":
            raise Unsupported("both operands are repeated")
        a, b = b, a
    places = [reader.plain(v) for v in (a, b)]
    tail = None
    if all(map(is_integer, places)):
        tail = integer_tail(reader, Tail(op.res, 1, (op,)), op)
        if tail is not None and (tail.residual is not None or not _fits(mode, places, tail.out)):
            tail = None
    if tail is None:
        places = reader.real(a, b)
        tail = grown(reader, Tail(op.res, 1), limited)
    reader.take(tail.ops)
    first, second = places
    rank = len(first.dims) - len(second.dims)
    second = Place(second.tensor, second.at, (*((),) * rank, *second.dims))
    x, local = reader.boxed(first)
    made = reader.tensor(reader.stem(op), x.size, tail.out, first.tensor.type)
    y = like(reader, second, local, x.size, repeats=True)
    lane = y.size[3] == 1 and x.size[3] > 1
    low, high = tail.limits() if tail.out else (tail.low, tail.high)
    reader.add(
        Elementwise(
            name=made.name,
            a=x,
            b=y,
            out=View.whole(made),
            mode=mode,
            numbers=_numbers(tail.rounding(reader), mode, places, tail.out),
            rounding=tail.rounding(reader),
            zeros=(x.tensor.zero, y.tensor.zero, made.zero),
            lane=lane,
            low=low,
            high=high,
        )
    )
    reader.places[tail.value] = tail.place(Place(made, local.at, local.dims))


def _fits(mode: str, places: list[Place], out: Quantisation | None) -> bool:
    """Whether there is an instruction in integers: limits want one scale, the others one sign of storage."""
    found = [quantised(p) for p in places]
    if mode in ("max", "min"):
        return all(q == out for q in found)
    return out is not None and all(q.unsigned == out.unsigned for q in found)


def _numbers(rounding: str, mode: str, places: list[Place], out: Quantisation | None) -> tuple[float, float, float]:
    if out is None:
        return (0.0, 0.0, 0.0)
    a, b = (quantised(p) for p in places)
    match mode:
        case "add":
            return sum_numbers(a, b, out, rounding)
        case "sub":
            return sum_numbers(a, b, out, rounding, subtract=True)
        case "mul":
            return float(np.float32(np.float32(a.scale) * np.float32(b.scale)) / np.float32(out.scale)), 0.0, 0.0
        case _:
            return (0.0, 0.0, 0.0)
