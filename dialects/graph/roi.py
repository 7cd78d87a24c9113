"""Pooling of regions of images.

%y = graph.roi_align %x, %rois, %images {mode = "avg", height = 2 : i64, width = 2 : i64, ratio = 0 : i64,
  scale = 0.25 : f64, half_pixel = true} : (tensor<1x3x8x8xf32>, tensor<5x4xf32>, tensor<5xi64>) -> tensor<5x3x2x2xf32>
"""

import numpy as np
from xdsl.dialects.builtin import BoolAttr, FloatAttr, IntegerAttr, StringAttr, TensorType
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, element, shape, tensor
from ._base import Fusion, GraphOp, Types
from ._numbers import Numbers, expect_float, expect_integer, present, rounded


@irdl_op_definition
class RoiAlignOp(GraphOp):
    """Divides each region (x1, y1, x2, y2, times `scale`) of its image into height * width bins, samples each bin at
    ratio * ratio points (0: as many as it is pixels high and wide) by bilinear interpolation, and takes their mean or,
    of the weighted pixels, the maximum (He et al., Mask R-CNN, ICCV 2017). Computed in f32, for f64 in f64."""

    name = "graph.roi_align"
    fusion = Fusion.OPAQUE
    x = operand_def(TensorType)
    rois = operand_def(TensorType)
    images = operand_def(TensorType)
    mode = prop_def(StringAttr)
    height = prop_def(IntegerAttr)
    width = prop_def(IntegerAttr)
    ratio = prop_def(IntegerAttr)
    scale = prop_def(FloatAttr)
    half_pixel = prop_def(BoolAttr)
    res = result_def(TensorType)

    @property
    def bins(self) -> tuple[int, int]:
        """Height and width of the result."""
        return self.height.value.data, self.width.value.data

    def infer(self) -> Types:
        expect_float(self, self.x, self.rois)
        expect_integer(self, self.images)
        x, rois, images = shape(self.x), shape(self.rois), shape(self.images)
        if len(x) != 4 or rois != (*images, 4) or len(images) != 1:
            raise VerifyException(
                f"{self.name}: expected images [N, C, H, W], regions [R, 4] and their images [R], "
                f"found {list(x)}, {list(rois)} and {list(images)}"
            )
        if self.mode.data not in ("avg", "max"):
            raise VerifyException(f"{self.name}: expected a mode of avg or max, found {self.mode.data}")
        if min(self.bins) < 1 or self.ratio.value.data < 0:
            raise VerifyException(
                f"{self.name}: expected a positive height and width and a ratio of at least 0, "
                f"found {list(self.bins)} and {self.ratio.value.data}"
            )
        return (tensor(element(self.x), (*images, x[1], *self.bins)),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, rois, images = present(inputs)
        wide = np.result_type(x.dtype, np.float32)
        y = np.zeros((len(images), x.shape[1], *self.bins), wide)
        with np.errstate(all="ignore"):
            for region, (corners, image) in enumerate(zip(rois.astype(wide), images, strict=True)):
                y[region] = self._pooled(x[image].astype(wide), corners)
        return (rounded(y, self.x),)

    def _pooled(self, image: Numbers, corners: Numbers) -> Numbers:
        """[C, height, width] of one region."""
        corners = corners * corners.dtype.type(self.scale.value.data) - (0.5 if self.half_pixel else 0)
        lines: list[tuple[Numbers, ...]] = []
        counts: list[int] = []
        for axis, bins in enumerate(self.bins):
            start, size = corners[1 - axis], corners[3 - axis] - corners[1 - axis]
            size = size if self.half_pixel else max(size, size.dtype.type(1))
            count = max(self.ratio.value.data or int(np.ceil(size / bins)), 0)
            step = size / bins
            points = np.arange(bins)[:, None] * step + (np.arange(count) + 0.5) * step / max(count, 1) + start
            lines.append(_line(points.reshape(-1).astype(image.dtype), image.shape[1 + axis]))
            counts.append(count)
        if 0 in counts:
            return np.zeros((image.shape[0], *self.bins), image.dtype)
        rows, columns = ((low, high, at, seen) for low, high, at, seen in lines)
        terms = [
            image[:, y][:, :, x] * (v[:, None] * h) * (rows[3][:, None] & columns[3])
            for y, v in ((rows[0], 1 - rows[2]), (rows[1], rows[2]))
            for x, h in ((columns[0], 1 - columns[2]), (columns[1], columns[2]))
        ]
        combined = np.sum(terms, axis=0) if self.mode.data == "avg" else np.max(terms, axis=0)
        split = combined.reshape(-1, self.bins[0], counts[0], self.bins[1], counts[1])
        return split.mean(axis=(2, 4)) if self.mode.data == "avg" else split.max(axis=(2, 4))


def _line(at: Numbers, size: int) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """For points along a dimension: the pixels before and after, how far on the way between, whether they count."""
    seen = (at >= -1) & (at <= size)
    at = np.clip(np.nan_to_num(at), 0, size - 1)
    low = np.minimum(at.astype(np.int64), size - 1)
    return low, np.minimum(low + 1, size - 1), at - low.astype(at.dtype), seen
