"""Convolutions over patches become products of matrices."""

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.conv import ConvOp

from .programs import Program

rng = np.random.default_rng(0)
PASSES = "fold-patches,fold-constants,dce"


def normal(*dims: int) -> Array:
    return rng.standard_normal(dims).astype(np.float32)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("left_over", [0, 2])
def test_two_dimensions(bias: bool, left_over: int) -> None:
    p = Program(normal(2, 3, 8, 15 + left_over))
    w, b = p.weight(normal(7, 3, 4, 5)), p.weight(normal(7)) if bias else None
    left = p.check(p.op(ConvOp, p.args[0], w, b, strides=[4, 5]), PASSES, 1e-5)
    assert not left["conv"] and left["matmul"] == 1 and left["transpose"] == 2 and left["slice"] == bool(left_over)


def test_one_dimension() -> None:
    p = Program(normal(2, 1, 12))
    left = p.check(p.op(ConvOp, p.args[0], p.weight(normal(7, 1, 3)), None, strides=[3]), PASSES, 1e-5)
    assert not left["conv"] and left["matmul"] == 1


@pytest.mark.parametrize("how", ["overlap", "pads", "dilation", "group", "channels", "pixels", "unknown"])
def test_others_stay(how: str) -> None:
    side = 1 if how == "pixels" else 2
    inputs = 6 if how == "channels" else 2
    p = Program(normal(1, inputs, 8, 8), normal(4, inputs, side, side))
    w = p.args[1] if how == "unknown" else p.weight(normal(4, 1 if how == "group" else inputs, side, side))
    rest = {
        "overlap": {"strides": [1, 2]},
        "pads": {"pads": [0, 1, 0, 0]},
        "dilation": {"dilations": [2, 1]},
        "group": {"group": 2},
    }
    y = p.op(ConvOp, p.args[0], w, None, **{"strides": [side, side], **rest.get(how, {})})
    assert p.check(y, PASSES, 0)["conv"] == 1
