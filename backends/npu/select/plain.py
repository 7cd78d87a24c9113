"""Ops that compute nothing: views and quantisation."""

import numpy as np
from xdsl.ir import Operation

from ....dialects._shape import dtype, shape
from ....dialects.graph._base import ints
from ....dialects.graph.quantize import DequantizeOp, QuantizeOp
from ....dialects.graph.view import ExpandOp, ReshapeOp, SliceOp, TransposeOp
from ..layer import Copy, View
from .place import Place
from .reader import Reader, Unsupported, is_number, quantised, reads


@reads(ReshapeOp, TransposeOp, SliceOp, ExpandOp)
def view(reader: Reader, op: ReshapeOp | TransposeOp | SliceOp | ExpandOp) -> None:
    """The same elements, seen otherwise."""
    if not is_number(op.x):
        raise Unsupported(f"elements of {dtype(op.x.type)}")
    place = reader.place(op.x)
    match op:
        case ReshapeOp():
            place = place.reshape(shape(op.res))
        case TransposeOp():
            place = place.transpose(ints(op.perm))
        case SliceOp() if begins_rows(reader, op):
            raise Unsupported("a part of what comes from outside, which the host cuts out and into rows")
        case SliceOp():
            place = place.slice(ints(op.offsets), ints(op.sizes), ints(op.strides))
        case _:
            place = place.expand(shape(op.res))
    reader.places[op.res] = place
    if reader.gain(op.x) != 1.0:
        reader.gains[op.res] = reader.gain(op.x)


def begins_rows(reader: Reader, op: SliceOp) -> bool:
    """Whether a part of an argument's last dimension is cut into several: the argument by itself has no such rows."""
    outside = any(place.tensor is reader.place(op.x).tensor for place in reader.inputs.values())
    cut = shape(op.res)[-1] != shape(op.x)[-1]
    return outside and cut and all(isinstance(use.operation, ReshapeOp) for use in op.res.uses)


@reads(DequantizeOp)
def dequantize(reader: Reader, op: DequantizeOp) -> None:
    """The integers are the value."""
    found = reader.constants.quantisation(op)
    if found is None or dtype(op.res.type) != np.float32:
        raise Unsupported("integers with other than one scale and zero point in 8 bits")
    place = reader.place(op.x)
    if quantised(place) != found:
        raise Unsupported(f"{op.name}: its parameters are not those of what it reads")
    reader.places[op.res] = place


@reads(QuantizeOp)
def quantize(reader: Reader, op: QuantizeOp) -> None:
    """Integers from floating numbers, or from integers of other parameters."""
    found = reader.constants.quantisation(op)
    if found is None or dtype(op.x.type) != np.float32:
        raise Unsupported("quantisation to other than 8 bits with one scale")
    if op.x not in reader.places or op.x in reader.inputs:
        raise Unsupported("it comes from the host, which quantises exactly")
    place = reader.plain(op.x)
    if place.tensor.type == "i8" and quantised(place) == found:
        reader.places[op.res] = place
        return
    source, local = reader.boxed(place)
    made = reader.tensor(reader.stem(op), source.size, found)
    ratio = np.float32(1 if place.tensor.type != "i8" else place.tensor.scale) / np.float32(found.scale)
    zeros = (place.tensor.zero, made.zero)
    reader.add(Copy(name=made.name, x=source, out=View.whole(made), scale=float(ratio), zeros=zeros))
    reader.places[op.res] = Place(made, local.at, local.dims)


def is_view(op: Operation) -> bool:
    """Whether an op only shows its operand otherwise."""
    return isinstance(op, ReshapeOp | TransposeOp | SliceOp | ExpandOp | QuantizeOp | DequantizeOp)
