"""Inputs of few channels are packed where that saves feeds; the convolution on them makes the same."""

from dataclasses import replace

import numpy as np
import pytest
from aic.backends.npu.layer import Matrix, Network, Tensor, View
from aic.backends.npu.machine import machine_from
from aic.backends.npu.select.evaluate import computed
from aic.backends.npu.select.packing import feeds, with_packed_inputs

from ..plan.nets import Maker

EDGE = machine_from("edge")


def network(channels: int, kernel: tuple[int, int], stride: tuple[int, int], pads: tuple[int, ...]) -> Network:
    maker = Maker(0, 2, 15, 13, channels)
    maker.input.full, maker.input.axes = (2, channels, 15, 13), ((0,), (2,), (3,), (1,))
    rows, columns = (
        (n + a + b - k) // s + 1 for n, a, b, k, s in zip((15, 13), pads[:2], pads[2:], kernel, stride, strict=True)
    )
    window = {"kernel": kernel, "stride": stride, "pads": pads}
    maker.window = lambda _: (window, rows, columns)  # type: ignore[method-assign]
    return Network(maker.layers, [maker.input], [maker.conv(maker.input, 8)])


def side_by_side(image: np.ndarray, layer: Matrix, tensor: Tensor) -> np.ndarray:
    """What a packed tensor holds: columns that a kernel's row covers."""
    assert tensor.packed is not None
    kernel, stride = tensor.packed
    left = layer.pads[1]
    room = np.full((*image.shape[:2], left + image.shape[2] + 20, image.shape[3]), tensor.zero, np.int8)
    room[:, :, left : left + image.shape[2]] = image
    rows = [room[:, :, x * stride : x * stride + kernel] for x in range(tensor.columns)]
    return np.stack([r.reshape(*image.shape[:2], -1) for r in rows], 2)


@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("kernel", [(7, 7), (3, 5), (2, 3)])
@pytest.mark.parametrize("pad", [0, 1])
def test_the_numbers_stay(kernel: tuple[int, int], stride: tuple[int, int], pad: int):
    plain = network(3, kernel, stride, (pad, pad, pad, pad))
    made = with_packed_inputs(plain, EDGE)
    (before,), (after,) = plain.layers, made.layers
    assert isinstance(before, Matrix) and isinstance(after, Matrix)
    assert (made.inputs[0].packed is not None) == (feeds(after, EDGE) < feeds(before, EDGE))
    if made.inputs[0].packed is None:
        assert after is before
        return
    assert after.x == View.whole(made.inputs[0]) and after.out is before.out and after.macs == before.macs
    image = np.random.default_rng(0).integers(-128, 128, plain.inputs[0].shape).astype(np.int8)
    packed = side_by_side(image, after, made.inputs[0])
    wanted = computed(before, {id(plain.inputs[0]): image})
    inside = replace(after, pads=(pad, 0, pad, 0))  # what lies beside the image is in the packed columns
    np.testing.assert_array_equal(computed(inside, {id(made.inputs[0]): packed}), wanted)


def test_seven_by_seven_takes_half_the_feeds():
    made = with_packed_inputs(network(3, (7, 7), (2, 2), (3, 3, 3, 3)), EDGE)
    assert made.inputs[0].packed == (7, 2)
    assert made.layers[0].weights.shape == (7, 1, 21, 8)
    assert (feeds(network(3, (7, 7), (2, 2), (3, 3, 3, 3)).layers[0], EDGE), feeds(made.layers[0], EDGE)) == (13, 7)


def test_what_does_not_gain_stays():
    assert with_packed_inputs(network(32, (3, 3), (1, 1), (1, 1, 1, 1)), EDGE).inputs[0].packed is None
    assert with_packed_inputs(network(3, (3, 1), (1, 1), (1, 0, 1, 0)), EDGE).inputs[0].packed is None


def test_an_image_that_others_read_stays():
    plain = network(3, (7, 7), (2, 2), (3, 3, 3, 3))
    assert with_packed_inputs(Network(plain.layers * 2, plain.inputs, plain.outputs), EDGE).inputs == plain.inputs
    assert with_packed_inputs(Network(plain.layers, plain.inputs, plain.inputs), EDGE).inputs == plain.inputs
