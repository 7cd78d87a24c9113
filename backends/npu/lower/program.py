"""A plan as code: marks for the reports, then group by group."""

from math import prod

import numpy as np

from ..code import Code, Mark
from ..layer import Depthwise, Layer, Matrix, Norm, Tensor, View
from ..machine import Machine
from ..plan.plan import Plan
from ..store import BYTES
from .emitter import Emitter
from .group import Lowering


def lower_plan(plan: Plan, machine: Machine) -> Code:
    """The operations of a plan, on buffers without addresses. LowerError if a layer has no instruction."""
    code = Code(machine.line)
    code.marks = [mark(layer) for layer in plan.network.layers]
    code.tensors = [described(tensor) for tensor in plan.network.tensors]
    Lowering(Emitter(code, machine, plan.halos), plan).run()
    return code


def mark(layer: Layer) -> Mark:
    """What reports say of a layer."""
    views = (*layer.inputs, layer.out)
    return Mark(
        layer.name,
        layer.nodes,
        layer.kind,
        layer.macs,
        sum(map(_bytes, views)) + _weights(layer),
        layer.out.tensor.name,
    )


def described(tensor: Tensor) -> dict[str, object]:
    """What debugging needs of a tensor."""
    numbers = {"scale": float(np.float32(tensor.scale)), "zero_point": tensor.zero, "unsigned": tensor.unsigned}
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.type,
        **numbers,
        **({"values": tensor.values} if tensor.values else {}),
    }


def _bytes(view: View) -> int:
    return prod(view.size) * BYTES[view.tensor.type]


def _weights(layer: Layer) -> int:
    match layer:
        case Matrix() | Depthwise():
            return prod(layer.weights.shape) * BYTES[layer.x.tensor.type]
        case Norm():
            return 8 * layer.x.size[3]
        case _:
            return 0
