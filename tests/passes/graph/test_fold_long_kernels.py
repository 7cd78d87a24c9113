"""Convolutions with long kernels as short ones over frames."""

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.conv import ConvOp

from .programs import Program

rng = np.random.default_rng(0)


def normal(*dims: int) -> Array:
    return rng.standard_normal(dims).astype(np.float32)


@pytest.mark.parametrize("stride", [1, 2, 3, 8, 16, 40])
@pytest.mark.parametrize("pads", [(0, 0), (5, 9)])
@pytest.mark.parametrize("bias", [False, True])
def test_one_dimension(stride: int, pads: tuple[int, int], bias: bool) -> None:
    p = Program(normal(2, 3, 301))
    y = p.op(
        ConvOp,
        p.args[0],
        p.weight(normal(5, 3, 80)),
        p.weight(normal(5)) if bias else None,
        strides=[stride],
        pads=pads,
    )
    left = p.check(y, "fold-long-kernels,dce", 1e-4)
    assert left["conv"] == 1 and left["transpose"] == 2


def test_two_dimensions() -> None:
    p = Program(normal(1, 2, 9, 200))
    w = p.weight(normal(4, 2, 3, 100))
    y = p.op(ConvOp, p.args[0], w, None, strides=[2, 4], pads=[1, 3, 0, 2], dilations=[2, 1])
    assert p.check(y, "fold-long-kernels,dce", 1e-4)["transpose"] == 2


@pytest.mark.parametrize("how", ["short", "group", "dilation", "unknown"])
def test_others_stay(how: str) -> None:
    p = Program(normal(1, 2, 200), normal(2, 2, 80))
    w = p.args[1] if how == "unknown" else p.weight(normal(2, 1 if how == "group" else 2, 60 if how == "short" else 80))
    rest = {"group": 2} if how == "group" else {"dilations": [2]} if how == "dilation" else {}
    assert not p.check(p.op(ConvOp, p.args[0], w, None, **rest), "fold-long-kernels", 0)["transpose"]
