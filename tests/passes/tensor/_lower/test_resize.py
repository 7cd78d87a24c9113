"""Resampling, lowered: all axes at once or one after the other."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.resize import ResizeOp
from xdsl.dialects.builtin import DenseArrayBase, f64

Agrees = Callable[..., list[Array]]
X = np.random.default_rng(0).standard_normal((1, 2, 5, 6)).astype(np.float32)
RULE = {
    "rounding": "floor",
    "cubic_a": -0.75,
    "exclude_outside": False,
    "antialias": False,
    "extrapolation": 9.0,
}


def scales(*values: float) -> DenseArrayBase:
    return DenseArrayBase.from_list(f64, list(values))


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, np.uint8, np.int8])
def test_modes(agrees: Agrees, mode: str, kind: type[np.generic]) -> None:
    x = (X * 50).astype(kind)
    target = {"sizes": [1, 2, 10, 4], "scales": scales(1, 1, 2, 4 / 6)}
    agrees(ResizeOp, x, **target, **RULE, mode=mode, coordinates="half_pixel", rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_beyond_the_input(agrees: Agrees, mode: str) -> None:
    roi = scales(0, 0, 0.2, -0.3, 1, 1, 0.9, 1.4)
    target = {"sizes": [1, 2, 3, 4], "scales": scales(1, 1, 0.6, 4 / 6), "roi": roi}
    agrees(ResizeOp, X, **target, **RULE, mode=mode, coordinates="tf_crop_and_resize", atol=1e-5)


def test_antialias(agrees: Agrees) -> None:
    target = {"sizes": [1, 2, 2, 3], "scales": scales(1, 1, 0.4, 0.5)}
    agrees(ResizeOp, X, **target, **(RULE | {"antialias": True}), mode="linear", coordinates="half_pixel", atol=1e-5)
