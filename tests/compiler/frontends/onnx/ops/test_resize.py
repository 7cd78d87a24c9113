"""Importers of Resize and Upsample: modes and coordinate rules against onnx.reference, old opsets by hand."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.compiler.errors import CompileError
from aic.dialects._shape import Array

RunNode = Callable[..., list[Array]]
X = np.random.default_rng(0).standard_normal((1, 2, 5, 6)).astype(np.float32)
COORDINATES = ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"]


def scales(*values: float) -> Array:
    return np.array(values, np.float32)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("factors", [(1, 1, 2, 3), (1, 1, 0.6, 0.8), (1, 1, 1.7, 1)])
def test_modes(node: RunNode, coordinates: str, mode: str, factors: tuple[float, ...]) -> None:
    rule = {"coordinate_transformation_mode": coordinates, "mode": mode}
    rtol = 1e-3 if mode == "cubic" else 1e-5  # the reference computes cubic weights in float32
    node("Resize", X, None, scales(*factors), opset=19, known=(2,), rtol=rtol, **rule)


@pytest.mark.parametrize("rounding", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
@pytest.mark.parametrize("factor", [0.5, 1.5, 2])
def test_rounding(node: RunNode, rounding: str, factor: float) -> None:
    node("Resize", X, None, scales(1, 1, factor, factor), opset=13, known=(2,), nearest_mode=rounding)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_antialias_and_outside(node: RunNode, mode: str) -> None:
    node("Resize", X, None, scales(1, 1, 0.4, 0.6), opset=18, known=(2,), mode=mode, antialias=1)
    node("Resize", X, None, scales(1, 1, 1.5, 0.6), opset=18, known=(2,), mode=mode, exclude_outside=1)
    node("Resize", X, None, scales(1, 1, 2, 2), opset=18, known=(2,), mode=mode, cubic_coeff_a=-0.5)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_crop_and_resize(node: RunNode, mode: str) -> None:
    rule = {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 9.0, "mode": mode}
    roi, sizes = scales(0, 0, 0.2, -0.3, 1, 1, 0.9, 1.4), np.array([1, 2, 3, 4])
    node("Resize", X, roi, None, sizes, opset=13, known=(1, 3), **rule)


@pytest.mark.parametrize("policy", ["stretch", "not_larger", "not_smaller"])
def test_sizes_on_some_axes(node: RunNode, policy: str) -> None:
    rule = {"axes": [2, 3], "keep_aspect_ratio_policy": policy, "mode": "nearest"}
    node("Resize", X, None, None, np.array([8, 7]), opset=18, known=(3,), **rule)


def test_integers_are_rounded(node: RunNode) -> None:
    x = (X * 60 + 100).clip(0, 255).astype(np.uint8)
    node("Resize", x, None, scales(1, 1, 1.5, 1.5), opset=13, known=(2,), mode="cubic")


def test_old_opsets(node: RunNode) -> None:
    doubled = X.repeat(2, axis=2).repeat(2, axis=3)
    node("Upsample", X, opset=7, scales=[1.0, 1.0, 2.0, 2.0], expected=[doubled])
    node("Upsample", X, scales(1, 1, 2, 2), opset=9, known=(1,), expected=[doubled])
    line = np.arange(1, 9, dtype=np.float32).reshape(1, 1, 2, 4)
    shrunk = [np.array([1, 3], np.float32).reshape(1, 1, 1, 2)]
    node("Resize", line, scales(1, 1, 0.6, 0.6), opset=10, known=(1,), expected=shrunk)
    mixed = [line[:, :, :, [0, 2]].repeat(2, axis=2)]
    node("Resize", line, scales(1, 1, 2, 0.6), opset=10, known=(1,), expected=mixed)


def test_no_change_is_no_op(node: RunNode) -> None:
    node("Resize", X, None, scales(1, 1, 1, 1), opset=13, known=(2,))


def test_malformed(node: RunNode) -> None:
    with pytest.raises(CompileError, match="positive"):
        node("Resize", X, None, scales(1, 1, 0, 0), opset=13, known=(2,))
    with pytest.raises(CompileError, match="one per axis"):
        node("Resize", X, None, scales(1, 2), opset=13, known=(2,))
    with pytest.raises(CompileError, match="mode"):
        node("Resize", X, None, scales(1, 1, 2, 2), opset=13, known=(2,), mode="lanczos")
