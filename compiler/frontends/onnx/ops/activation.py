"""Importers of activation functions, those of ONNX Runtime's domain that BERT-like exports use among them."""

from xdsl.ir import SSAValue

from .....dialects._shape import element, shape
from .....dialects.graph.activation import (
    CeluOp,
    EluOp,
    GeluOp,
    HardSigmoidOp,
    LeakyReluOp,
    PReluOp,
    ReluOp,
    SeluOp,
    SigmoidOp,
    SoftplusOp,
    SoftsignOp,
)
from .....dialects.graph.compare import GreaterOp, LessOp
from .....dialects.graph.elementwise import AddOp
from .....dialects.graph.trigonometry import TanhOp
from .....dialects.graph.view import ReshapeOp
from ..node import Node
from ..registry import onnx_op
from ._terms import Term

PLAIN = {"Relu": ReluOp, "Sigmoid": SigmoidOp, "Softplus": SoftplusOp, "Softsign": SoftsignOp}
WITH_ALPHA = {"LeakyRelu": (LeakyReluOp, 0.01), "Elu": (EluOp, 1.0), "Celu": (CeluOp, 1.0)}
MICROSOFT = "com.microsoft"


@onnx_op(*PLAIN)
def plain(n: Node) -> SSAValue:
    """One graph op."""
    return n.emit(PLAIN[n.op_type], n.input(0))


@onnx_op(*WITH_ALPHA)
def with_alpha(n: Node) -> SSAValue:
    """One graph op."""
    op, alpha = WITH_ALPHA[n.op_type]
    return n.emit(op, n.input(0), alpha=n.float("alpha", alpha))


@onnx_op("Selu")
def selu(n: Node) -> SSAValue:
    """One graph op; opset 6 gave its constants more digits."""
    alpha, gamma = (1.6732, 1.0507) if n.opset < 6 else (1.67326319217681884765625, 1.05070102214813232421875)
    return n.emit(SeluOp, n.input(0), alpha=n.float("alpha", alpha), gamma=n.float("gamma", gamma))


@onnx_op("HardSigmoid")
def hard_sigmoid(n: Node) -> SSAValue:
    """One graph op."""
    return n.emit(HardSigmoidOp, n.input(0), alpha=n.float("alpha", 0.2), beta=n.float("beta", 0.5))


@onnx_op("PRelu")
def prelu(n: Node) -> SSAValue:
    """One graph op; before opset 7 the slope has one number for each channel, which is axis 1."""
    slope, rank = n.input(1), n.rank(0)
    if n.opset < 7 and n.rank(1) == 1 and n.shape(1) != (1,) and rank > 2:
        slope = n.emit(ReshapeOp, slope, shape=[*shape(slope), *[1] * (rank - 2)])
    return n.emit(PReluOp, n.input(0), slope)


@onnx_op("Gelu")
def gelu(n: Node) -> SSAValue:
    """One graph op."""
    return n.emit(GeluOp, n.input(0), approximate=n.str("approximate", "none"))


@onnx_op("HardSwish")
def hard_swish(n: Node) -> SSAValue:
    """x hard_sigmoid(x / 6 + 1 / 2)."""
    x = Term.wide(n, n.input(0))
    gate = n.emit(HardSigmoidOp, x.value, alpha=1 / 6, beta=0.5)
    return (x * Term.of(n, gate)).like(n.input(0))


@onnx_op("Swish")
def swish(n: Node) -> SSAValue:
    """x sigmoid(alpha x)."""
    return gated(n, n.float("alpha", 1.0))


@onnx_op("Mish")
def mish(n: Node) -> SSAValue:
    """x tanh(softplus(x))."""
    x = Term.wide(n, n.input(0))
    gate = n.emit(TanhOp, n.emit(SoftplusOp, x.value))
    return (x * Term.of(n, gate)).like(n.input(0))


@onnx_op("ThresholdedRelu")
def thresholded_relu(n: Node) -> SSAValue:
    """x above alpha, else 0."""
    x = Term.wide(n, n.input(0))
    above = n.emit(GreaterOp, x.value, x.constant(n.float("alpha", 1.0)).value)
    return Term.of(n, above).choose(x, 0).like(n.input(0))


@onnx_op("Shrink")
def shrink(n: Node) -> SSAValue:
    """x - bias above lambda, x + bias below -lambda, else 0."""
    x, edge, bias = Term.wide(n, n.input(0)), n.float("lambd", 0.5), n.float("bias", 0.0)
    below = Term.of(n, n.emit(LessOp, x.value, x.constant(-edge).value))
    above = Term.of(n, n.emit(GreaterOp, x.value, x.constant(edge).value))
    return below.choose(x + bias, above.choose(x - bias, 0)).like(n.input(0))


@onnx_op("Binarizer", domain="ai.onnx.ml")
def binarizer(n: Node) -> SSAValue:
    """1 above the threshold, else 0."""
    x = Term.of(n, n.input(0))
    above = n.emit(GreaterOp, x.value, x.constant(n.float("threshold", 0.0)).value)
    return Term.of(n, above).cast(element(x.value)).value


@onnx_op("Gelu", "BiasGelu", domain=MICROSOFT)
def microsoft_gelu(n: Node) -> SSAValue:
    """By erf, of x or of x + bias."""
    return n.emit(GeluOp, biased(n), approximate="none")


@onnx_op("FastGelu", domain=MICROSOFT)
def fast_gelu(n: Node) -> SSAValue:
    """By tanh, of x or of x + bias."""
    return n.emit(GeluOp, biased(n), approximate="tanh")


@onnx_op("QuickGelu", domain=MICROSOFT)
def quick_gelu(n: Node) -> SSAValue:
    """x sigmoid(alpha x)."""
    return gated(n, n.float("alpha", 1.702))


def biased(n: Node) -> SSAValue:
    """The first input, plus the second if there is one."""
    return n.emit(AddOp, n.input(0), n.input(1)) if n.has(1) else n.input(0)


def gated(n: Node, alpha: float) -> SSAValue:
    """x sigmoid(alpha x)."""
    x = Term.wide(n, n.input(0))
    scaled = x if alpha == 1 else x * alpha
    return (x * Term.of(n, n.emit(SigmoidOp, scaled.value))).like(n.input(0))
