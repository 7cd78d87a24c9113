"""Exporters of arithmetic and of functions of one number: the tables of the importers read backwards."""

import numpy as np
from xdsl.dialects.builtin import AnyFloat

from .....dialects._shape import dtype, element
from .....dialects.graph._pointwise import BinaryOp, UnaryOp
from .....dialects.graph.activation import (
    CeluOp,
    EluOp,
    GeluOp,
    HardSigmoidOp,
    LeakyReluOp,
    PReluOp,
    SeluOp,
)
from .....dialects.graph.elementwise import AddOp, MaxOp, MinOp, ModOp
from ..export_registry import exports
from ..ops.activation import PLAIN, WITH_ALPHA
from ..ops.elementwise import BINARY, UNARY
from ..writer import Writer

ONE: dict[type[UnaryOp], str] = {op: name for name, op in (UNARY | PLAIN).items()}
TWO: dict[type[BinaryOp], str] = {op: name for name, op in BINARY.items()} | {MaxOp: "Max", MinOp: "Min"}
ALPHA: dict[type[LeakyReluOp | EluOp | CeluOp], str] = {op: name for name, (op, _) in WITH_ALPHA.items()}


@exports(*ONE)
def unary(w: Writer, op: UnaryOp) -> None:
    """One node."""
    w.node(ONE[type(op)], op, op.x)


@exports(*TWO)
def binary(w: Writer, op: BinaryOp) -> None:
    """One node; an addition that stays in floating point is a Sum."""
    kept = isinstance(op, AddOp) and op.floating
    w.node("Sum" if kept else TWO[type(op)], op, op.lhs, op.rhs)


@exports(ModOp)
def mod(w: Writer, op: ModOp) -> None:
    """One node; of floats ONNX has the rest with the sign of x only, to which y is added where its sign is another."""
    if op.fmod or not isinstance(element(op.lhs), AnyFloat):
        w.node("Mod", op, op.lhs, op.rhs, fmod=1 if op.fmod else None)
        return
    rest, bools = w.value("Mod", op, op.lhs, op.rhs, fmod=1), np.dtype(np.bool_)
    zero = w.tensor(np.zeros((), dtype(op.lhs.type)))
    low, down = (w.value("Less", op, v, zero, kind=bools) for v in (rest, op.rhs))
    exact = w.value("Equal", op, rest, zero, kind=bools)
    keep = w.value("Or", op, exact, w.value("Not", op, w.value("Xor", op, low, down)))
    w.node("Where", op, keep, rest, w.value("Add", op, rest, op.rhs))


@exports(*ALPHA)
def with_alpha(w: Writer, op: LeakyReluOp | EluOp | CeluOp) -> None:
    """One node."""
    w.node(ALPHA[type(op)], op, op.x, alpha=op.alpha.value.data)


@exports(SeluOp)
def selu(w: Writer, op: SeluOp) -> None:
    """One node."""
    w.node("Selu", op, op.x, alpha=op.alpha.value.data, gamma=op.gamma.value.data)


@exports(HardSigmoidOp)
def hard_sigmoid(w: Writer, op: HardSigmoidOp) -> None:
    """One node."""
    w.node("HardSigmoid", op, op.x, alpha=op.alpha.value.data, beta=op.beta.value.data)


@exports(PReluOp)
def prelu(w: Writer, op: PReluOp) -> None:
    """One node."""
    w.node("PRelu", op, op.lhs, op.rhs)


@exports(GeluOp)
def gelu(w: Writer, op: GeluOp) -> None:
    """One node."""
    approximate = op.approximate.data
    w.node("Gelu", op, op.x, approximate=approximate if approximate != "none" else None)
