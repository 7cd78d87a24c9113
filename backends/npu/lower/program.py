"""A plan as code: marks for the reports, then group by group."""

from math import prod

from ..code import Code, Mark
from ..layer import Depthwise, Layer, Matrix, Norm, View
from ..machine import Machine
from ..plan.plan import Plan
from ..store import BYTES
from .emitter import Emitter
from .group import Lowering


def lower_plan(plan: Plan, machine: Machine) -> Code:
    """The operations of a plan, on buffers without addresses. LowerError if a layer has no instruction."""
    code = Code(machine.line)
    code.marks = [mark(layer) for layer in plan.network.layers]
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
