"""Normalisations as each opset means them."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.compiler.errors import UnsupportedOpError
from aic.dialects._shape import Array

RunNode = Callable[..., list[Array]]
rng = np.random.default_rng(0)
X = rng.standard_normal((2, 6, 4, 5)).astype(np.float32)
SCALE, BIAS, MEAN = rng.standard_normal((3, 6)).astype(np.float32)
VAR = rng.random(6).astype(np.float32) + np.float32(0.5)
CLOSE = 1e-4


def column(v: Array) -> Array:
    return v.reshape(-1, 1, 1)


def inferred(x: Array, eps: float = 1e-5) -> Array:
    return ((x - column(MEAN)) / np.sqrt(column(VAR) + eps) * column(SCALE) + column(BIAS)).astype(np.float32)


@pytest.mark.parametrize("opset", [6, 7, 9, 14, 15])
def test_batch_norm(node: RunNode, opset: int) -> None:
    attributes = {"is_test": 1} if opset == 6 else {}
    vectors = (SCALE, BIAS, MEAN, VAR)
    node(
        "BatchNormalization",
        X,
        *vectors,
        opset=opset,
        epsilon=1e-2,
        expected=[inferred(X, 1e-2)],
        rtol=CLOSE,
        **attributes,
    )


def test_batch_norm_per_position(node: RunNode) -> None:
    scale, bias, mean, var = (np.abs(rng.standard_normal((6, 4, 5))).astype(np.float32) for _ in range(4))
    expected = (X - mean) / np.sqrt(var + 1e-5) * scale + bias
    node("BatchNormalization", X, scale, bias, mean, var, opset=7, spatial=0, expected=[expected], rtol=CLOSE)


def test_batch_norm_of_rank_one(node: RunNode) -> None:
    one = [np.array([v], np.float32) for v in (2, 1, 0.5, 4)]
    x = rng.standard_normal(7).astype(np.float32)
    expected = ((x - 0.5) / np.sqrt(4 + 1e-5) * 2 + 1).astype(np.float32)
    node("BatchNormalization", x, *one, opset=15, expected=[expected], rtol=CLOSE)


def test_batch_norm_in_training(node: RunNode) -> None:
    vectors = (SCALE, BIAS, MEAN, VAR)
    mean, var = X.mean((0, 2, 3)), X.var((0, 2, 3))
    y = (X - column(mean)) / np.sqrt(column(var) + 1e-5) * column(SCALE) + column(BIAS)
    running = [(old * 0.8 + new * 0.2).astype(np.float32) for old, new in ((MEAN, mean), (VAR, var))]
    more = {"outputs": 3, "training_mode": 1, "momentum": 0.8}
    node("BatchNormalization", X, *vectors, opset=15, expected=[y, *running], rtol=1e-3, **more)
    with pytest.raises(UnsupportedOpError, match="1 of 1 nodes"):
        node("BatchNormalization", X, *vectors, opset=9, outputs=3)


@pytest.mark.parametrize("axis", [1, -1])
def test_layer_norm(node: RunNode, axis: int) -> None:
    scale, bias = rng.standard_normal((2, *X.shape[axis:])).astype(np.float32)
    node("LayerNormalization", X, scale, bias, opset=17, axis=axis, outputs=3, rtol=CLOSE)
    node("LayerNormalization", X, scale, opset=17, axis=axis, rtol=CLOSE)
    node("RMSNormalization", X, scale, opset=23, axis=axis, rtol=CLOSE)


def test_group_norm(node: RunNode) -> None:
    grouped = X.reshape(2, 3, 2, 4, 5)
    axes = (2, 3, 4)
    y = (grouped - grouped.mean(axes, keepdims=True)) / np.sqrt(grouped.var(axes, keepdims=True) + 1e-5)
    channels = (y.reshape(X.shape) * column(SCALE) + column(BIAS)).astype(np.float32)
    node("GroupNormalization", X, SCALE, BIAS, opset=21, num_groups=3, expected=[channels], rtol=1e-3)
    scale, bias = (v[:3].reshape(3, 1, 1, 1) for v in (SCALE, BIAS))
    groups = (y * scale + bias).reshape(X.shape).astype(np.float32)
    node("GroupNormalization", X, SCALE[:3], BIAS[:3], opset=18, num_groups=3, expected=[groups], rtol=1e-3)


def test_others(node: RunNode) -> None:
    node("InstanceNormalization", X, SCALE, BIAS, opset=6, rtol=CLOSE)
    node("MeanVarianceNormalization", X, opset=13, rtol=CLOSE)
    expected = np.empty_like(X)
    for c in range(6):
        expected[:, c] = X[:, c] / (1 + 0.1 / 3 * (X[:, max(0, c - 1) : c + 2] ** 2).sum(1)) ** 0.75
    node("LRN", X, opset=13, size=3, alpha=0.1, expected=[expected])


@pytest.mark.parametrize("p", [1, 2])
def test_lp_normalization(node: RunNode, p: int) -> None:
    x = np.concatenate([X[0, 0], np.zeros((1, 5), np.float32)])
    norm = (np.abs(x) ** p).sum(-1, keepdims=True) ** (1 / p)
    expected = np.where(norm == 0, 0, x / np.where(norm == 0, 1, norm)).astype(np.float32)
    node("LpNormalization", x, opset=1, p=p, expected=[expected])
