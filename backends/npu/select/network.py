"""A function of graph ops as a network of layers.

network = read_network(func.body.block, weights, machine)
"""

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules

from xdsl.ir import Block, SSAValue

from ....dialects.graph.weight import WeightStore
from ..layer import Network
from ..machine import Machine
from . import __path__ as folder
from .constant import Constants
from .ends import left
from .reader import Reader, Unsupported

for _file in iter_modules(folder, f"{__package__}."):
    import_module(_file.name)  # each enters the ops that it reads


def read_network(block: Block, weights: WeightStore, machine: Machine) -> Network:
    """The layers of a block of graph ops that ends in a return; inputs are its arguments, outputs what it returns.

    Unsupported if there is an op that the NPU does not do, with the reason."""
    reader = Reader(block, Constants(weights), machine).read()
    for op, reason in reader.reasons.items():
        raise Unsupported(f"{op.name}: {reason}")
    return finished(reader, list(block.args), list(block.last_op.operands) if block.last_op else [])


def finished(reader: Reader, arguments: Sequence[SSAValue], results: Sequence[SSAValue]) -> Network:
    """The network of what was read, with these inputs and outputs."""
    inputs = [reader.place(value).tensor for value in arguments]
    outputs = [left(reader, value, "result") for value in results]
    return Network(reader.layers, inputs, outputs)
