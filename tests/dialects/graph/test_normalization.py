"""Normalisations against their formulas in f64, and what their verifiers refuse."""

import numpy as np
import pytest
from aic.dialects._shape import Array, tensor
from aic.dialects.graph._base import GraphOp, Plain
from aic.dialects.graph.normalization import (
    BatchNormOp,
    GroupNormOp,
    InstanceNormOp,
    LayerNormOp,
    LrnOp,
    RmsNormOp,
)
from xdsl.ir import Block
from xdsl.utils.exceptions import VerifyException

rng = np.random.default_rng(0)
X = rng.standard_normal((2, 6, 4, 5)).astype(np.float32)
C = [rng.standard_normal(6).astype(np.float32) for _ in range(4)]
EPS = 1e-3


def run(op: type[GraphOp], *arrays: Array, **properties: Plain) -> Array:
    built = op.make(*Block(arg_types=[tensor(a.dtype, a.shape) for a in arrays]).args, **properties)
    built.verify()
    (result,) = built.evaluate(*arrays)
    assert built.results[0].type == tensor(result.dtype, result.shape)
    return result


def standard(x: Array, axes: tuple[int, ...]) -> Array:
    wide = x.astype(np.float64)
    return (wide - wide.mean(axes, keepdims=True)) / np.sqrt(wide.var(axes, keepdims=True) + EPS)


def close(found: Array, expected: Array) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)  # f32 against f64, 120 elements


@pytest.mark.parametrize("axis", [1, -1])
def test_layer_and_rms_norm(axis: int) -> None:
    dims = X.shape[axis:]
    scale, bias = rng.standard_normal((2, *dims)).astype(np.float32)
    axes = tuple(range(axis % 4, 4))
    close(run(LayerNormOp, X, scale, bias, axis=axis, epsilon=EPS), standard(X, axes) * scale + bias)
    close(run(LayerNormOp, X, scale, axis=axis, epsilon=EPS), standard(X, axes) * scale)
    rms = np.sqrt((X.astype(np.float64) ** 2).mean(axes, keepdims=True) + EPS)
    close(run(RmsNormOp, X, scale, axis=axis, epsilon=EPS), X / rms * scale)


def test_instance_group_and_batch_norm() -> None:
    scale, bias, mean, var = (c.reshape(6, 1, 1) for c in C)
    close(run(InstanceNormOp, X, C[0], C[1], epsilon=EPS), standard(X, (2, 3)) * scale + bias)
    grouped = standard(X.reshape(2, 3, 2, 4, 5), (2, 3, 4)).reshape(X.shape)
    close(run(GroupNormOp, X, C[0], C[1], epsilon=EPS, groups=3), grouped * scale + bias)
    expected = (X - mean) / np.sqrt(np.abs(var) + EPS) * scale + bias
    close(run(BatchNormOp, X, *C[:3], np.abs(C[3]), epsilon=EPS), expected)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_lrn(size: int) -> None:
    expected = np.empty(X.shape)
    for c in range(6):
        window = X[:, max(0, c - (size - 1) // 2) : c + size // 2 + 1].astype(np.float64)
        expected[:, c] = X[:, c] / (2.0 + 0.5 / size * (window**2).sum(1)) ** 0.75
    close(run(LrnOp, X, size=size, alpha=0.5, beta=0.75, bias=2.0), expected)


def test_half_floats_keep_their_type() -> None:
    half = X.astype(np.float16)
    y = run(LayerNormOp, half, np.ones(5, np.float16), axis=-1, epsilon=EPS)
    assert y.dtype == np.float16
    np.testing.assert_allclose(y, standard(half, (3,)), rtol=2e-3, atol=1e-3)  # one rounding to f16


def test_shapes_are_checked() -> None:
    with pytest.raises(VerifyException, match=r"expected bias of shape \[6\]"):
        run(InstanceNormOp, X, C[0], C[1][:5], epsilon=EPS)
    with pytest.raises(VerifyException, match="expected groups that divide 6 channels, found 4"):
        run(GroupNormOp, X, C[0], C[1], epsilon=EPS, groups=4)
    with pytest.raises(VerifyException, match=r"expected scale to broadcast to \[2, 6, 4, 5\], found \[6\]"):
        run(LayerNormOp, X, C[0], axis=-1, epsilon=EPS)
