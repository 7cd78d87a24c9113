"""A function of graph ops as a network of layers.

network = read_network(func.body.block, weights, machine)
"""

from importlib import import_module
from pkgutil import iter_modules

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Block, Operation, SSAValue

from ....dialects._location import origins
from ....dialects._shape import dtype
from ....dialects.graph.weight import WeightStore
from ..layer import Network
from ..machine import Machine
from . import __path__ as folder
from .constant import Constants
from .ends import left
from .place import REPEATED, Place
from .reader import Reader, Unsupported

for _file in iter_modules(folder, f"{__package__}."):
    import_module(_file.name)  # each enters the ops that it reads


ROUNDING = "npu.rounding"
"""Attribute of a kernel: how sums of integers are rounded."""


def read_network(block: Block, weights: WeightStore, machine: Machine) -> Network:
    """The layers of a kernel's block, which ends in a return; inputs are its arguments, outputs what it returns.

    Unsupported if there is an op that the NPU does not do, with the reason."""
    func = block.parent_op()
    found = None if func is None else func.attributes.get(ROUNDING)
    rounding = found.data if isinstance(found, StringAttr) else "ort"
    reader = Reader(block, Constants(weights), machine, rounding=rounding).read()
    for op, reason in reader.reasons.items():
        raise Unsupported(f"{op.name}: {reason}")
    arguments = set(block.args)
    if outside := [value for value in reader.inputs if value not in arguments]:
        raise Unsupported(f"{outside[0].type}: a known value has to be an argument")
    last = block.last_op
    assert last is not None
    for value, place in reader.places.items():
        if reader.gain(value) == 1.0 and (described := stands(value, place)) is not None:
            place.tensor.values.append(described)
    inputs = [reader.place(value).tensor for value in block.args]
    return Network(reader.layers, inputs, [left(reader, value, "result") for value in last.operands])


def stands(value: SSAValue, place: Place) -> dict[str, object] | None:
    """What a tensor holds of an ONNX node: see `Tensor.values`. None where no one node made it, or where its elements
    do not lie at even steps."""
    nodes = origins(value.owner.location) if isinstance(value.owner, Operation) else ()
    if not nodes or any(f.step <= 0 or f.axis == REPEATED for f in place.factors()):
        return None
    dims = [[[f.axis, f.step, len(f)] for f in dim] for dim in place.dims]
    return {"node": nodes[-1], "graph": str(dtype(value.type)), "at": list(place.at), "dims": dims}
