"""Two runs of a model, layer by layer: where do the numbers part, and which pass parted them?

    reference   onnxruntime, onnx's evaluator, our graph level as imported, or arrays from a file
    candidate   any level of ours. Down to the tensor level the values of every op are seen as it runs, fused or not,
                and belong to the ONNX node in the op's location. Below, they are looked at in the target's memory where
                it can be (a simulator); else each layer is made an output of the model

A layer is one output of one node of the main graph.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from onnx import ModelProto, ValueInfoProto
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ..backends.target import Seen
from ..dialects import kernel
from ..dialects._location import origins
from ..dialects._shape import Array
from ..dialects.graph.weight import WeightOp
from .compare import Difference, Tolerance, difference
from .context import context
from .culprit.bisect import bisect, stages_of
from .culprit.judge import Numbers
from .driver import Lowered, Options, garbage_later, plan
from .frontends.onnx.importer import import_model
from .frontends.onnx.model import Model
from .interpret import interpret
from .reuse import compile_cached
from .targets import target_named

Arrays = Mapping[str, Array]
QUANTISERS = ("QuantizeLinear", "DynamicQuantizeLinear")
EMPTY = ("tensor.empty", "linalg.fill", "tensor.pad")
"""Ops whose results are no layer yet."""


@dataclass(frozen=True)
class Layer:
    """A tensor of the main graph: its name, the node that makes it, which of its outputs it is."""

    tensor: str
    node: str
    op: str
    position: int


@dataclass(frozen=True)
class Row:
    """A layer with its difference; `found` is None if the candidate never makes this value by itself."""

    layer: Layer
    found: Difference | None
    good: bool


def layers(model: Model) -> list[Layer]:
    """The layers in the order of the graph; constants are none."""
    return [
        Layer(output, node.name or f"{node.op_type}_{index}", node.op_type, position)
        for index, node in enumerate(model.proto.graph.node)
        for position, output in enumerate(node.output)
        if output and node.op_type != "Constant"
    ]


def is_quantised(model: Model) -> bool:
    """Whether the model itself says how its activations are quantised."""
    return any(node.op_type == "QuantizeLinear" for node in model.proto.graph.node)


def marked(proto: ModelProto, names: Sequence[str]) -> ModelProto:
    """A copy of the model that answers these tensors too."""
    found = ModelProto()
    found.CopyFrom(proto)
    known = {output.name for output in found.graph.output}
    found.graph.output.extend(ValueInfoProto(name=name) for name in names if name not in known)
    return found


def table(model: Model, candidate: Arrays, reference: Arrays, tolerance: Tolerance) -> list[Row]:
    """The layers that the reference has, in order, with the candidate's difference."""
    rows: list[Row] = []
    for layer in layers(model):
        if layer.tensor not in reference:
            continue
        found = None
        if (value := candidate.get(layer.tensor)) is not None:
            found = difference(value, reference[layer.tensor], tolerance)
        rows.append(Row(layer, found, found is None or tolerance.accepts(found)))
    return rows


def graph_layers(model: Model, options: Options, inputs: Arrays) -> dict[str, Array]:
    """Every layer at the graph level as imported: the reference that needs nothing else installed."""
    ctx = context()
    whole = replace(model, proto=marked(model.proto, [layer.tensor for layer in layers(model)]))
    with garbage_later():
        module = import_model(whole, ctx, dims=options.dims, shapes=options.shapes, values=options.values)
    results = interpret(ctx, module, [inputs[port.name] for port in whole.inputs])
    return dict(zip((output.name for output in whole.proto.graph.output), results, strict=True))


@dataclass
class Watching:
    """A hook that keeps what each node of the model makes: its last values, by node."""

    module: ModuleOp
    values: dict[str, list[Array]] = field(default_factory=dict[str, list[Array]])
    _inside: list[tuple[tuple[str, ...], list[Array]]] = field(
        default_factory=list[tuple[tuple[str, ...], list[Array]]]
    )

    def __call__(self, op: Operation, made: Sequence[object]) -> None:
        arrays = [np.array(value) for value in made if isinstance(value, np.ndarray)]
        if op.name in EMPTY or isinstance(op, WeightOp):
            return
        if isinstance(op, kernel.LaunchOp):
            self._launched(op)
        elif isinstance(op.parent_op(), kernel.FuncOp):
            self._inside.append((origins(op.location), arrays))
        else:
            self._keep(origins(op.location), arrays)

    def _launched(self, launch: kernel.LaunchOp) -> None:
        """What was made inside belongs to the nodes of this launch. A kernel launched from several places has the names
        of the first; the others' stand in the same order."""
        func = next(f for f in self.module.ops if isinstance(f, kernel.FuncOp) and f.sym_name.data == launch.kernel)
        theirs = dict.fromkeys(name for op in func.body.block.ops for name in origins(op.location))
        ours = origins(launch.location)
        names = dict(zip(theirs, ours, strict=True)) if len(theirs) == len(ours) else {name: name for name in ours}
        for nodes, arrays in self._inside:
            self._keep(tuple(names[node] for node in nodes if node in names), arrays)
        self._inside.clear()

    def _keep(self, nodes: tuple[str, ...], arrays: list[Array]) -> None:
        if len(nodes) == 1:
            self.values.setdefault(nodes[0], []).extend(arrays)


