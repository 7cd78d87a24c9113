"""Which results may pass through SPAD block by block: those whose lines no two column tiles share."""

from dataclasses import replace

import pytest
from aic.backends.npu.machine import machine_from
from aic.backends.npu.plan.plan import streamable
from aic.backends.npu.plan.tiling import Shares

from .nets import Maker


@pytest.mark.parametrize(
    ("machine", "passes"),
    [
        ("edge", True),
        ("edge,rows=64,cols=16", True),
        ("edge,rows=16,cols=48,wmem.bytes=49152,acc.bytes=98304", True),
        ("edge,rows=48,cols=80,spad.bytes=960000,wmem.bytes=320000,acc.bytes=160000", False),
        ("edge,rows=48,cols=32,spad.bytes=960000", False),
    ],
)
def test_lines_in_two_tiles_do_not_pass(machine: str, passes: bool) -> None:
    made, m = Maker(0), machine_from(machine)
    out = made.conv(made.input, 256)
    assert (id(out) in streamable(made.layers, m, Shares.of(m))) == passes


def test_groups_are_tiles_by_themselves() -> None:
    """Each has a tile of its own, so that two share a line of 32 channels."""
    made, m = Maker(0), machine_from("edge,rows=32,cols=16")
    out = made.conv(made.input, 64)
    assert id(out) in streamable(made.layers, m, Shares.of(m))
    made.layers[0] = replace(made.layers[0], groups=4)  # pyright: ignore
    assert id(out) not in streamable(made.layers, m, Shares.of(m))
