"""Importers of Resize and Upsample: sizes, scales and coordinate rules of each opset made explicit, by axis."""

from dataclasses import dataclass
from math import floor

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, f64
from xdsl.ir import SSAValue

from .....dialects._shape import shape
from .....dialects.graph._resample import Resampling
from .....dialects.graph.resize import ResizeOp
from ..node import Node
from ..registry import onnx_op
from ._axes import axes_of, integers

Scales = tuple[float, ...]


@dataclass(frozen=True)
class Target:
    """The size of each axis, and output over input, which rules the coordinates."""

    sizes: tuple[int, ...]
    scales: Scales


def resized(
    n: Node, x: SSAValue, target: Target, rule: Resampling, roi: Scales | None = None, extrapolation: float = 0.0
) -> SSAValue:
    """x resampled; x itself if nothing changes."""
    if target.sizes == shape(x) and set(target.scales) <= {1.0} and roi is None:
        return x
    return n.emit(
        ResizeOp,
        x,
        sizes=list(target.sizes),
        scales=DenseArrayBase.from_list(f64, list(target.scales)),
        mode=rule.mode,
        coordinates=rule.coordinates,
        rounding=rule.rounding,
        cubic_a=rule.cubic_a,
        exclude_outside=rule.exclude_outside,
        antialias=rule.antialias,
        extrapolation=extrapolation,
        roi=None if roi is None else DenseArrayBase.from_list(f64, list(roi)),
    )


def scaled(dims: tuple[int, ...], scales: Scales) -> tuple[int, ...]:
    """floor(dimension * scale), multiplied in float32 as ONNX's shape inference does; ValueError for a bad scale."""
    if len(scales) != len(dims) or not all(0 < s < 2**31 for s in scales):
        raise ValueError(f"scales: expected {len(dims)} positive numbers, found {list(scales)}")
    return tuple(floor(np.float32(d) * np.float32(s)) for d, s in zip(dims, scales, strict=True))


@onnx_op("Upsample")
def upsample(n: Node) -> SSAValue:
    """As Resize of opset 10: removed there."""
    scales = n.floats("scales") if n.present("scales") else _floats(n, 1)
    return _asymmetric(n, scales)


@onnx_op("Resize")
def resize(n: Node) -> SSAValue:
    """Opset 10 has scales alone; later ones scales or sizes, on all axes or some."""
    if n.opset < 11:
        return _asymmetric(n, _floats(n, 1))
    dims, rank = n.shape(0), n.rank(0)
    axes = axes_of(n.ints("axes", None) or tuple(range(rank)), rank)
    coordinates, roi = n.str("coordinate_transformation_mode", "half_pixel"), None
    if coordinates == "tf_crop_and_resize":
        roi = _spread(_floats(n, 1) if n.has(1) else (), axes, rank)
    rule = Resampling(
        n.str("mode", "nearest"),
        coordinates,
        n.str("nearest_mode", "round_prefer_floor"),
        n.float("cubic_coeff_a", -0.75),
        bool(n.int("exclude_outside", 0)),
        bool(n.int("antialias", 0)),
    )
    return resized(n, n.input(0), _target(n, dims, axes), rule, roi, n.float("extrapolation_value", 0.0))


def _floats(n: Node, index: int) -> Scales:
    return tuple(float(v) for v in n.constant(index).reshape(-1))


def _spread(roi: Scales, axes: tuple[int, ...], rank: int) -> Scales:
    if len(roi) != 2 * len(axes):
        raise ValueError(f"roi: expected {2 * len(axes)} numbers, found {list(roi)}")
    full = [0.0] * rank + [1.0] * rank
    for i, axis in enumerate(axes):
        full[axis], full[rank + axis] = roi[i], roi[i + len(axes)]
    return tuple(full)


def _target(n: Node, dims: tuple[int, ...], axes: tuple[int, ...]) -> Target:
    scales = _floats(n, 2) if n.has(2) else ()
    if scales:
        if len(scales) != len(axes):
            raise ValueError(f"scales: expected {len(axes)} numbers, one per axis, found {list(scales)}")
        full = tuple(scales[axes.index(i)] if i in axes else 1.0 for i in range(len(dims)))
        return Target(scaled(dims, full), full)
    if not n.has(3):
        raise ValueError("scales or sizes are required")
    given = integers(n, 3)
    if len(given) != len(axes) or min(given, default=0) < 0:
        raise ValueError(f"sizes: expected {len(axes)} numbers, one per axis, found {list(given)}")
    sizes = [given[axes.index(i)] if i in axes else d for i, d in enumerate(dims)]
    full = tuple(s / d if d else 1.0 for s, d in zip(sizes, dims, strict=True))
    if (policy := n.str("keep_aspect_ratio_policy", "stretch")) == "stretch":
        return Target(tuple(sizes), full)
    if policy not in ("not_larger", "not_smaller"):
        raise ValueError(f"keep_aspect_ratio_policy: expected stretch, not_larger or not_smaller, found {policy}")
    scale = (min if policy == "not_larger" else max)(full[i] for i in axes)
    kept = tuple(int(scale * d + 0.5) if i in axes else d for i, d in enumerate(dims))
    return Target(kept, tuple(scale if i in axes else 1.0 for i in range(len(dims))))


def _asymmetric(n: Node, scales: Scales) -> SSAValue:
    """Resize before opset 11: coordinates start at 0; nearest takes the element below, or above where it shrinks."""
    x, mode = n.input(0), n.str("mode", "nearest")
    scaled(shape(x), scales)
    for shrinks, rounding in ((False, "floor"), (True, "ceil")):
        chosen = tuple(s if (s < 1) is shrinks or mode != "nearest" else 1.0 for s in scales)
        target = Target(scaled(shape(x), chosen), chosen)
        x = resized(n, x, target, Resampling(mode, "asymmetric", rounding))
        if mode != "nearest":
            break
    return x
