"""Graph ops as text, read as layers: the values of the layers and of their program beside those of the graph."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from aic.backends.npu.emit.encode import encode
from aic.backends.npu.host.tensor import Entry, dims_of, fetch, load
from aic.backends.npu.layer import Layer, Network, Tensor
from aic.backends.npu.lower.best import lower_network
from aic.backends.npu.machine import Machine, machine_from
from aic.backends.npu.memory.alloc import allocate
from aic.backends.npu.order.check import errors
from aic.backends.npu.order.sync import synchronise
from aic.backends.npu.program import Program
from aic.backends.npu.select.evaluate import evaluate
from aic.backends.npu.select.network import read_network
from aic.backends.npu.sim.functional import Functional
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.weights import random_weights
from aic.dialects._shape import Array, dtype, shape
from xdsl.dialects.func import FuncOp
from xdsl.parser import Parser


@dataclass(frozen=True)
class Read:
    """Results of the graph (`wanted`), of the layers and of the program on the same inputs; all by number."""

    network: Network
    program: Program
    wanted: Sequence[Array]
    layers: Sequence[Array]
    ran: Sequence[Array]

    @property
    def kinds(self) -> Counter[str]:
        """How many layers of each kind there are."""
        return Counter(layer.kind for layer in self.network.layers)

    def close(self, tolerance: float) -> None:
        """Layers and program agree with the graph up to this part of the largest number, and with each other up to
        the order of sums."""
        for wanted, layers, ran in zip(self.wanted, self.layers, self.ran, strict=True):
            most = tolerance * max(1e-9, float(np.abs(wanted.astype(np.float64)).max()))
            for found in (layers, ran):
                np.testing.assert_allclose(found.astype(np.float64), wanted.astype(np.float64), rtol=0, atol=most)


ReadText = Callable[..., Read]


@pytest.fixture
def read() -> ReadText:
    """`read(text, machine="edge", given={0: array})`: @main of the text as layers and as a program without a fault, on
    random inputs or those given by number; weights that the text names are random."""

    def made(text: str, *, machine: str = "edge", given: Mapping[int, Array] | None = None) -> Read:
        ctx = context()
        module = Parser(ctx, text).parse_module()
        random_weights(ctx, module, 0)
        main = next(op for op in module.ops if isinstance(op, FuncOp))
        rng = np.random.default_rng(0)
        inputs = [drawn(rng, shape(a), dtype(a.type)) for a in main.body.block.args]
        for index, array in (given or {}).items():
            inputs[index] = array
        wanted = interpret(ctx, module, inputs)
        target = machine_from(machine)
        network = read_network(main.body.block, ctx.weights, target)
        program = compiled(network, target)
        assert not errors(program)
        ran = simulated(program, network, inputs, wanted)
        layers = [a.reshape(b.shape) for a, b in zip(evaluate(network, inputs), wanted, strict=True)]
        return Read(network, program, wanted, layers, ran)

    return made


def drawn(rng: np.random.Generator, dims: Sequence[int], kind: np.dtype[np.generic]) -> Array:
    """Normal floats; any integers of 8 bits."""
    if kind.kind == "f":
        return rng.standard_normal(dims).astype(kind)
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    return rng.integers(low, high + 1, dims).astype(kind)


def compiled(network: Network, machine: Machine) -> Program:
    """The program of a network."""
    code = lower_network(network, machine, effort=1)
    allocate(code, machine)
    synchronise(code, machine)
    return encode(code, machine)


def simulated(program: Program, network: Network, inputs: Sequence[Array], like: Sequence[Array]) -> list[Array]:
    """The program's results for inputs in order."""
    simulator = Functional(program)
    for tensor, array in zip(network.inputs, inputs, strict=True):
        segment, entry = port(program, tensor, "input", array)
        load(array, entry, simulator.segments[segment])
    simulator.run()
    made: list[Array] = []
    for tensor, wanted in zip(network.outputs, like, strict=True):
        segment, entry = port(program, tensor, "output", wanted)
        made.append(fetch(simulator.segments[segment], entry, wanted.dtype).reshape(wanted.shape))
    return made


def port(program: Program, tensor: Tensor, role: str, array: Array) -> tuple[int, Entry]:
    """Segment and entry of an input or output that is an array like this one."""
    segment = next(s for s in program.segments if s.role == role)
    found = next(t for t in segment.tensors if t["name"] == tensor.name)
    assert tensor.axes is not None
    dims = [[list(f) for f in dim] for dim in dims_of(tensor.full, tensor.axes, array.shape)]
    return segment.id, Entry.read({**found, "graph": str(array.dtype), "dims": dims})


def of_kind(found: Read, kind: str) -> list[Layer]:
    """The layers of a kind, in order."""
    return [layer for layer in found.network.layers if layer.kind == kind]
