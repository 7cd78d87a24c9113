"""Plans of random networks on small and odd machines: programs make what the layers say, all of it in order."""

from collections.abc import Iterator

import numpy as np
import pytest
from aic.backends.npu.code import Code
from aic.backends.npu.emit.encode import encode
from aic.backends.npu.layer import Matrix, Network, Tensor, View
from aic.backends.npu.lower.best import lower_network
from aic.backends.npu.lower.program import lower_plan
from aic.backends.npu.machine import Machine, machine_from
from aic.backends.npu.memory.alloc import AllocError, allocate
from aic.backends.npu.order.check import check
from aic.backends.npu.order.sync import synchronise
from aic.backends.npu.plan.search import Knobs, Search
from aic.backends.npu.runs import LowerError
from aic.backends.npu.select.evaluate import computed, kept, seen
from aic.backends.npu.sim.functional import Functional

from ..plan.nets import ZERO, Maker, random_network

Numbers = np.ndarray
MACHINES = (
    "edge",
    "edge,spad.bytes=32768",
    "edge,spad.bytes=16384,acc.bytes=16384,wmem.bytes=8192,pmem.bytes=4096",
    "gemmini-like,spad.bytes=24576",
    "nvdla1024-like,spad.bytes=65536",
    "davinci-like,spad.bytes=65536",
)


def written(array: Numbers, tensor: Tensor, lanes: int) -> Numbers:
    """As it lies in DRAM: [blocks][images][rows][columns][lanes]."""
    blocks = -(-tensor.channels // lanes)
    room = np.zeros((*tensor.shape[:3], blocks * lanes), np.int8)
    room[..., : tensor.channels] = array
    return room.reshape(*tensor.shape[:3], blocks, lanes).transpose(3, 0, 1, 2, 4).reshape(-1).view(np.uint8)


def read(memory: Numbers, tensor: Tensor, lanes: int) -> Numbers:
    blocks = -(-tensor.channels // lanes)
    found = memory.view(np.int8)[: blocks * int(np.prod(tensor.shape[:3])) * lanes]
    found = found.reshape(blocks, *tensor.shape[:3], lanes).transpose(1, 2, 3, 0, 4)
    return found.reshape(*tensor.shape[:3], -1)[..., : tensor.channels]


def run(network: Network, code: Code, machine: Machine, x: Numbers) -> Numbers:
    """What the program makes of an input."""
    allocate(code, machine)
    synchronise(code, machine)
    program = encode(code, machine)
    assert not [finding for finding in check(program) if not finding.rule.startswith("W-")]
    lanes = machine.channel_lanes("i8")
    (tensor,), (out,) = network.inputs, network.outputs
    simulator = Functional(program)
    raw = written(x, tensor, lanes)
    simulator.segments[0][: raw.size] = raw
    simulator.run()
    return read(simulator.segments[2], out, lanes)


def expected(network: Network, x: Numbers) -> Numbers:
    memory: dict[int, Numbers] = {id(network.inputs[0]): x}
    for layer in network.layers:
        out = layer.out.tensor
        memory.setdefault(id(out), np.full(out.shape, out.zero, np.int8))
        seen(memory, layer.out)[...] = kept(computed(layer, memory), out)
    return memory[id(network.outputs[0])]


def codes(network: Network, machine: Machine) -> Iterator[Code]:
    """Of several plans, among them ones that believe in less memory than there is, and so cut finer."""
    yield lower_network(network, machine)
    for budget, longest in ((0.5, 8), (0.2, 8), (0.05, 3), (0.7, 1)):
        try:
            yield lower_plan(Search(network, machine, Knobs(budget=budget, longest=longest)).plan(), machine)
        except LowerError:
            continue


def recurrent(steps: int) -> Network:
    """h[t + 1] = conv(h[t]), the states in the columns of one tensor."""
    maker = Maker(7, 1, 1, 1, 40)
    states = Tensor("h", 1, 1, steps, 40, zero=ZERO)
    at = View.whole(maker.input)
    for step in range(steps):
        weights, post = maker.weights(1, 1, 40, 40), maker.post(40, 40, None)
        out = View(states, (0, 0, step, 0), (1, 1, 1, 40))
        maker.layers.append(Matrix(name=f"h{step}", out=out, x=at, weights=weights, post=post))
        at = out
    return Network(maker.layers, [maker.input], [states])


def test_a_tensor_that_is_made_bit_by_bit():
    """Groups that read a column before the others are written load no more than there is."""
    network, machine = recurrent(5), machine_from("edge")
    x = np.random.default_rng(0).integers(-128, 128, network.inputs[0].shape).astype(np.int8)
    wanted = expected(network, x)
    code = lower_plan(Search(network, machine, Knobs(longest=1)).plan(), machine)
    np.testing.assert_array_equal(run(network, code, machine, x), wanted)
    plan = Search(network, machine, Knobs(longest=1)).plan()
    plan.resident.clear()
    np.testing.assert_array_equal(run(network, lower_plan(plan, machine), machine, x), wanted)


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("seed", range(4))
def test_random_networks(name: str, seed: int):
    network, machine = random_network(seed), machine_from(name)
    x = np.random.default_rng(seed).integers(-128, 128, network.inputs[0].shape).astype(np.int8)
    wanted = expected(network, x)
    ran = 0
    try:
        for code in codes(network, machine):
            np.testing.assert_array_equal(run(network, code, machine, x), wanted)
            ran += 1
    except AllocError:
        assert ran, "expected that the best plan has room"
