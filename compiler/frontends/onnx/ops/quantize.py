"""Importers of quantization, and of products and convolutions of quantized tensors."""

from collections.abc import Sequence

from onnx import TensorProto, helper
from xdsl.ir import Attribute, SSAValue

from .....dialects._shape import element, element_of
from .....dialects.graph.contraction import MatmulIntegerOp
from .....dialects.graph.conv import ConvIntegerOp
from .....dialects.graph.elementwise import AddOp, DivOp, MulOp
from .....dialects.graph.quantize import DequantizeOp, DynamicQuantizeOp, QuantizeOp, RequantizeOp
from .....dialects.graph.view import ReshapeOp
from ..node import Node
from ..registry import onnx_op
from .conv import convolution, optional


def type_attribute(n: Node, name: str) -> Attribute | None:
    """An attribute that holds a tensor's data type, as an element type; None if it is absent or 0."""
    if not (number := n.int(name, 0)):
        return None
    if number not in TensorProto.DataType.values():
        raise ValueError(f"{name}: expected a data type, found {number}")
    try:
        return element_of(helper.tensor_dtype_to_np_dtype(number))
    except (TypeError, KeyError):
        n.refuse(f"{name} = {TensorProto.DataType.Name(number)}", "only types of 8 bits and more are supported")


@onnx_op("QuantizeLinear")
def quantize(n: Node) -> SSAValue:
    """To the zero point's type, else `output_dtype`, else ui8."""
    zero = optional(n, 2)
    to = element(zero) if zero is not None else type_attribute(n, "output_dtype") or element_of_byte()
    block = n.int("block_size", 0)
    return n.emit(
        QuantizeOp,
        *(n.input(0), n.input(1), zero),
        axis=n.int("axis", 1) if n.rank(1) else None,
        block=block or None,
        to=to,
        precision=type_attribute(n, "precision"),
    )


def element_of_byte() -> Attribute:
    """ui8."""
    return element_of(helper.tensor_dtype_to_np_dtype(TensorProto.UINT8))


@onnx_op("DequantizeLinear")
def dequantize(n: Node) -> SSAValue:
    """To `output_dtype`, else the scale's type."""
    block = n.int("block_size", 0)
    return n.emit(
        DequantizeOp,
        *(n.input(0), n.input(1), optional(n, 2)),
        axis=n.int("axis", 1) if n.rank(1) else None,
        block=block or None,
        to=type_attribute(n, "output_dtype") or element(n.input(1)),
    )


@onnx_op("DynamicQuantizeLinear")
def dynamic_quantize(n: Node) -> Sequence[SSAValue]:
    """To ui8, with its scale and zero point."""
    return n.emits(DynamicQuantizeOp, n.input(0))


@onnx_op("QLinearMatMul")
def qlinear_matmul(n: Node) -> SSAValue:
    """a, scale, zero, b, scale, zero, scale and zero of y: the product of integers, requantized."""
    total = n.emit(MatmulIntegerOp, n.input(0), n.input(3), n.input(2), n.input(5))
    rows = n.input(1)
    if n.rank(1) == 1 and n.shape(1) != (1,) and n.rank(0) > 1:
        rows = n.emit(ReshapeOp, rows, shape=(*n.shape(1), 1))
    return requantized(n, total, (rows, n.input(4), n.input(6)), n.input(7))


@onnx_op("QLinearConv")
def qlinear_conv(n: Node) -> SSAValue:
    """x, scale, zero, w, scale, zero, scale and zero of y, bias: the convolution of integers, requantized."""
    ones = (1,) * (n.rank(0) - 2)
    total = convolution(n, ConvIntegerOp, 0, 3, n.input(2), n.input(5))
    scale = n.input(4)
    if n.shape(4) not in ((), (1,)):
        scale = n.emit(ReshapeOp, scale, shape=(*n.shape(4), *ones))
    if n.has(8):
        total = n.emit(AddOp, total, n.emit(ReshapeOp, n.input(8), shape=(*n.shape(8), *ones)))
    return requantized(n, total, (n.input(1), scale, n.input(6)), n.input(7))


def requantized(n: Node, total: SSAValue, scales: tuple[SSAValue, SSAValue, SSAValue], zero: SSAValue) -> SSAValue:
    """The accumulator times the scales of the factors over that of the result, in the zero point's type."""
    left, right, result = scales
    ratio = n.emit(DivOp, n.emit(MulOp, left, right), result)
    return n.emit(RequantizeOp, total, ratio, zero, to=element(zero))
