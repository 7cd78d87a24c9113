"""Importers of arithmetic and of the functions of calculus."""

from functools import reduce

import numpy as np
from xdsl.ir import SSAValue

from .....dialects._shape import dtype, shape
from .....dialects.graph import elementwise, trigonometry
from .....dialects.graph.view import ReshapeOp
from ..node import Node
from ..registry import onnx_op
from ._terms import Term

UNARY = {
    "Abs": elementwise.AbsOp,
    "Neg": elementwise.NegOp,
    "Sign": elementwise.SignOp,
    "Floor": elementwise.FloorOp,
    "Ceil": elementwise.CeilOp,
    "Round": elementwise.RoundOp,
    "Reciprocal": elementwise.ReciprocalOp,
    "Sqrt": elementwise.SqrtOp,
    "Exp": elementwise.ExpOp,
    "Log": elementwise.LogOp,
    "Erf": elementwise.ErfOp,
    "Sin": trigonometry.SinOp,
    "Cos": trigonometry.CosOp,
    "Tan": trigonometry.TanOp,
    "Asin": trigonometry.AsinOp,
    "Acos": trigonometry.AcosOp,
    "Atan": trigonometry.AtanOp,
    "Sinh": trigonometry.SinhOp,
    "Cosh": trigonometry.CoshOp,
    "Tanh": trigonometry.TanhOp,
    "Asinh": trigonometry.AsinhOp,
    "Acosh": trigonometry.AcoshOp,
    "Atanh": trigonometry.AtanhOp,
}
BINARY = {
    "Add": elementwise.AddOp,
    "Sub": elementwise.SubOp,
    "Mul": elementwise.MulOp,
    "Div": elementwise.DivOp,
    "Pow": elementwise.PowOp,
}
VARIADIC = {"Max": elementwise.MaxOp, "Min": elementwise.MinOp, "Sum": elementwise.AddOp}


def aligned(n: Node) -> SSAValue:
    """The second operand; before opset 7 it may have been said on which axis of the first it begins."""
    rhs = n.input(1)
    if n.opset >= 7 or not n.int("broadcast", 0) or not n.present("axis"):
        return rhs
    rank, dims = n.rank(0), shape(rhs)
    axis = n.int("axis")
    after = rank - (axis + rank if axis < 0 else axis) - len(dims)
    return n.emit(ReshapeOp, rhs, shape=[*dims, *[1] * after]) if after > 0 else rhs


@onnx_op(*UNARY)
def unary(n: Node) -> SSAValue:
    """One graph op."""
    return n.emit(UNARY[n.op_type], n.input(0))


@onnx_op(*BINARY)
def binary(n: Node) -> SSAValue:
    """One graph op."""
    return n.emit(BINARY[n.op_type], n.input(0), aligned(n))


@onnx_op(*VARIADIC)
def variadic(n: Node) -> SSAValue:
    """One op fewer than inputs, from the left."""
    op, floating = VARIADIC[n.op_type], True if n.op_type == "Sum" else None
    return reduce(lambda x, y: n.emit(op, x, y, floating=floating), [n.input(i) for i in range(n.count)])


@onnx_op("Mean")
def mean(n: Node) -> SSAValue:
    """The sum, of halves in f32, divided by the number of inputs."""
    first, *rest = (Term.wide(n, n.input(i)) for i in range(n.count))
    return (reduce(lambda x, y: x + y, rest, first) / n.count).like(n.input(0))


@onnx_op("Mod")
def mod(n: Node) -> SSAValue:
    """One graph op."""
    return n.emit(elementwise.ModOp, n.input(0), n.input(1), fmod=n.int("fmod", 0) != 0)


@onnx_op("Clip")
def clip(n: Node) -> SSAValue:
    """min(max(x, low), high), the bounds that are given; attributes before opset 11."""
    x = n.input(0)
    for index, name, op in ((1, "min", elementwise.MaxOp), (2, "max", elementwise.MinOp)):
        if n.has(index):
            x = n.emit(op, x, n.emit(ReshapeOp, n.input(index), shape=[]) if n.rank(index) else n.input(index))
        elif n.present(name):
            x = n.emit(op, x, Term.of(n, x).constant(n.float(name)).value)
    return x


@onnx_op("Identity")
def identity(n: Node) -> SSAValue:
    """No op."""
    return n.input(0)


@onnx_op("Dropout")
def dropout(n: Node) -> list[SSAValue | None]:
    """No op: inference drops nothing, and its mask (of x's type before opset 10) keeps all."""
    x = n.input(0)
    if n.has(2) and bool(n.constant(2)) and (not n.has(1) or float(n.constant(1)) != 0):
        n.refuse("training mode drops random elements", "export the model for inference")
    mask = None
    if n.wants(1):
        mask = n.const(np.ones(shape(x), np.dtype(bool) if n.opset >= 10 else dtype(x.type)))
    return [x, mask]
