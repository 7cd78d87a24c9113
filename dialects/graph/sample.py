"""Sampling images at points that another tensor gives.

%y = graph.grid_sample %x, %grid {mode = "linear", padding = "zeros", align = false}
  : (tensor<1x3x8x8xf32>, tensor<1x4x5x2xf32>) -> tensor<1x3x4x5xf32>
"""

from itertools import product

import numpy as np
from xdsl.dialects.builtin import BoolAttr, StringAttr, TensorType
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, element, shape, tensor
from ._base import Fusion, GraphOp, Types
from ._numbers import Numbers, expect_float, present, rounded

MODES = {"nearest": (0,), "linear": (0, 1), "cubic": (-1, 0, 1, 2)}
"""Which neighbours, from the whole number below a coordinate on, an interpolation reads."""
PADDINGS = ("zeros", "border", "reflection")
CUBIC = -0.75
"""The free coefficient of cubic convolution (Keys 1981), as in PyTorch."""


@irdl_op_definition
class GridSampleOp(GraphOp):
    """x [N, C, spatial] at the points of grid [N, out, rank], the last spatial dimension's coordinate first: -1 and 1
    are the centres of the corner pixels if `align`, else their outer edges. Computed in f32, for f64 in f64."""

    name = "graph.grid_sample"
    fusion = Fusion.INJECTIVE
    x = operand_def(TensorType)
    grid = operand_def(TensorType)
    mode = prop_def(StringAttr)
    padding = prop_def(StringAttr)
    align = prop_def(BoolAttr)
    res = result_def(TensorType)

    def infer(self) -> Types:
        expect_float(self, self.x, self.grid)
        x, grid = shape(self.x), shape(self.grid)
        if len(x) < 3 or len(grid) != len(x) or grid[0] != x[0] or grid[-1] != len(x) - 2:
            raise VerifyException(
                f"{self.name}: expected an image [N, C, spatial] and a grid [N, out, {max(len(x) - 2, 1)}], "
                f"found {list(x)} and {list(grid)}"
            )
        if self.mode.data not in MODES or self.padding.data not in PADDINGS:
            raise VerifyException(
                f"{self.name}: expected a mode of {', '.join(MODES)} and a padding of {', '.join(PADDINGS)}, "
                f"found {self.mode.data} and {self.padding.data}"
            )
        return (tensor(element(self.x), (*x[:2], *grid[1:-1])),)

    def borders(self, size: int) -> tuple[float, float]:
        """The coordinates at which a dimension ends, where reflection turns round."""
        return (0.0, size - 1.0) if self.align else (-0.5, size - 0.5)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, grid = present(inputs)
        kind = np.result_type(x.dtype, np.float32)
        spatial = x.shape[2:]
        total = np.zeros((*x.shape[:2], *grid.shape[1:-1]), kind)
        if 0 in x.shape:
            return (rounded(total, self.x),)
        with np.errstate(all="ignore"):
            lines = [self._taps(grid[..., -1 - i].astype(kind), size) for i, size in enumerate(spatial)]
            image = np.arange(x.shape[0]).reshape(-1, *(1,) * (grid.ndim - 2))
            for taps in product(*lines):
                weight, seen = (np.prod([tap[i] for tap in taps], axis=0) for i in (1, 2))
                # the advanced indices come first: [N, out, C]
                values = np.moveaxis(x.astype(kind)[(image, slice(None), *(at for at, _, _ in taps))], -1, 1)
                total += np.where(seen[:, None], values * weight[:, None], 0)
        return (rounded(total, self.x),)

    def _taps(self, point: Numbers, size: int) -> list[tuple[Numbers, Numbers, Numbers]]:
        """For each neighbour along one dimension: its index, its weight, whether it counts."""
        at = ((point + 1) / 2 * (size - 1)) if self.align else ((point + 1) * size - 1) / 2
        low, high = self.borders(size)
        at = np.rint(at) if self.mode.data == "nearest" else at
        at = np.where((at < low) | (at > high), self._inside(at, size), at)
        below = np.floor(at)
        weights = _weights(self.mode.data, at - below)
        found: list[tuple[Numbers, Numbers, Numbers]] = []
        for step, weight in zip(MODES[self.mode.data], weights, strict=True):
            index = below + step
            seen = (index >= 0) & (index < size) if self.padding.data == "zeros" else np.ones(index.shape, np.bool_)
            index = np.nan_to_num(self._inside(index, size), nan=0)
            found.append((np.clip(index, 0, size - 1).astype(np.int64), weight, seen))
        return found

    def _inside(self, at: Numbers, size: int) -> Numbers:
        """A coordinate brought in as the padding says."""
        match self.padding.data:
            case "border":
                return np.clip(at, 0, size - 1)
            case "reflection":
                return _reflected(at, *self.borders(size))
            case _:
                return at


def _reflected(at: Numbers, low: float, high: float) -> Numbers:
    if high == low:
        return np.full_like(at, low)
    beyond = np.where(at < low, low - at, at - high)
    turns = np.trunc(beyond / (high - low))
    rest = beyond - turns * (high - low)
    from_low = (at < low) == (turns % 2 == 0)
    return np.where((at < low) | (at > high), np.where(from_low, low + rest, high - rest), at)


def _weights(mode: str, x: Numbers) -> list[Numbers]:
    """The weights of the neighbours of a point that lies `x` past the whole number below it."""
    if mode == "nearest":
        return [np.ones_like(x)]
    if mode == "linear":
        return [1 - x, x]
    a = CUBIC
    far = [((a * d - 5 * a) * d + 8 * a) * d - 4 * a for d in (x + 1, 2 - x)]
    near = [((a + 2) * d - (a + 3)) * d * d + 1 for d in (x, 1 - x)]
    return [far[0], near[0], near[1], far[1]]
