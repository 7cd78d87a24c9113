"""A part of an ONNX model as a model of its own: some of its nodes, fed at the cuts, static in shape.

    x -> Conv -> a -> Relu -> b -> Add -> y        nodes {Relu}  -->  a -> Relu -> b

What flows in at a cut becomes an input of the shape it has in a run, or, where it says so, a constant with its value.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto, helper, numpy_helper

from ...dialects._shape import Array
from ..context import context
from ..driver import Options, garbage_later
from ..errors import UsageError
from ..frontends.onnx.exporter import Exported
from ..frontends.onnx.importer import import_model
from ..frontends.onnx.model import Model
from ..frontends.onnx.names import printable
from ..frontends.onnx.saving import save_onnx
from ..interpret import interpret
from ..layers import layers, marked

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Part:
    """A sub-model, and the values of its inputs in the run that it was cut from."""

    model: Model
    feed: dict[str, Array]


def tensor_values(model: Model, options: Options, inputs: Arrays, names: Sequence[str] | None = None) -> Arrays:
    """What a run of the graph as imported gives for these tensors of the main graph, by default all; the inputs too."""
    wanted = [layer.tensor for layer in layers(model)] if names is None else list(names)
    ctx = context()
    whole = replace(model, proto=marked(model.proto, wanted))
    with garbage_later():
        module = import_model(whole, ctx, dims=options.dims, shapes=options.shapes, values=options.values)
    results = interpret(ctx, module, [inputs[port.name] for port in whole.inputs])
    return {**inputs, **dict(zip((output.name for output in whole.proto.graph.output), results, strict=True))}


def cut(
    model: Model,
    nodes: Collection[int],
    values: Arrays,
    outputs: Sequence[str] | None = None,
    freeze: Callable[[str], bool] = lambda _: False,
) -> Part:
    """These nodes of the main graph, by their index, with the constants that they read. `outputs`: by default what they
    make and none of them reads, and outputs of the model. `freeze` tells which tensors at the cut become constants.
    UsageError if the value of a tensor at the cut is not among `values`."""
    graph = model.proto.graph
    kept = _with_constants(graph, nodes)
    made = {name for i in kept for name in graph.node[i].output if name}
    read = dict.fromkeys(name for i in kept for name in needs(graph.node[i]) if name not in made)
    found = onnx.GraphProto(name=graph.name, node=[graph.node[i] for i in kept])
    weights = {tensor.name: index for index, tensor in enumerate(graph.initializer)}
    feed: dict[str, Array] = {}
    raw: dict[int, Array] = {}
    for name in read:
        if (index := weights.get(name)) is not None and index in model.raw:
            raw[len(found.initializer)] = model.raw[index]
            found.initializer.append(graph.initializer[index])
        elif index is not None:
            found.initializer.append(numpy_helper.from_array(model.initializer(index), name))
        elif (value := values.get(name)) is None:
            raise UsageError(f"nothing is known of the tensor {printable(name)!r}", code="no-value")
        elif freeze(name):
            found.initializer.append(numpy_helper.from_array(value, name))
        else:
            feed[name] = value
            found.input.append(port_of(name, value))
    for name in _ends(graph, kept) if outputs is None else outputs:
        found.output.append(port_of(name, values[name]) if name in values else ValueInfoProto(name=name))
    proto = ModelProto(ir_version=model.proto.ir_version, opset_import=model.proto.opset_import, graph=found)
    proto.functions.extend(model.proto.functions)
    return Part(Model(proto, model.name, raw), feed)


def save(model: Model, path: Path) -> None:
    """Write a model as one file, or where it is too large for one with its weights beside it."""
    proto, weights = ModelProto(), model.proto.graph.initializer
    proto.CopyFrom(model.proto)
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(t for i, t in enumerate(weights) if i not in model.raw)
    save_onnx(Exported(proto, {weights[i].name: partial(model.initializer, i) for i in model.raw}), path)


def port_of(name: str, value: Array) -> ValueInfoProto:
    """An input or output of a value's type and shape."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)


def _with_constants(graph: GraphProto, nodes: Collection[int]) -> list[int]:
    """The nodes in order, and before them the Constant nodes that they read."""
    makers = {n.output[0]: i for i, n in enumerate(graph.node) if n.op_type == "Constant"}
    read = {name for i in nodes for name in needs(graph.node[i])}
    return sorted({*nodes, *(makers[name] for name in read if name in makers)})


def _ends(graph: GraphProto, kept: Sequence[int]) -> list[str]:
    read = {name for i in kept for name in needs(graph.node[i])}
    results = {output.name for output in graph.output}
    made = [name for i in kept if graph.node[i].op_type != "Constant" for name in graph.node[i].output if name]
    return [name for name in made if name not in read or name in results]


def needs(node: NodeProto) -> Iterator[str]:
    """The tensors that a node reads, those of its subgraphs' nodes from outside included."""
    yield from filter(None, node.input)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs) if attribute.type in _WITH_GRAPHS else ():
            inside = {t.name for t in graph.initializer} | {i.name for i in graph.input}
            inside |= {name for inner in graph.node for name in inner.output}
            yield from (name for inner in graph.node for name in needs(inner) if name not in inside)
            yield from (output.name for output in graph.output if output.name not in inside)


_WITH_GRAPHS = (AttributeProto.GRAPH, AttributeProto.GRAPHS)


def between(model: Model, inputs: Collection[str], outputs: Sequence[str]) -> list[int]:
    """The nodes that make these outputs from these inputs, and from the model's own inputs where a way leads past them.
    UsageError for a tensor that there is not."""
    graph = model.proto.graph
    makers = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    known = {*makers, *(i.name for i in graph.input), *(t.name for t in graph.initializer)}
    if unknown := [name for name in (*inputs, *outputs) if name not in known]:
        raise UsageError(f"no tensor {printable(unknown[0])!r} in the main graph", code="no-tensor")
    found: set[int] = set()
    open_ends = list(outputs)
    while open_ends:
        name = open_ends.pop()
        if name in inputs or (index := makers.get(name)) is None or index in found:
            continue
        found.add(index)
        open_ends.extend(needs(graph.node[index]))
    if not found:
        raise UsageError("no node makes these outputs from these inputs", code="no-tensor")
    return sorted(found)
