"""Groups as they are carried out: parameters in shares, what is loaded from DRAM."""

import numpy as np
from aic.backends.npu.layer import Copy, Depthwise, Network, Post, Tensor, View, Weights
from aic.backends.npu.lower.group import parameter_shares
from aic.backends.npu.lower.program import lower_plan
from aic.backends.npu.machine import machine_from
from aic.backends.npu.plan.geometry import halos
from aic.backends.npu.plan.plan import Group, Keep, Plan
from aic.backends.npu.plan.strips import whole
from aic.backends.npu.plan.tiling import Shares

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


def test_what_a_group_writes_a_part_of_is_not_loaded_first() -> None:
    a, b, both, end = (Tensor(name, 1, rows, 4, 16, "bf16") for name, rows in (("a", 4), ("b", 4), ("t", 8), ("e", 8)))
    parts = [View(both, (0, row, 0, 0), (1, 4, 4, 16)) for row in (0, 4)]
    layers = [Copy(name=x.name, x=View.whole(x), out=part) for x, part in zip((a, b), parts, strict=True)]
    layers.append(Copy(name="c", x=View.whole(both), out=View.whole(end)))
    network = Network(layers, [a, b], [end])
    groups = [Group((one,), whole([one]), Keep(), Shares.of(MACHINE)) for one in layers]
    code = lower_plan(Plan(network, halos(network), groups, set()), MACHINE)
    loads = [op.layer for op in code.ops if op.name == "ld.a" and op.dram[0].role == "spill"]
    assert loads and set(loads) == {2}
