"""Grid sampling and region pooling: the graph ops against their lowerings; known points by hand."""

import numpy as np
import pytest
from aic.dialects.graph.roi import RoiAlignOp
from aic.dialects.graph.sample import MODES, PADDINGS, GridSampleOp


def rand(*dims):
    return np.random.default_rng(sum(dims)).standard_normal(dims).astype(np.float32)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("spatial, out", [((5, 4), (3, 6)), ((4,), (7,)), ((2, 1, 3), (2, 3, 2))])
def test_grid_sample(levels, mode, padding, align, spatial, out):
    x, grid = rand(2, 3, *spatial), rand(2, *out, len(spatial)) * 2
    (meant,), (lowered,) = levels(GridSampleOp, x, grid, mode=mode, padding=padding, align=align)
    np.testing.assert_allclose(lowered, meant, rtol=1e-4, atol=1e-5)  # up to 64 products of f32 in another order


def test_points_by_hand(levels):
    x = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)
    grid = np.array([[-1, -1], [1, 1], [0, 0], [1, -1], [3, 0], [np.nan, 0]], np.float32).reshape(1, 1, 6, 2)
    (meant,), _ = levels(GridSampleOp, x, grid, mode="linear", padding="zeros", align=True)
    assert meant.ravel()[:5].tolist() == [0, 5, 2.5, 2, 0]
    (meant,), _ = levels(GridSampleOp, x, grid, mode="linear", padding="border", align=False)
    assert meant.ravel()[:5].tolist() == [0, 5, 2.5, 2, 3.5]
    (meant,), _ = levels(GridSampleOp, x, grid, mode="nearest", padding="reflection", align=True)
    assert meant.ravel()[4] == 0  # x = 4 is reflected at 2 to 0, y = 0.5 is rounded to even


@pytest.mark.parametrize("half_pixel", [False, True])
@pytest.mark.parametrize("ratio", [0, 2])
@pytest.mark.parametrize("mode", ["avg", "max"])
def test_roi_align(levels, mode, ratio, half_pixel):
    x = rand(2, 3, 6, 8)
    rois = np.array([[0, 0, 7, 5], [1.5, 2.5, 9, 30], [4, 4, 4, 4], [5, 3, 2, 1]], np.float32)
    images = np.array([0, 1, 0, 1], np.int64)
    props = {"mode": mode, "height": 2, "width": 3, "ratio": ratio, "scale": 0.75, "half_pixel": half_pixel}
    (meant,), (lowered,) = levels(RoiAlignOp, x, rois, images, **props)
    np.testing.assert_allclose(lowered, meant, rtol=1e-4, atol=1e-5)  # means of a few dozen f32


def test_the_mean_over_a_ramp_is_its_value_in_the_middle(levels):
    x = np.broadcast_to(np.arange(8, dtype=np.float32), (1, 1, 8, 8)).copy()
    rois, images = np.array([[1, 1, 5, 5]], np.float32), np.zeros(1, np.int64)
    props = {"mode": "avg", "height": 1, "width": 2, "ratio": 2, "scale": 1.0, "half_pixel": True}
    (meant,), _ = levels(RoiAlignOp, x, rois, images, **props)
    np.testing.assert_allclose(meant.ravel(), [1.5, 3.5])
