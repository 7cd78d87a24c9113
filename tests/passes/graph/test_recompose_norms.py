"""Normalisations that are spelled out become one op of the same meaning; what only looks like one stays."""

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.elementwise import AddOp, DivOp, MulOp, PowOp, ReciprocalOp, SqrtOp, SubOp
from aic.dialects.graph.reduction import ReduceMeanOp
from xdsl.ir import SSAValue

from .programs import Program

rng = np.random.default_rng(0)
PASSES = "recompose-norms,dce"


def normal(*dims: int) -> Array:
    return rng.standard_normal(dims).astype(np.float32)


def number(p: Program, value: float) -> SSAValue:
    return p.constant(np.array(value, np.float32))


def mean(p: Program, x: SSAValue, axis: int = 2) -> SSAValue:
    return p.op(ReduceMeanOp, x, axes=[axis], keepdims=True)


def square(p: Program, x: SSAValue, how: str) -> SSAValue:
    return p.op(PowOp, x, number(p, 2.0)) if how == "pow" else p.op(MulOp, x, x)


def over_root(p: Program, x: SSAValue, root: SSAValue, how: str) -> SSAValue:
    match how:
        case "div":
            return p.op(DivOp, x, root)
        case "reciprocal":
            return p.op(MulOp, x, p.op(ReciprocalOp, root))
        case _:
            return p.op(MulOp, p.op(DivOp, number(p, 1.0), root), x)


def spelled(p: Program, x: SSAValue, square_by: str = "mul", divide_by: str = "div", axis: int = 2) -> SSAValue:
    """x over the root of its mean square and 0.01."""
    total = p.op(AddOp, mean(p, square(p, x, square_by), axis), number(p, 0.01))
    return over_root(p, x, p.op(SqrtOp, total), divide_by)


@pytest.mark.parametrize("square_by", ["pow", "mul"])
@pytest.mark.parametrize("divide_by", ["div", "reciprocal", "one over"])
@pytest.mark.parametrize("factor", [False, True])
def test_root_mean_square(square_by: str, divide_by: str, factor: bool) -> None:
    p = Program(normal(2, 3, 96))
    y = spelled(p, p.args[0], square_by, divide_by)
    left = p.check(p.op(MulOp, p.weight(normal(96)), y) if factor else y, PASSES, 1e-5)
    assert left == {"rms_norm": 1, "weight" if factor else "constant": 1}


@pytest.mark.parametrize("factor", [False, True])
@pytest.mark.parametrize("offset", [False, True])
def test_layer_norm(factor: bool, offset: bool) -> None:
    p = Program(normal(2, 3, 8))
    y = spelled(p, p.op(SubOp, p.args[0], mean(p, p.args[0])))
    y = p.op(MulOp, y, p.constant(normal(8))) if factor else y
    y = p.op(AddOp, y, p.constant(normal(8))) if offset else y
    left = p.check(y, PASSES, 1e-5)
    assert left == {"layer_norm": 1, "constant": 1 + offset}


def test_what_others_read_stays() -> None:
    p = Program(normal(2, 3, 8))
    y = spelled(p, p.args[0])
    left = p.check([p.op(MulOp, y, p.constant(normal(8))), y], PASSES, 1e-5)
    assert left["rms_norm"] == 1 and left["mul"] == 1


def test_factors_of_other_shapes_stay() -> None:
    p = Program(normal(2, 3, 8))
    left = p.check(p.op(MulOp, spelled(p, p.args[0]), p.constant(normal(3, 1))), PASSES, 1e-5)
    assert left["rms_norm"] == 1 and left["mul"] == 1


@pytest.mark.parametrize("how", ["axis", "another", "epsilon"])
def test_others_stay(how: str) -> None:
    p = Program(normal(2, 3, 3), np.abs(normal(1)))
    x = p.args[0]
    epsilon = p.args[1] if how == "epsilon" else number(p, 0.01)
    total = p.op(AddOp, mean(p, square(p, x, "mul"), 1 if how == "axis" else 2), epsilon)
    y = p.op(DivOp, p.op(AddOp, x, x) if how == "another" else x, p.op(SqrtOp, total))
    assert not p.check(y, PASSES, 0)["rms_norm"]


def test_another_number_over_the_root_stays() -> None:
    p = Program(normal(2, 3, 8))
    x = p.args[0]
    root = p.op(SqrtOp, p.op(AddOp, mean(p, square(p, x, "mul")), number(p, 0.01)))
    assert not p.check(p.op(MulOp, x, p.op(DivOp, number(p, 2.0), root)), PASSES, 1e-5)["rms_norm"]