def seen_layers(model: Model, lowered: Lowered, inputs: Arrays, reference: Arrays) -> dict[str, Array]:
    """The layers of a run in the interpreter."""
    watching = Watching(lowered.module)
    results = interpret(lowered.ctx, lowered.module, [inputs[port.name] for port in model.inputs], hook=watching)
    found = of_nodes(model, watching.values, reference)
    return found | dict(zip((output.name for output in model.outputs), results, strict=True))


@dataclass(frozen=True)
class Device:
    """A run of the target's own code: outputs by name, what each node was seen to make, and the tensors of the model
    among these that a reference should be asked for."""

    outputs: dict[str, Array]
    seen: Seen
    names: tuple[str, ...]


def on_device(model: Model, target: str, options: Options, inputs: Arrays) -> Device | None:
    """A run of the target's own code whose inside can be looked at; None if the target has no such means."""
    made = compile_cached(model, target, options)
    found = target_named(target).seen(made.folder, made.manifest, [inputs[port.name] for port in model.inputs])
    if found is None:
        return None
    outputs, seen = found
    names = dict(zip((output.name for output in model.outputs), outputs, strict=True))
    return Device(names, seen, askable(model, seen))


def askable(model: Model, seen: Seen) -> tuple[str, ...]:
    """The tensors of the nodes that were seen. Of a model that quantises itself the integers alone: a peer that has to
    answer what lies between them does not fuse there, and rounds otherwise."""
    kept = [layer for layer in layers(model) if layer.node in seen]
    integers = [layer.tensor for layer in kept if layer.op in QUANTISERS]
    return tuple(integers or [layer.tensor for layer in kept])


def of_nodes(model: Model, seen: Seen, reference: Arrays) -> dict[str, Array]:
    """The layers among what nodes made: of a node's values the last that have its output's type and shape."""
    found: dict[str, Array] = {}
    for layer in layers(model):
        if (wanted := reference.get(layer.tensor)) is None:
            continue
        made = (_signed(value, wanted) for value in seen.get(layer.node, []))
        fitting = [value for value in made if _alike(value, wanted)]
        alike = [
            other.position
            for other in layers(model)
            if other.node == layer.node and _alike(reference.get(other.tensor), wanted)
        ]
        if len(fitting) >= len(alike):
            found[layer.tensor] = fitting[len(fitting) - len(alike) + alike.index(layer.position)]
    return found


def _alike(value: Array | None, wanted: Array) -> bool:
    return value is not None and value.shape == wanted.shape and value.dtype == wanted.dtype


def _signed(value: Array, wanted: Array) -> Array:
    """Below the graph level unsigned is signless: read it as the reference has it."""
    same = value.dtype.kind in "iu" and wanted.dtype.kind == "u" and value.dtype.itemsize == wanted.dtype.itemsize
    return np.ascontiguousarray(value).view(wanted.dtype).reshape(value.shape) if same else value


def guilty_pass(
    model: Model, target: str, options: Options, until: str, inputs: Arrays, reference: Arrays, tolerance: Tolerance
) -> str:
    """The first pass after which the outputs leave the tolerance: `import` if the imported graph is off already,
    "" if all is well down to the level `until`. The module is run after some of the passes, which takes its time."""
    ctx = context()
    with garbage_later():
        module = import_model(model, ctx, dims=options.dims, shapes=options.shapes, values=options.values)
        arrays = [inputs[port.name] for port in model.inputs]
        judge = Numbers(arrays, [output.name for output in model.outputs], reference, tolerance)
        found = bisect(ctx, module, stages_of(plan(target, options, until)), judge, rewrites=False)
    return "" if found is None else found.name
