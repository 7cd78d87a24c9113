"""Softmax and log-softmax against their formulas in f64."""

import numpy as np
import pytest
from aic.dialects._shape import Array, tensor
from aic.dialects.graph.softmax import LogSoftmaxOp, SoftmaxBase, SoftmaxOp
from xdsl.ir import Block


def run(op: type[SoftmaxBase], x: Array, axis: int) -> Array:
    built = op.make(Block(arg_types=[tensor(x.dtype, x.shape)]).args[0], axis=axis)
    built.verify()
    return built.evaluate(x)[0]


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_formula(axis: int, kind: type[np.floating]) -> None:
    x = (np.random.default_rng(0).standard_normal((3, 4, 5)) * 4).astype(kind)
    e = np.exp(x.astype(np.float64))
    expected = e / e.sum(axis=axis, keepdims=True)
    few = 4 * float(np.finfo(kind).eps)  # roundings; f16 is computed in f32
    np.testing.assert_allclose(run(SoftmaxOp, x, axis), expected, rtol=few, atol=1e-6)
    np.testing.assert_allclose(run(LogSoftmaxOp, x, axis), np.log(expected), rtol=few, atol=1e-6)


def test_large_values_do_not_overflow() -> None:
    x = np.array([[1000, 1000, -1000]], np.float32)
    assert run(SoftmaxOp, x, -1).tolist() == [[0.5, 0.5, 0.0]]
    assert run(LogSoftmaxOp, x, -1)[0, 2] == pytest.approx(-2000.6931)


def test_infinities() -> None:
    x = np.array([[-np.inf, -np.inf], [-np.inf, 0], [np.inf, 0]], np.float32)
    y = run(SoftmaxOp, x, -1)
    assert np.isnan(y[0]).all() and y[1].tolist() == [0, 1] and np.isnan(y[2, 0])
