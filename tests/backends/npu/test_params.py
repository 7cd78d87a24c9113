"""Parameter records and packed weights, element by element against the layout rules."""

from dataclasses import replace
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest
from aic.backends.npu import params
from aic.backends.npu.layer import Activation, Depthwise, Matrix, Norm, Post, Tensor, View, Weights
from aic.backends.npu.runs import Lanes, Run, runs


def machine(rows: int = 32, cols: int = 32, groups: int = 4):
    """The three facts of a machine that parameters depend on."""
    size = {"i8": 1, "i16": 2, "bf16": 2}
    return SimpleNamespace(rows=rows, cols=cols, feeder_groups=groups, channel_lanes=lambda t: rows // size[t])


def constant(array: np.ndarray) -> Weights:
    return Weights("w", array.shape, lambda: array)


def matrix(kernel, inputs, outputs, *, groups=1, at=0, out_at=0, type="i8", post=None):
    rng = np.random.default_rng(inputs * outputs)
    w = rng.integers(-128, 128, (*kernel, inputs // groups, outputs)).astype(np.int8)
    x = Tensor("x", 1, 8, 8, at + inputs, type)
    out = Tensor("y", 1, 8, 8, out_at + outputs, type)
    post = post or Post(np.arange(1, outputs + 1, dtype=np.int32), np.arange(1, outputs + 1, dtype=np.float32) / 64)
    return Matrix(
        name="m",
        x=View(x, (0, 0, 0, at), (1, 8, 8, inputs)),
        out=View(out, (0, 0, 0, out_at), (1, 8, 8, outputs)),
        kernel=kernel,
        weights=constant(w if type == "i8" else w.astype(np.float32)),
        groups=groups,
        post=post,
    )


def test_runs_are_whole_where_all_operands_begin_with_a_line():
    assert list(runs(100, Lanes(0, 32), Lanes(0, 16))) == [Run(0, 100)]


def test_runs_end_with_each_line_that_is_entered_in_the_middle():
    assert list(runs(48, Lanes(0, 32), Lanes(16, 32))) == [Run(0, 16), Run(16, 16), Run(32, 16)]
    assert list(runs(100, Lanes(16, 32), Lanes(16, 32))) == [Run(0, 16), Run(16, 84)]


def test_post_records_are_three_planes_a_block():
    layer = matrix((1, 1), 8, 40)
    made = params.records(layer, machine())
    assert len(made) == 2 * 12 * 32 + 128 == params.record_bytes(layer, machine())[1]
    second = made[384:768]
    assert second[:128].view(np.int32).tolist() == [*range(33, 41), *[0] * 24]
    assert second[128:256].view(np.float32).tolist() == [c / 64 for c in range(33, 41)] + [0] * 24
    assert not second[256:].any()


def test_a_record_is_found_from_the_middle_of_a_line():
    layer, m = matrix((1, 1), 8, 40, out_at=48), machine()
    made = params.records(layer, m)
    for channel in (0, 16, 39):
        at = params.post_offset(channel, params.lanes_of(layer.out, m))
        assert made[at : at + 4].view(np.int32) == channel + 1
        assert made[at + 128 : at + 132].view(np.float32) == (channel + 1) / 64
        assert at + 12 * 32 <= len(made)


def test_floating_records_hold_floats():
    post = Post(np.array([1.5], np.float32), np.array([2.0], np.float32))
    made = params.records(matrix((1, 1), 16, 16, type="bf16", post=post), machine())
    assert made[:64].view(np.float32).tolist() == [1.5] * 16
    assert made[64:128].view(np.float32).tolist() == [2.0] * 16


@pytest.mark.parametrize("scale", [1.0, 0.75, 3.1e-5, 0.99999999, 12.5, 0.0])
def test_fixed_point_scales(scale):
    mult, shift = params.fixed_point(np.array([scale]))
    assert mult[0] * 2.0 ** (-31 - int(shift[0])) == pytest.approx(scale, rel=1e-9)
    assert scale == 0 or 1 << 30 <= mult[0] < 1 << 31


def test_fixed_point_records():
    post = Post(np.zeros(8, np.int32), np.full(8, 0.25, np.float32), rounding="tflite")
    made = params.records(matrix((1, 1), 8, 8, post=post), machine())
    assert made[128:160].view(np.int32).tolist() == [1 << 30] * 8
    assert made[256:288].view(np.int32).tolist() == [1] * 8


@pytest.mark.parametrize("kernel, inputs, outputs, at", [((3, 3), 40, 40, 0), ((1, 1), 32, 7, 0), ((1, 2), 40, 33, 48)])
def test_weights_stand_in_tiles(kernel, inputs, outputs, at):
    layer, m = matrix(kernel, inputs, outputs, at=at), machine(cols=16)
    first, blocks = params.block_range(layer, 0, m)
    tiles = -(-outputs // 16)
    made = params.packed_weights(layer, m)
    assert len(made) == params.packed_bytes(layer, m)
    made = made.view(np.int8).reshape(tiles, *kernel, blocks * 32, 16)
    want = np.zeros((*kernel, blocks * 32, tiles * 16), np.int8)
    lead = at - first * 32
    want[:, :, lead : lead + inputs, :outputs] = layer.weights.read()
    assert (np.moveaxis(made, 0, -2).reshape(*kernel, blocks * 32, tiles * 16) == want).all()
    assert params.last_lanes(layer, 0, m) == (lead + inputs) % 32


@pytest.mark.parametrize("kpack, inputs", [(1, 16), (1, 5), (2, 8), (2, 3)])
def test_taps_share_a_feed(kpack, inputs):
    layer, m, share = matrix((3, 3), inputs, 20), machine(), 1 << kpack
    made = params.packed_weights(layer, m, kpack)
    assert len(made) == params.packed_bytes(layer, m, kpack)
    made = made.view(np.int8).reshape(-(-9 // share), 32, 32)
    weights = layer.weights.read().reshape(9, inputs, 20)
    for tap in range(9):
        row = tap % share * 32 // share
        assert (made[tap // share, row : row + inputs, :20] == weights[tap]).all()
    assert made.astype(bool).sum() == weights.astype(bool).sum()


def test_slices_share_no_feeds():
    layer, m = matrix((3, 3), 16, 20), machine()
    made = params.packed_weights(layer, m, 1, (2, 1))
    assert len(made) == params.packed_bytes(layer, m, 1, (2, 1)) == params.packed_bytes(layer, m, 1)
    assert params.packed_bytes(layer, m, 1, (1, 1, 1)) == 6 * 32 * 32
    apart = params.packed_weights(layer, m, 1, (1, 1, 1)).view(np.int8).reshape(3, 2, 2, 16, 32)
    rows = layer.weights.read()
    for row in range(3):
        assert (apart[row].reshape(4, 16, 32)[:3, :, :20] == rows[row]).all()
        assert not apart[row, 1, 1].any()


def test_only_narrow_inputs_share_feeds():
    assert params.feed_sharing(matrix((3, 3), 3, 8), machine()) == 2
    assert params.feed_sharing(matrix((3, 3), 16, 8), machine()) == 1
    assert params.feed_sharing(matrix((3, 3), 17, 8), machine()) == 0
    assert params.feed_sharing(matrix((1, 1), 3, 8), machine()) == 0
    assert params.feed_sharing(matrix((3, 3), 3, 8), machine(groups=2)) == 1


@pytest.mark.parametrize("inputs, outputs, groups", [(128, 128, 4), (96, 96, 3), (64, 64, 8), (96, 48, 2)])
def test_a_column_tile_has_the_blocks_of_its_groups(inputs, outputs, groups):
    layer, m = matrix((1, 1), inputs, outputs, groups=groups), machine()
    made = params.packed_weights(layer, m).view(np.int8)
    tiles, (_, count) = -(-outputs // 32), params.block_range(layer, 0, m)
    made = made.reshape(tiles, count * 32, 32)
    assert count < -(-inputs // 32) or groups == 2
    full = np.zeros((inputs, tiles * 32), np.int8)
    weights = layer.weights.read()[0, 0]
    for o in range(outputs):
        group = o // (outputs // groups)
        full[group * (inputs // groups) : (group + 1) * (inputs // groups), o] = weights[:, o]
    for tile in range(tiles):
        first, _ = params.block_range(layer, tile, m)
        assert (made[tile] == full[first * 32 : (first + count) * 32, tile * 32 : tile * 32 + 32]).all()
        outside = np.delete(full[:, tile * 32 : tile * 32 + 32], np.s_[first * 32 : (first + count) * 32], axis=0)
        assert not outside.any()


def test_floating_weights_are_stored_as_bf16():
    layer = matrix((1, 1), 16, 32, type="bf16")
    made = params.packed_weights(layer, machine())
    assert (made.view(ml_dtypes.bfloat16).reshape(16, 32) == layer.weights.read()[0, 0]).all()


def depthwise(channels: int, at: int = 0) -> Depthwise:
    rng = np.random.default_rng(channels)
    tensor = Tensor("x", 1, 8, 8, at + channels)
    view = View(tensor, (0, 0, 0, at), (1, 8, 8, channels))
    weights = constant(rng.integers(-128, 128, (3, 3, channels)).astype(np.int8))
    post = Post(np.arange(channels, dtype=np.int32), np.ones(channels, np.float32))
    return Depthwise(name="d", x=view, out=view, kernel=(3, 3), weights=weights, post=post)


def test_depthwise_records_begin_with_weights():
    layer, m = depthwise(40), machine()
    made = params.records(layer, m)
    size, total = params.record_bytes(layer, m)
    assert (size, total) == (9 * 32 + 384, 2 * (9 * 32 + 384)) and len(made) == total
    second = made[size:]
    assert (second[: 9 * 32].view(np.int8).reshape(3, 3, 32)[..., :8] == layer.weights.read()[..., 32:]).all()
    assert second[288 : 288 + 128].view(np.int32).tolist() == [*range(32, 40), *[0] * 24]


def test_depthwise_records_follow_the_runs():
    layer, m = depthwise(40, at=16), machine()
    assert params.depthwise_runs(layer, m) == [Run(0, 16), Run(16, 24)]
    made = params.records(layer, m).reshape(2, -1)
    assert made[1, 288:416].view(np.int32).tolist() == [*range(16, 40), *[0] * 8]


def test_norm_records():
    view = View.whole(Tensor("x", 1, 4, 1, 40))
    gamma, beta = np.arange(40, dtype=np.float32), -np.arange(40, dtype=np.float32)
    made = params.records(Norm(name="n", x=view, out=view, mode="ln", gamma=gamma, beta=beta, epsilon=1e-5), machine())
    made = made.view(np.float32).reshape(2, 2, 32)
    assert (made[:, 0].reshape(-1)[:40] == gamma).all() and (made[:, 1].reshape(-1)[:40] == beta).all()


def test_tables():
    view = View.whole(Tensor("x", 1, 4, 1, 40))
    lut = np.arange(-128, 128).astype(np.int8)
    assert (params.table(Activation(name="a", x=view, out=view, mode="lut", lut=lut)) == lut.view(np.uint8)).all()
    assert params.table(Activation(name="a", x=view, out=view, mode="relu")) is None
    layer = matrix((1, 1), 8, 8)
    layer.post = replace(layer.post, act="lut", lut=lut)
    assert (params.table(layer) == lut.view(np.uint8)).all()
