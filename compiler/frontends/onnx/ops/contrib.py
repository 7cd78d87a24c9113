"""Importers of onnxruntime's own ops for fused and for quantized arithmetic, as compositions."""

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.dialects.builtin import f32
from xdsl.ir import SSAValue

from .....dialects._shape import dtype, element, shape
from .....dialects.graph.activation import HardSigmoidOp, LeakyReluOp, ReluOp, SigmoidOp
from .....dialects.graph.cast import CastOp
from .....dialects.graph.contraction import MatmulIntegerOp, MatmulOp
from .....dialects.graph.elementwise import AddOp, MaxOp, MinOp, MulOp
from .....dialects.graph.quantize import DequantizeOp, DynamicQuantizeOp, QuantizeOp
from .....dialects.graph.reduction import ReduceMeanOp
from .....dialects.graph.trigonometry import TanhOp
from .....dialects.graph.view import ConcatOp, TransposeOp
from ..node import Node
from ..registry import onnx_op
from .contraction import gemm
from .conv import conv, optional
from .quantize import dequantize, element_of_byte, quantize

MICROSOFT = "com.microsoft"

onnx_op("QuantizeLinear", domain=MICROSOFT)(quantize)
onnx_op("DequantizeLinear", domain=MICROSOFT)(dequantize)


def real(n: Node, index: int) -> SSAValue:
    """The floats that inputs index (integers), index + 1 (scale) and index + 2 (zero point) stand for."""
    scale = n.input(index + 1)
    return n.emit(DequantizeOp, n.input(index), scale, optional(n, index + 2), to=element(scale))


def whole(n: Node, x: SSAValue, index: int) -> SSAValue:
    """x by scale `index` and zero point index + 1; without one it is ui8."""
    zero = optional(n, index + 1)
    return n.emit(QuantizeOp, x, n.input(index), zero, to=element_of_byte() if zero is None else element(zero))


@onnx_op("QLinearAdd", "QLinearMul", domain=MICROSOFT)
def qlinear_binary(n: Node) -> SSAValue:
    """The sum or product of what the integers stand for."""
    op = AddOp if n.op_type == "QLinearAdd" else MulOp
    return whole(n, n.emit(op, real(n, 0), real(n, 3)), 6)


@onnx_op("QLinearSigmoid", "QLinearLeakyRelu", domain=MICROSOFT)
def qlinear_unary(n: Node) -> SSAValue:
    """The activation of what the integers stand for."""
    x = real(n, 0)
    if n.op_type == "QLinearSigmoid":
        return whole(n, n.emit(SigmoidOp, x), 3)
    return whole(n, n.emit(LeakyReluOp, x, alpha=n.float("alpha", 0.01)), 3)


@onnx_op("QLinearGlobalAveragePool", domain=MICROSOFT)
def qlinear_mean(n: Node) -> SSAValue:
    """The mean over the spatial dimensions."""
    first = 1 if n.int("channels_last", 0) else 2
    axes = tuple(range(first, n.rank(0) - (2 - first)))
    return whole(n, n.emit(ReduceMeanOp, real(n, 0), axes=axes, keepdims=True), 3)


@onnx_op("QLinearConcat", domain=MICROSOFT)
def qlinear_concat(n: Node) -> SSAValue:
    """Scale and zero point of the result come first, then each part with its own."""
    return whole(n, n.emit(ConcatOp, [real(n, i) for i in range(2, n.count, 3)], axis=n.int("axis")), 0)


@onnx_op("QGemm", domain=MICROSOFT)
def qgemm(n: Node) -> SSAValue:
    """alpha (A - z) (B - u) + C in integers, times both scales; quantized if a scale for that is given."""
    a, b = (flipped(n, n.input(i), n.int(f, 0) != 0) for i, f in ((0, "transA"), (3, "transB")))
    total = n.emit(MatmulIntegerOp, a, b, optional(n, 2), optional(n, 5))
    total = n.emit(AddOp, total, n.input(6)) if n.has(6) else total
    y = scaled(n, total, n.input(1), n.input(4))
    if (alpha := n.float("alpha", 1.0)) != 1:
        y = n.emit(MulOp, y, n.const(np.asarray(alpha, dtype(y.type))))
    return whole(n, y, 7) if n.has(7) else y


