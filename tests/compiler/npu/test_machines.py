"""Machines that nobody had in mind: a program computes the same on each of them, or is refused with the memory that is
too small and the layer for which it is."""

import re

import numpy as np
import pytest
from aic.backends.npu.machine import machine_from
from aic.compiler.driver import Options, compile_model
from aic.compiler.npu.programs import options_for
from xdsl.utils.exceptions import DiagnosticException

from .qdq import Net, random_network

REFUSED = re.compile(
    r"npu-lower: npu\d+ on .*: (\S+: .*(SPAD|ACC)|(spad|acc|wmem|pmem) has \d+ bytes; .* at operation \d+ \(.*n\d+_)"
)


def random_machine(rng: np.random.Generator) -> str:
    """Any size of array and memories, kept within the rules of a machine file."""

    def of(line: int, least: int, most: int) -> int:
        return line * int(np.exp(rng.uniform(np.log(max(least / line, 1)), np.log(most / line))) + 1)

    cube = rng.random() < 0.2
    rows, cols = (16 * int(rng.integers(1, 9)) for _ in range(2))
    keys = {"array.rows": rows, "array.cols": cols, "mem.spad.bytes": of(rows, 4096, 1 << 18)}
    keys["mem.wmem.bytes"] = 0 if rng.random() < 0.3 else of(cols, 2 * rows * cols, 16 * rows * cols)
    keys["mem.acc.bytes"] = of(4 * cols, max(8 * rows * cols, 16384), 64 * rows * cols + 65536)
    keys |= {"mem.pmem.bytes": of(16, 2048, 65536 - 16), "mem.spad.banks": 2 ** int(rng.integers(0, 5))}
    keys |= {"vpu.lanes": 2 ** int(rng.integers(0, 9)), "vpu.mac_per_lane": int(rng.integers(1, 4))}
    keys |= {"seq.queue_depth": int(rng.integers(2, 9)), "seq.dispatch_per_cycle": int(rng.integers(1, 4))}
    keys |= {"array.feeder_groups": int(rng.choice([1, 2, 4])), "dram.latency": int(rng.integers(0, 300))}
    keys |= {"dma.burst": 2 ** int(rng.integers(4, 13)), "gbps": round(float(rng.uniform(0.5, 100)), 2)}
    if cube:
        keys["array.depth"] = int(rng.integers(2, 20))
    else:
        keys["array.dataflow"] = str(rng.choice(["ws", "os"]))
        keys |= {f"array.{k}_double_buffer": str(rng.random() < 0.5).lower() for k in ("weight", "os")}
    return ",".join(["davinci-like" if cube else "edge", *(f"{key}={value}" for key, value in keys.items())])


def run(net: Net, machine: str) -> bool:
    """Whether the network runs there, its outputs being what its integers are; AssertionError if it neither does nor is
    refused with a reason. The checker has looked at whatever is written."""
    try:
        made = compile_model(net.model(), "npu", options=options_for(machine, Options(level=1)))
    except DiagnosticException as refusal:
        assert REFUSED.match(str(refusal)), str(refusal)
        return False
    found, wanted = made.load()(list(net.feed.values())), net.expected()
    for port, value in zip(made.manifest["outputs"], found, strict=True):  # pyright: ignore[reportArgumentType]
        assert np.array_equal(value, wanted[port["name"]]), f"{port['name']} on {machine}"
    return True


@pytest.mark.parametrize("part", range(6))
def test_random_machines(part: int):
    seeds = [6 * n + part for n in range(4)]
    ran = [run(random_network(s, steps=1 + s % 3), random_machine(np.random.default_rng(s))) for s in seeds]
    assert sum(ran) >= len(ran) / 3, "expected that more machines are large enough"


ODD = (
    "edge,rows=16,cols=16,spad.bytes=65536,wmem.bytes=8192,acc.bytes=16384",
    "edge,rows=48,cols=80,spad.bytes=1572864,wmem.bytes=307200,acc.bytes=163840,pmem.bytes=32768",
    "edge,rows=16,cols=256",
    "edge,rows=256,cols=16,wmem.bytes=0",
    "edge,spad.bytes=2048",
    "edge,weight_double_buffer=false,dataflow=os,os_double_buffer=false",
    "edge,spad.banks=1,pmem.bytes=4096,acc.bytes=8192,wmem.bytes=0",
    "davinci-like,rows=48,cols=16,depth=8,spad.bytes=96000,wmem.bytes=9600,acc.bytes=64000",
)


@pytest.mark.parametrize("machine", ODD)
def test_odd_machines(machine: str):
    """A convolution over more channels than lanes, and its sum with its input."""
    net = Net(5, (1, 100, 9, 6))
    net.residual()
    net.mean()
    ran = run(net, machine)
    assert ran or "spad.bytes=2048" in machine


@pytest.mark.parametrize("size", [8, 24])
def test_arrays_whose_lines_are_no_granules(size: int):
    """What the instruction set cannot address."""
    with pytest.raises(ValueError, match=f"array.rows = {size}: expected a multiple of 16, 16 to 512"):
        machine_from(f"edge,rows={size},cols=40")
