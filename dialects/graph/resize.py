"""Resampling to other sizes: nearest, linear, cubic, with the coordinate rules of ONNX's Resize.

%1 = graph.resize %x {sizes = array<i64: 1, 3, 8, 8>, scales = array<f64: 1.0, 1.0, 2.0, 2.0>, mode = "nearest", ...}
     : (tensor<1x3x4x4xf32>) -> tensor<1x3x8x8xf32>

Every mode is one table per axis (`taps`): which elements are read, with which weights.
"""

from math import isclose
from typing import cast

import numpy as np
from xdsl.dialects.builtin import AnyFloat, BoolAttr, DenseArrayBase, FloatAttr, StringAttr, TensorType
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, element, shape, tensor
from ._base import Fusion, GraphOp, Types, ints
from ._numbers import Numbers, rounded
from ._resample import COORDINATES, MODES, ROUNDINGS, Resampling, Taps, taps


@irdl_op_definition
class ResizeOp(GraphOp):
    """x resampled to `sizes`. `scales` (output over input, per axis) rule the coordinates; they need not divide evenly.

    `roi` (starts, then ends, per axis, 0 to 1) and `extrapolation` count in `tf_crop_and_resize` only.
    """

    name = "graph.resize"
    x = operand_def(TensorType)
    sizes = prop_def(DenseArrayBase)
    scales = prop_def(DenseArrayBase)
    mode = prop_def(StringAttr)
    coordinates = prop_def(StringAttr)
    rounding = prop_def(StringAttr)
    cubic_a = prop_def(FloatAttr)
    exclude_outside = prop_def(BoolAttr)
    antialias = prop_def(BoolAttr)
    extrapolation = prop_def(FloatAttr)
    roi = opt_prop_def(DenseArrayBase)
    res = result_def(TensorType)
    fusion = Fusion.INJECTIVE

    def infer(self) -> Types:
        dims, sizes, scales = shape(self.x), ints(self.sizes), floats(self.scales)
        if len(sizes) != len(dims) or len(scales) != len(dims):
            raise VerifyException(
                f"{self.name}: expected a size and a scale for each of {len(dims)} axes, "
                f"found sizes {list(sizes)}, scales {list(scales)}"
            )
        if not all(s > 0 for s in scales) or any(s < 0 or (s > 0 and d == 0) for s, d in zip(sizes, dims, strict=True)):
            raise VerifyException(
                f"{self.name}: expected positive scales and sizes, found scales {list(scales)}, sizes {list(sizes)}"
            )
        for role, found, known in (
            ("mode", self.mode, MODES),
            ("coordinates", self.coordinates, COORDINATES),
            ("rounding", self.rounding, ROUNDINGS),
        ):
            if found.data not in known:
                raise VerifyException(f"{self.name}: expected {role} of {', '.join(known)}, found {found.data}")
        if self.antialias and self.mode.data == "nearest":
            raise VerifyException(f"{self.name}: expected linear or cubic with antialias, found nearest")
        roi = floats(self.roi) if self.roi is not None else None
        if self.coordinates.data == "tf_crop_and_resize" and (roi is None or len(roi) != 2 * len(dims)):
            raise VerifyException(f"{self.name}: expected a roi of {2 * len(dims)} numbers, found {roi}")
        return (tensor(element(self.x), sizes),)

    def tables(self) -> dict[int, Taps]:
        """The table of each axis that is resampled; the others are copied."""
        rule = Resampling(
            self.mode.data,
            self.coordinates.data,
            self.rounding.data,
            self.cubic_a.value.data,
            bool(self.exclude_outside),
            bool(self.antialias),
        )
        found: dict[int, Taps] = {}
        dims, sizes, scales = shape(self.x), ints(self.sizes), floats(self.scales)
        cropped = self.roi is not None and rule.coordinates == "tf_crop_and_resize"
        roi = floats(self.roi) if cropped else (0.0,) * len(dims) + (1.0,) * len(dims)
        for axis, (dim, size, scale) in enumerate(zip(dims, sizes, scales, strict=True)):
            bounds = (roi[axis], roi[axis + len(dims)])
            if not (isclose(scale, 1.0) and dim == size and bounds == (0.0, 1.0)) and size:
                found[axis] = taps(dim, size, scale, bounds, rule)
        return found

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = inputs
        assert x is not None
        out: Numbers = x if self.mode.data == "nearest" else x.astype(np.float64)
        for axis, table in self.tables().items():
            along = (-1,) + (1,) * (x.ndim - axis - 1)
            if self.mode.data == "nearest":
                out = np.take(out, table.index[:, 0], axis)
            else:
                parts = [
                    np.take(out, i, axis) * w.reshape(along) for i, w in zip(table.index.T, table.weight.T, strict=True)
                ]
                out = np.sum(parts, axis=0)
            if table.outside.any():
                out = np.where(table.outside.reshape(along), np.asarray(self.extrapolation.value.data, out.dtype), out)
        if out.dtype != x.dtype and x.dtype.kind in "iu":
            limits = np.iinfo(str(x.dtype))
            out = np.clip(np.round(out), limits.min, limits.max)
        return (rounded(out, self.x),)


def floats(attribute: DenseArrayBase | None) -> tuple[float, ...]:
    """The numbers of a dense float array, () if it is absent."""
    return () if attribute is None else cast(DenseArrayBase[AnyFloat], attribute).get_values()
