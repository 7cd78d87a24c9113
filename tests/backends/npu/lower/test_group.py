"""Layers whose parameters have no room in PMEM at once."""

import numpy as np
from aic.backends.npu.layer import Depthwise, Post, Tensor, View, Weights
from aic.backends.npu.lower.group import parameter_shares
from aic.backends.npu.machine import machine_from

MACHINE = machine_from("edge")


def layer(channels: int, kernel: int, at: int = 0) -> Depthwise:
    x, out = (Tensor(name, 1, 8, 8, channels + at, "bf16") for name in "xy")
    view, target = (View(t, (0, 0, 0, at), (1, 8, 8, channels)) for t in (x, out))
    shape, half = (kernel, kernel, channels), kernel // 2
    weights = Weights("w", shape, lambda: np.ones(shape, np.float32))
    post = Post(np.zeros(channels, np.float32), np.ones(channels, np.float32))
    pads = (half, half, half, half)
    return Depthwise(name="d", x=view, out=target, weights=weights, post=post, kernel=(kernel, kernel), pads=pads)


def test_what_fits_is_loaded_at_once() -> None:
    assert parameter_shares(layer(256, 5), MACHINE) == [None]


def test_shares_of_blocks() -> None:
    shares = parameter_shares(layer(1152, 5), MACHINE)
    assert len(shares) > 1 and sum(count for _, count in shares) == 1152 // 16
    assert all(count * (25 * 32 + 3 * 64) <= MACHINE.pmem.bytes // 4 for _, count in shares)


def test_lines_that_two_shares_would_write_are_not_parted() -> None:
    assert parameter_shares(layer(1152, 5, at=8), MACHINE) == [None]