@onnx_op("MatMulIntegerToFloat", domain=MICROSOFT)
def matmul_integer_to_float(n: Node) -> SSAValue:
    """A, B, their scales, their zero points, a bias."""
    total = n.emit(MatmulIntegerOp, n.input(0), n.input(1), optional(n, 4), optional(n, 5))
    y = scaled(n, total, n.input(2), n.input(3))
    return n.emit(AddOp, y, n.input(6)) if n.has(6) else y


@onnx_op("DynamicQuantizeMatMul", domain=MICROSOFT)
def dynamic_quantize_matmul(n: Node) -> SSAValue:
    """A in floats, B, its scale, its zero point, a bias."""
    a, scale, zero = n.emits(DynamicQuantizeOp, n.input(0))
    y = scaled(n, n.emit(MatmulIntegerOp, a, n.input(1), zero, optional(n, 3)), scale, n.input(2))
    return n.emit(AddOp, y, n.input(4)) if n.has(4) else y


def scaled(n: Node, total: SSAValue, left: SSAValue, right: SSAValue) -> SSAValue:
    """An accumulator as floats, times the product of the scales."""
    return n.emit(MulOp, n.emit(CastOp, total, to=f32), n.emit(MulOp, left, right))


def flipped(n: Node, x: SSAValue, flip: bool) -> SSAValue:
    """x, its last two dimensions exchanged if `flip`."""
    rank = len(shape(x))
    if not flip or rank < 2:
        return x
    return n.emit(TransposeOp, x, perm=(*range(rank - 2), rank - 1, rank - 2))


@onnx_op("FusedMatMul", "TransposeMatMul", domain=MICROSOFT)
def fused_matmul(n: Node) -> SSAValue:
    """alpha times the product of matrices, each transposed if the attributes say so."""
    if n.int("transBatchA", 0) or n.int("transBatchB", 0):
        n.refuse("transBatchA and transBatchB are not supported")
    x, y = (flipped(n, n.input(i), n.int(f, 0) != 0) for i, f in ((0, "transA"), (1, "transB")))
    product = n.emit(MatmulOp, x, y)
    alpha = n.float("alpha", 1.0)
    return product if alpha == 1 else n.emit(MulOp, product, n.const(np.asarray(alpha, dtype(product.type))))


ACTIVATIONS: dict[str, Callable[[Node, SSAValue, Sequence[float]], SSAValue]] = {
    "": lambda n, x, p: x,
    "Relu": lambda n, x, p: n.emit(ReluOp, x),
    "Sigmoid": lambda n, x, p: n.emit(SigmoidOp, x),
    "Tanh": lambda n, x, p: n.emit(TanhOp, x),
    "LeakyRelu": lambda n, x, p: n.emit(LeakyReluOp, x, alpha=p[0] if p else 0.01),
    "HardSigmoid": lambda n, x, p: n.emit(HardSigmoidOp, x, alpha=p[0] if p else 0.2, beta=p[1] if p else 0.5),
    "Clip": lambda n, x, p: n.emit(MinOp, n.emit(MaxOp, x, limit(n, x, p[0])), limit(n, x, p[1])),
}


def limit(n: Node, x: SSAValue, value: float) -> SSAValue:
    """A constant of the type of x."""
    return n.const(np.asarray(value, dtype(x.type)))


def activated(n: Node, x: SSAValue, parameters: Sequence[float]) -> SSAValue:
    """x after the activation that the node names."""
    if (name := n.str("activation", "")) not in ACTIVATIONS:
        n.refuse(f"activation {name}")
    return ACTIVATIONS[name](n, x, parameters)


@onnx_op("FusedConv", domain=MICROSOFT)
def fused_conv(n: Node) -> SSAValue:
    """A convolution, a summand, an activation."""
    y = conv(n)
    assert isinstance(y, SSAValue)
    y = n.emit(AddOp, y, n.input(3)) if n.has(3) else y
    return activated(n, y, n.floats("activation_params", ()))


@onnx_op("FusedGemm", domain=MICROSOFT)
def fused_gemm(n: Node) -> SSAValue:
    """A product of matrices and an activation."""
    names = ("activation_alpha", "activation_beta", "activation_gamma")
    y = gemm(n)
    assert isinstance(y, SSAValue)
    return activated(n, y, [n.float(name) for name in names if n.present(name)])
