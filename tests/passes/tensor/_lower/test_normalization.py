"""Normalisations, lowered."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.normalization import (
    BatchNormOp,
    GroupNormOp,
    InstanceNormOp,
    LayerNormOp,
    LrnOp,
    RmsNormOp,
)

Agrees = Callable[..., list[Array]]
rng = np.random.default_rng(0)
KINDS = [np.float16, np.float32, np.float64]
CLOSE = {"rtol": None, "atol": 1e-5}  # the last roundings of sums in another order, on values of about 1


def arrays(kind: type[np.floating], *shapes: tuple[int, ...]) -> list[Array]:
    return [rng.standard_normal(s).astype(kind) for s in shapes]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axis", [1, -1])
def test_layer_and_rms_norm(agrees: Agrees, kind: type[np.floating], axis: int) -> None:
    dims = (2, 6, 5)[axis:]
    x, scale, bias = arrays(kind, (2, 6, 5), dims, dims)
    agrees(LayerNormOp, x, scale, bias, axis=axis, epsilon=1e-5, **CLOSE)
    agrees(LayerNormOp, x, scale, None, axis=axis, epsilon=1e-5, **CLOSE)
    agrees(RmsNormOp, x, scale, axis=axis, epsilon=1e-5, **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dims", [(2, 6, 4, 5), (2, 6, 7), (2, 6, 2, 2, 3)])
def test_channels(agrees: Agrees, kind: type[np.floating], dims: tuple[int, ...]) -> None:
    x, scale, bias, mean, var = arrays(kind, dims, (6,), (6,), (6,), (6,))
    agrees(InstanceNormOp, x, scale, bias, epsilon=1e-5, **CLOSE)
    agrees(GroupNormOp, x, scale, bias, epsilon=1e-5, groups=3, **CLOSE)
    statistics = (scale, bias, mean, np.abs(var))
    agrees(BatchNormOp, x, *statistics, epsilon=1e-3, **CLOSE)
    agrees(BatchNormOp, x, *statistics, epsilon=1e-3, known=(1, 2, 3, 4), **CLOSE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_lrn(agrees: Agrees, kind: type[np.floating], size: int) -> None:
    (x,) = arrays(kind, (2, 6, 4, 5))
    agrees(LrnOp, x, size=size, alpha=0.5, beta=0.75, bias=2.0, **CLOSE)


def test_no_elements(agrees: Agrees) -> None:
    x, scale = np.zeros((0, 3), np.float32), np.ones(3, np.float32)
    agrees(LayerNormOp, x, scale, scale, axis=-1, epsilon=1e-5)
    agrees(BatchNormOp, x, scale, scale, scale, scale, epsilon=1e-5)
