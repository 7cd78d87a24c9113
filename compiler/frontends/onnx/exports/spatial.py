"""Exporters of resampling: Resize, GridSample, RoiAlign."""

from math import floor, isclose

import numpy as np

from .....dialects._shape import shape
from .....dialects.graph._base import ints
from .....dialects.graph.resize import ResizeOp, floats
from .....dialects.graph.roi import RoiAlignOp
from .....dialects.graph.sample import GridSampleOp
from ..export_registry import exports
from ..writer import Writer


@exports(ResizeOp)
def resize(w: Writer, op: ResizeOp) -> None:
    """One node, by scales if they give the sizes, else by sizes; refused where ONNX would derive other scales."""
    dims, sizes, scales = shape(op.x), ints(op.sizes), floats(op.scales)
    by_scales = all(floor(np.float32(d) * np.float32(s)) == n for d, s, n in zip(dims, scales, sizes, strict=True))
    if not by_scales and not all(isclose(s * d, n, rel_tol=1e-6) for d, s, n in zip(dims, scales, sizes, strict=True)):
        w.refuse(f"sizes {list(sizes)} with scales {list(scales)} that do not give them")
    mode, coordinates, rounding = op.mode.data, op.coordinates.data, op.rounding.data
    cropped = coordinates == "tf_crop_and_resize"
    extrapolation = op.extrapolation.value.data
    w.node(
        "Resize",
        op,
        *(op.x, w.tensor(np.array(floats(op.roi), np.float32)) if cropped else None),
        w.tensor(np.array(scales, np.float32)) if by_scales else None,
        None if by_scales else w.ints(sizes),
        mode=mode,
        coordinate_transformation_mode=coordinates if coordinates != "half_pixel" else None,
        nearest_mode=rounding if mode == "nearest" and rounding != "round_prefer_floor" else None,
        cubic_coeff_a=op.cubic_a.value.data if mode == "cubic" else None,
        exclude_outside=1 if op.exclude_outside else None,
        antialias=1 if op.antialias else None,
        extrapolation_value=extrapolation if extrapolation else None,
    )


@exports(GridSampleOp)
def grid_sample(w: Writer, op: GridSampleOp) -> None:
    """One node, with the names that its modes have had since opset 20."""
    w.need(20)
    w.node(
        "GridSample",
        op,
        *(op.x, op.grid),
        mode=op.mode.data,
        padding_mode=op.padding.data,
        align_corners=1 if op.align else None,
    )


@exports(RoiAlignOp)
def roi_align(w: Writer, op: RoiAlignOp) -> None:
    """One node."""
    height, width = op.bins
    w.node(
        "RoiAlign",
        op,
        *(op.x, op.rois, op.images),
        mode=op.mode.data,
        output_height=height,
        output_width=width,
        sampling_ratio=op.ratio.value.data,
        spatial_scale=float(op.scale.value.data),
        coordinate_transformation_mode="half_pixel" if op.half_pixel else "output_half_pixel",
    )
