"""Resampling along one axis as a table: for each output element, the input elements it reads and their weights.

    taps(4, 8, 2.0, rule) -> index [8, 2], weight [8, 2], outside [8]      y[o] = sum_t weight[o, t] * x[index[o, t]]

The rules are ONNX's (operator Resize): a coordinate in the input for each output element, then a kernel round it.
"""

from dataclasses import dataclass

import numpy as np

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Indices = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

MODES = ("nearest", "linear", "cubic")
COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@dataclass(frozen=True)
class Resampling:
    """How coordinates and weights are found, the same on all axes but for the region of interest."""

    mode: str
    coordinates: str
    rounding: str
    cubic_a: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False


@dataclass(frozen=True)
class Taps:
    """A row per output element: the input elements read, their weights; and whether it lies outside the input."""

    index: Indices
    weight: Floats
    outside: Flags


def taps(dim: int, size: int, scale: float, roi: tuple[float, float], rule: Resampling) -> Taps:
    """The table from `dim` elements to `size` elements, `scale` apart; `roi` counts in `tf_crop_and_resize` only."""
    at = _coordinates(dim, size, scale, roi, rule.coordinates)
    outside = np.zeros(size, np.bool_)
    if rule.coordinates == "tf_crop_and_resize":
        outside = (at < 0) | (at > dim - 1)
    if rule.mode == "nearest":
        index = _rounded(at, rule.rounding)[:, None]
        return Taps(np.minimum(np.maximum(index, 0), dim - 1), np.ones((size, 1)), outside)
    shrink = min(scale, 1.0) if rule.antialias else 1.0
    half = -int(np.floor(-(2 if rule.mode == "cubic" else 1) / shrink))
    left = np.ceil(at).astype(np.int64) - 1
    offsets = np.arange(1 - half, half + 1, dtype=np.int64)
    distance = shrink * np.abs(offsets[None, :] - (at - left)[:, None])
    weight = np.maximum(1 - distance, 0) if rule.mode == "linear" else _keys(distance, rule.cubic_a)
    index = left[:, None] + offsets[None, :]
    if rule.antialias:
        weight = weight / weight.sum(axis=1, keepdims=True)
    if rule.exclude_outside:
        weight = np.where((index < 0) | (index >= dim), 0.0, weight)
        total = weight.sum(axis=1, keepdims=True)
        weight = weight / np.where(total == 0, 1.0, total)
    return Taps(np.minimum(np.maximum(index, 0), dim - 1), weight, outside)


def _coordinates(dim: int, size: int, scale: float, roi: tuple[float, float], mode: str) -> Floats:
    out, width = np.arange(size, dtype=np.float64), scale * dim
    match mode:
        case "half_pixel":
            return (out + 0.5) / scale - 0.5
        case "half_pixel_symmetric":
            return dim / 2 * (1 - size / width) + (out + 0.5) / scale - 0.5
        case "pytorch_half_pixel":
            return (out + 0.5) / scale - 0.5 if size > 1 else np.full(size, -0.5)
        case "align_corners":
            return out * (dim - 1) / (width - 1) if width != 1 else np.zeros(size)
        case "asymmetric":
            return out / scale
        case "tf_half_pixel_for_nn":
            return (out + 0.5) / scale
        case "tf_crop_and_resize":
            start, span = roi[0] * (dim - 1), (roi[1] - roi[0]) * (dim - 1)
            return start + (out * span / (width - 1) if width != 1 else np.full(size, span / 2))
        case _:
            raise ValueError(f"no coordinate transformation {mode}")


def _rounded(at: Floats, mode: str) -> Indices:
    match mode:
        case "round_prefer_floor":
            rounded = np.ceil(at - 0.5)
        case "round_prefer_ceil":
            rounded = np.floor(at + 0.5)
        case "floor":
            rounded = np.floor(at)
        case "ceil":
            rounded = np.ceil(at)
        case _:
            raise ValueError(f"no rounding {mode}")
    return rounded.astype(np.int64)


def _keys(distance: Floats, a: float) -> Floats:
    """The cubic convolution kernel (Keys, IEEE ASSP 29, 1981)."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
