"""Known factors and offsets beside convolutions go into their weights where the numbers stay the same, only there."""

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.activation import ReluOp
from aic.dialects.graph.contraction import GemmOp
from aic.dialects.graph.conv import ConvOp
from aic.dialects.graph.elementwise import AddOp, MulOp

from .programs import Program

PASSES = "fold-scale{fast=true},fold-constants,dce"
rng = np.random.default_rng(3)


def normal(*dims: int) -> Array:
    return rng.standard_normal(dims).astype(np.float32)


@pytest.mark.parametrize("group", [None, 1, 2, 4])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("number", [True, False])
def test_factors_before_a_padded_convolution(group: int | None, bias: bool, number: bool) -> None:
    p = Program(normal(2, 4, 5, 5))
    y = p.op(MulOp, p.args[0], p.weight(normal(1, 1, 1) if number else normal(4, 1, 1)))
    w, b = p.weight(normal(8, 4 // (group or 1), 3, 3)), p.weight(normal(8)) if bias else None
    left = p.check(p.op(ConvOp, y, w, b, pads=[1, 1, 1, 1], group=group), PASSES, 1e-4)
    assert not left["mul"] and left["conv"] == 1


@pytest.mark.parametrize(("pads", "stays"), [(None, 0), ([0, 0, 0, 0], 0), ([1, 0, 0, 0], 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_offsets_before_a_convolution_without_padding(pads: list[int] | None, stays: int, bias: bool) -> None:
    p = Program(normal(2, 4, 5, 5))
    y = p.op(AddOp, p.args[0], p.weight(normal(1, 4, 1, 1)))
    b = p.weight(normal(8)) if bias else None
    left = p.check(p.op(ConvOp, y, p.weight(normal(8, 4, 3, 3)), b, pads=pads), PASSES, 1e-4)
    assert left["add"] == stays


@pytest.mark.parametrize("sign", [1, -1])
def test_only_factors_above_zero_pass_a_relu(sign: int) -> None:
    p = Program(normal(1, 4, 5, 5))
    factor = (np.abs(normal(4, 1, 1)) + np.float32(0.1)) * np.float32(sign)
    y = p.op(ReluOp, p.op(MulOp, p.args[0], p.weight(factor)))
    y = p.op(ConvOp, y, p.weight(normal(4, 4, 3, 3)), p.weight(normal(4)))
    y = p.op(MulOp, p.op(ReluOp, y), p.weight(factor))
    assert p.check(y, f"{PASSES},{PASSES}", 1e-4)["mul"] == (0 if sign > 0 else 2)


def test_what_others_read_stays() -> None:
    p = Program(normal(1, 4, 5, 5))
    y = p.op(MulOp, p.args[0], p.weight(normal(4, 1, 1)))
    assert p.check([p.op(ConvOp, y, p.weight(normal(4, 4, 3, 3)), None), y], PASSES, 1e-4)["mul"] == 1


@pytest.mark.parametrize("trans_b", [True, None])
def test_factors_before_gemm(trans_b: bool | None) -> None:
    p = Program(normal(3, 4))
    y = p.op(MulOp, p.args[0], p.weight(normal(4)))
    w = p.weight(normal(6, 4) if trans_b else normal(4, 6))
    left = p.check(p.op(GemmOp, y, w, p.weight(normal(6)), trans_b=trans_b), PASSES, 1e-4)
    assert left["mul"] == (0 if trans_b else 1)
