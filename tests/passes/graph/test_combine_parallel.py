"""Parallel products and convolutions as one: the same numbers, fewer ops."""

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.contraction import MatmulOp
from aic.dialects.graph.conv import ConvOp
from aic.dialects.graph.elementwise import AddOp, ExpOp

from .programs import Program

rng = np.random.default_rng(0)
PASSES = "fold-constants,dce"


def normal(*dims: int) -> Array:
    return rng.standard_normal(dims).astype(np.float32)


@pytest.mark.parametrize("rows", [(3,), (2, 3)])
def test_products_of_one_value(rows: tuple[int, ...]) -> None:
    p = Program(normal(*rows, 8))
    ys = [p.op(MatmulOp, p.args[0], p.weight(normal(8, n))) for n in (5, 1, 70)]
    left = p.check([ys[2], p.op(ExpOp, ys[0]), ys[1]], f"combine-parallel,{PASSES}", 1e-5)
    assert left["matmul"] == 1 and left["slice"] == 3 and not left["concat"]


@pytest.mark.parametrize("bias", [True, False])
def test_convolutions_of_one_image(bias: bool) -> None:
    p = Program(normal(1, 3, 9, 9))
    ys = [
        p.op(ConvOp, p.args[0], p.weight(normal(n, 3, 3, 3)), p.weight(normal(n)) if bias else None, pads=[1] * 4)
        for n in (2, 6)
    ]
    left = p.check(ys, f"combine-parallel,{PASSES}", 1e-5)
    assert left["conv"] == 1 and left["slice"] == 2


@pytest.mark.parametrize(("enlarge", "convs"), [(0, 2), (40, 2), (80, 1)])
def test_a_small_kernel_grows_if_that_is_cheap(enlarge: int, convs: int) -> None:
    """6 channels of 1 x 1 beside 10 of 3 x 3: 8 * 6 more than 6 + 90 is half as much again."""
    p = Program(normal(1, 3, 8, 8))
    small = p.op(ConvOp, p.args[0], p.weight(normal(6, 3, 1, 1)), p.weight(normal(6)))
    large = p.op(ConvOp, p.args[0], p.weight(normal(10, 3, 3, 3)), p.weight(normal(10)), pads=[1] * 4)
    left = p.check([small, large], f"combine-parallel{{enlarge={enlarge}}},{PASSES}", 1e-5)
    assert left["conv"] == convs and not left["pad"]


@pytest.mark.parametrize("how", ["value", "strides", "pads", "group", "unknown", "one"])
def test_others_stay(how: str) -> None:
    p = Program(normal(1, 4, 9, 9), normal(1, 4, 9, 9), normal(4, 4, 3, 3))
    rest = {"strides": {"strides": [2, 2]}, "pads": {"pads": [1] * 4}, "group": {"group": 2}}.get(how, {})
    first = p.op(ConvOp, p.args[0], p.weight(normal(4, 4, 3, 3)), None)
    other = p.args[1] if how == "value" else first if how == "one" else p.args[0]
    weight = p.args[2] if how == "unknown" else p.weight(normal(4, 2 if how == "group" else 4, 3, 3))
    left = p.check([first, p.op(ConvOp, other, weight, None, **rest)], f"combine-parallel{{enlarge=100}},{PASSES}", 0)
    assert left["conv"] == 2


def test_one_may_read_what_the_other_makes() -> None:
    p = Program(normal(4, 4))
    first = p.op(MatmulOp, p.args[0], p.weight(normal(4, 4)))
    second = p.op(MatmulOp, p.op(AddOp, first, p.args[0]), p.weight(normal(4, 4)))
    assert p.check([first, second], f"combine-parallel,{PASSES}", 0)["matmul"] == 2
