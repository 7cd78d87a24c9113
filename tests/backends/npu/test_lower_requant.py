"""The v.rq after sums in ACC against the meaning of a layer's end: tiles, slices, strips, residuals, activations."""

import numpy as np
import pytest
from aic.backends.npu.layer import Item, Matrix, Post, Product, Residual, Tensor, View, Weights
from aic.backends.npu.machine import machine_from
from aic.backends.npu.select.evaluate import seen

from .vector_bench import after_sums, expected_after_sums, view

MACHINES = {
    "edge": machine_from("edge"),
    "narrow": machine_from("edge,array.rows=64,array.cols=16"),
    "wide": machine_from("edge,array.rows=16,array.cols=64"),
}
NONE = Weights("w", (0,), lambda: np.zeros(0))


def post_of(channels: int, out: Tensor, **given) -> Post:
    rng = np.random.default_rng(channels)
    floating = out.type == "bf16"
    bias = rng.normal(0, 2, channels).astype(np.float32) if floating else rng.integers(-99, 99, channels)
    limits = dict(low=-np.inf, high=np.inf) if floating else {}
    scale = rng.uniform(0.004, 0.008, channels).astype(np.float32)
    return Post(bias if floating else bias.astype(np.int32), scale, zero=out.zero, **(limits | given))


def matrix(channels: int, at: int = 0, type: str = "i8", images: int = 2, **given) -> Matrix:
    out = Tensor("y", images, 6, 5, at + channels, type, 0.05, -5 if type == "i8" else 0)
    x = Tensor("x", images, 6, 5, 16, type)
    post = post_of(channels, out, **given)
    return Matrix(name="m", x=View.whole(x), out=view(out, at, channels), weights=NONE, post=post)


def agree(machine, layer, blocks, pieces=1, channel=0, columns=0, tolerance=0.0):
    found, want = after_sums(machine, layer, pieces, blocks, channel, columns), expected_after_sums(layer)
    got, right = (seen({id(layer.out.tensor): a}, layer.out) for a in (found, want))
    width = getattr(layer, "width", layer.out.size[3])
    got, right = (a[..., channel : channel + width] for a in (got, right))
    np.testing.assert_allclose(got, right, atol=tolerance, rtol=tolerance)
    before = layer.out.at[3]
    np.testing.assert_array_equal(found[..., :before], want[..., :before])


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
@pytest.mark.parametrize("at", [0, 16, 64, 80])
@pytest.mark.parametrize("pieces", [1, 4])
def test_tiles_land_in_lines(machine, at, pieces):
    """Column tiles that are narrower or wider than a line, into slices that begin inside of one."""
    layer = matrix(100, at)
    tiles = -(-100 // machine.cols)
    agree(machine, layer, [(0, tiles)], pieces)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
@pytest.mark.parametrize("together", [1, 2, 4])
def test_groups_of_tiles(machine, together):
    """Tiles of less than a line are written in ascending order."""
    tiles = -(-150 // machine.cols)
    blocks = [(t, min(together, tiles - t)) for t in range(0, tiles, together)]
    agree(machine, matrix(150), blocks, 2)


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_blocks_of_some_columns(columns):
    agree(MACHINES["edge"], matrix(40), [(0, 2)], 2, columns=columns)


@pytest.mark.parametrize("act", ["none", "relu", "gelu", "sigmoid"])
@pytest.mark.parametrize("residual", [False, True])
def test_floating_ends(act, residual):
    layer = matrix(40, type="bf16", act=act)
    if residual:
        other = Tensor("r", 2, 6, 5, 40, "bf16")
        layer.post = post_of(40, layer.out.tensor, act=act, residual=Residual(View.whole(other)))
    agree(MACHINES["edge"], layer, [(0, 2)], 2, tolerance=0.01)


def test_integral_limits_and_tables():
    lut = np.random.default_rng(0).integers(-128, 128, 256).astype(np.int8)
    agree(MACHINES["edge"], matrix(40, low=-20, high=60), [(0, 2)])
    agree(MACHINES["edge"], matrix(40, act="lut", lut=lut), [(0, 2)])


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("at", [0, 16])
@pytest.mark.parametrize("rounding, numbers", [("ort", (0.8, 0.9, 3.0)), ("onnx", (0.05, 0.04, 0.07))])
def test_residuals(first, at, rounding, numbers):
    other = Tensor("r", 2, 6, 5, 48 + at, "i8", 0.04, 7)
    layer = matrix(48, 32)
    rest = Residual(view(other, at, 48), numbers, zero=7, middle=-2, first=first)
    layer.post = post_of(48, layer.out.tensor, residual=rest, rounding=rounding, low=-70, high=80)
    agree(MACHINES["edge"], layer, [(0, 2)], 3)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
@pytest.mark.parametrize("channel", [0, 16, 48, 96])
def test_an_item_of_a_product(machine, channel):
    """One head of attention: 48 of 144 channels."""
    out, x = Tensor("y", 1, 1, 10, 144, zero=-5), Tensor("x", 1, 1, 10, 144)
    items = tuple(Item((0, c), (0, c), (0, c)) for c in (0, 48, 96))
    post = post_of(1, out)
    layer = Product(
        name="p",
        x=View.whole(x),
        y=View.whole(x),
        out=View.whole(out),
        items=items,
        depth=48,
        width=48,
        transposed=True,
        post=post,
    )
    agree(machine, layer, [(0, -(-48 // machine.cols))], channel=channel)
