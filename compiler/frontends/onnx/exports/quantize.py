"""Exporters of quantization."""

import numpy as np
from xdsl.dialects.builtin import IntegerType

from .....dialects._shape import dtype, element, shape
from .....dialects.graph.quantize import DequantizeOp, DynamicQuantizeOp, QuantizeOp, RequantizeOp
from ..export_registry import exports
from ..writer import Attribute, Writer
from .compare import number_of


def placed(op: QuantizeOp | DequantizeOp) -> dict[str, Attribute]:
    """The attributes that say which scale is whose."""
    many = bool(shape(op.scale))
    return {
        "axis": op.axis.value.data if many and op.axis is not None else None,
        "block_size": op.block.value.data if op.block is not None else None,
    }


@exports(QuantizeOp)
def quantize(w: Writer, op: QuantizeOp) -> None:
    """One node; the zero point, made if there is none, says the type."""
    zero = w.own(op.zero) if op.zero is not None else w.tensor(np.zeros(shape(op.scale), dtype(op.to)))
    precision = number_of(op.precision) if op.precision is not None else None
    w.node("QuantizeLinear", op, op.x, op.scale, zero, precision=precision, **placed(op))


@exports(DequantizeOp)
def dequantize(w: Writer, op: DequantizeOp) -> None:
    """One node."""
    other = number_of(op.to) if op.to != element(op.scale) else None
    w.node("DequantizeLinear", op, op.x, op.scale, w.own(op.zero), output_dtype=other, **placed(op))


@exports(DynamicQuantizeOp)
def dynamic_quantize(w: Writer, op: DynamicQuantizeOp) -> None:
    """One node of three outputs."""
    w.node("DynamicQuantizeLinear", op, op.x)


@exports(RequantizeOp)
def requantize(w: Writer, op: RequantizeOp) -> None:
    """x * scale + zero in f64, rounded, cut to the range and cast."""
    assert isinstance(op.to, IntegerType)
    kind, wide = dtype(op.to), np.dtype(np.float64)
    number = number_of_double()
    y = w.value("Cast", op, op.x, kind=wide, to=number)
    y = w.value("Mul", op, y, w.value("Cast", op, op.scale, kind=wide, to=number))
    if op.zero is not None:
        y = w.value("Add", op, y, w.value("Cast", op, op.zero, kind=wide, to=number))
    ends = np.iinfo(kind.name)
    low, high = (w.tensor(np.array(end, np.float64)) for end in (ends.min, ends.max))
    y = w.value("Clip", op, w.value("Round", op, y), low, high)
    w.node("Cast", op, y, to=number_of(op.to))


def number_of_double() -> int:
    """TensorProto's number of f64."""
    return 11
