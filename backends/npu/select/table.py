"""Functions of one quantised value as tables of 256 bytes: what lies between a dequantize and the next quantize."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from xdsl.ir import Operation, SSAValue

from ....dialects._shape import shape
from ....dialects.graph._numbers import Numbers
from ....dialects.graph._pointwise import PointwiseOp
from ....dialects.graph.quantize import QuantizeOp
from ..layer import Activation, View
from .constant import Quantisation
from .place import Place
from .reader import Reader, quantised

MOST = 12
"""Ops, at most, that become a table."""


@dataclass(frozen=True)
class Function:
    """Ops, the last of which quantises, that are a function of one value and of known scalars."""

    ops: tuple[Operation, ...]
    value: SSAValue
    """The result of the last one."""
    out: Quantisation

    def table(self, reader: Reader, x: SSAValue, found: Quantisation) -> Numbers:
        """int8 for the stored values -128 to 127."""
        stored = np.arange(-128, 128)
        values: dict[SSAValue, Numbers] = {
            x: ((stored - found.stored).astype(np.float32) * np.float32(found.scale)).astype(np.float32)
        }
        for op in self.ops:
            inputs = [values[v] if v in values else _scalar(reader, v) for v in op.operands]
            assert isinstance(op, PointwiseOp | QuantizeOp)
            values[op.results[0]] = cast(Numbers, op.evaluate(*inputs)[0])
        made = values[self.value]
        return (made ^ np.uint8(0x80)).view(np.int8) if self.out.unsigned else made.astype(np.int8)


def _scalar(reader: Reader, value: SSAValue) -> Numbers:
    array = reader.constants.array(value)
    assert array is not None
    return array.reshape(())


def function_of(reader: Reader, x: SSAValue, first: Operation) -> Function | None:
    """What `first` and its users compute of x, up to the one quantize that reads it; None if there is more to it."""
    inside: dict[SSAValue, None] = {x: None}
    ops: list[Operation] = []
    todo = [first]
    while todo and len(ops) < MOST:
        op = todo.pop(0)
        if op in ops:
            continue
        if not _joins(reader, op, x, inside):
            return None
        ops.append(op)
        inside[op.results[0]] = None
        leaving = [v for v in inside if v is not x and any(u.operation not in ops for u in v.uses)]
        if len(leaving) != 1:
            todo = [u.operation for v in leaving for u in v.uses if u.operation not in ops]
            todo.sort(key=lambda op: reader.order.get(op, 0))
            continue
        user = reader.sole_user(leaving[0])
        if isinstance(user, QuantizeOp) and (out := reader.constants.quantisation(user)) is not None:
            return Function((*ops, user), user.res, out)
        todo = [u.operation for u in leaving[0].uses if u.operation not in ops]
    return None


def _joins(reader: Reader, op: Operation, x: SSAValue, inside: dict[SSAValue, None]) -> bool:
    if not isinstance(op, PointwiseOp) or not reader.free(op) or shape(op.res) != shape(x):
        return False
    return all(v in inside or reader.constants.scalar(v) is not None for v in op.operands)


def tabled(reader: Reader, op: Operation, x: SSAValue) -> bool:
    """Writes the table of the function that begins with an op of a quantised value; whether there is one."""
    place = reader.places.get(x)
    if place is None or place.tensor.type != "i8" or reader.gain(x) != 1.0:
        return False
    if (found := function_of(reader, x, op)) is None:
        return False
    reader.take(found.ops)
    view, local = reader.boxed(place)
    made = reader.tensor(reader.stem(found.ops[-1]), view.size, found.out)
    lut = found.table(reader, x, quantised(place))
    reader.add(Activation(name=made.name, x=view, out=View.whole(made), mode="lut", lut=lut))
    reader.places[found.value] = Place(made, local.at, local.dims)
    return True
