"""Convolutions whose channels are cut become convolutions with cut weights."""

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.conv import ConvOp
from aic.dialects.graph.view import SliceOp
from xdsl.ir import SSAValue

from .programs import Program

rng = np.random.default_rng(0)
PASSES = "slice-weights,fold-constants,dce"


def normal(*dims: int) -> Array:
    return rng.standard_normal(dims).astype(np.float32)


def conv(p: Program, bias: bool, group: int = 1) -> SSAValue:
    """[2, 4, 9] -> [2, 42, 5]."""
    w, b = p.weight(normal(42, 4 // group, 3)), p.weight(normal(42)) if bias else None
    return p.op(ConvOp, p.args[0], w, b, strides=[2], pads=[1, 1], group=group)


def part(p: Program, x: SSAValue, first: int, count: int, columns: int = 5) -> SSAValue:
    return p.op(SliceOp, x, offsets=[0, first, 0], sizes=[2, count, columns], strides=[1, 1, 1])


@pytest.mark.parametrize("bias", [False, True])
def test_both_halves(bias: bool) -> None:
    p = Program(normal(2, 4, 9))
    y = conv(p, bias)
    left = p.check([part(p, y, 21, 21), part(p, y, 0, 21)], PASSES, 1e-6)
    assert left["conv"] == 2 and not left["slice"]


def test_a_part_alone() -> None:
    p = Program(normal(2, 4, 9))
    left = p.check(part(p, conv(p, True), 5, 20), PASSES, 1e-6)
    assert left["conv"] == 1 and not left["slice"]


@pytest.mark.parametrize("how", ["aligned", "overlap", "other readers", "other dimensions", "group"])
def test_others_stay(how: str) -> None:
    p = Program(normal(2, 4, 9))
    y = conv(p, False, 2 if how == "group" else 1)
    match how:
        case "aligned":
            results = [part(p, y, 0, 16), part(p, y, 16, 26)]
        case "overlap":
            results = [part(p, y, 0, 21), part(p, y, 20, 22)]
        case "other readers":
            results = [part(p, y, 21, 21), y]
        case "other dimensions":
            results = [part(p, y, 21, 21, columns=4)]
        case _:
            results = [part(p, y, 0, 21), part(p, y, 21, 21)]
    left = p.check(results, PASSES, 0)
    assert left["conv"] == 1 and left["slice"] == sum(r is not y for r in results)
