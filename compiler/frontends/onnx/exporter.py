"""From the graph level back to ONNX: `func.func @main` of graph ops becomes a model that any runtime takes.

%w = graph.weight @w0 : tensor<768x3072xf32>     -->   initializer w0 (768 x 3072)
%0 = graph.matmul %x, %w : ...   loc("/l0/mm")         MatMul "/l0/mm" (x, w0)

Names of inputs and outputs are kept; shapes are those of the IR. The opset is the lowest from 18 on at which every node
is what was meant.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TypeProto, defs, helper
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr, TensorType
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from ...._version import VERSION
from ....dialects._shape import Array
from ....dialects.graph.weight import AicContext
from ... import errors
from ...errors import CompileError, UnsupportedOpError
from . import schema
from .combine import combined
from .export_registry import NoExport
from .names import printable
from .report import type_text
from .tensors import type_name
from .writer import Writer, type_proto, value_info

OLDEST = 18
"""The opset from which on axes are inputs everywhere: no form older than this is written."""


@dataclass(frozen=True)
class Exported:
    """A model without the data of its initializers, and what gives that data by name, in the order to be written."""

    model: ModelProto
    tensors: Mapping[str, Callable[[], Array]]
    types: Mapping[str, TypeProto] = field(default_factory=dict[str, TypeProto])
    """The types of the values by name, as far as they are known."""


def export_onnx(
    ctx: AicContext, module: ModuleOp, *, name: str = "model", opset: int = OLDEST, combine: bool = True
) -> Exported:
    """The module's @main as ONNX, at `opset` or the lowest above it that can say it. `combine` puts together what one
    ONNX op says and several graph ops do (Split, Clip, Gather of one index).

    UnsupportedOpError names every op that ONNX cannot say; CompileError if there is no @main at the graph level.
    """
    main = next((op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main"), None)
    if main is None or not main.body.blocks:
        raise CompileError("no func.func @main with a body in the module", code="bad-ir")
    writer = Writer(ctx.weights, least=max(opset, OLDEST))
    graph = _main(writer, main, name)
    if combine:
        combined(graph, writer)
    version = _opset(graph, writer.types, writer.least)
    used = {value for node in _nodes(graph) for value in node.input}
    model = helper.make_model(graph, producer_name="aic", producer_version=VERSION)
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", version))
    model.ir_version = helper.find_min_ir_version_for(list(model.opset_import), ignore_unknown=True)
    return Exported(model, {name: fetch for name, fetch in writer.tensors.items() if name in used}, writer.types)


def _main(w: Writer, main: FuncOp, name: str) -> GraphProto:
    block = main.body.block
    last = block.last_op
    results = list(last.operands) if last is not None else []
    arguments = _names(main, "arg_names", "arg", len(block.args))
    wanted = _names(main, "res_names", "res", len(results))
    for text in dict.fromkeys((*arguments, *wanted)):
        w.reserve(text)
    for argument, text in zip(block.args, arguments, strict=True):
        w.bind(argument, text)
    for value, text in zip(results, wanted, strict=True):
        if (
            isinstance(value.type, TensorType)
            and isinstance(value.owner, Operation)
            and value.owner.operands
            and not w.bound(value)
        ):
            w.bind(value, text)
    refused = _written(w, [op for op in block.ops if op is not last])
    if refused:
        raise UnsupportedOpError(f"{len(refused)} ops cannot be said in ONNX", code="no-export", nodes=refused)
    for value, text in zip(results, wanted, strict=True):
        w.copy(value, text)
    inputs = [value_info(text, type_proto(a)) for text, a in zip(arguments, block.args, strict=True)]
    outputs = [value_info(text, type_proto(v)) for text, v in zip(wanted, results, strict=True)]
    return helper.make_graph(w.nodes, name, inputs, outputs)


def _names(main: FuncOp, attribute: str, stem: str, count: int) -> list[str]:
    found = main.attributes.get(attribute)
    names = [n.data for n in found if isinstance(n, StringAttr)] if isinstance(found, ArrayAttr) else []
    return names if len(names) == count else [f"{stem}{i}" for i in range(count)]


def _written(w: Writer, ops: Sequence[Operation]) -> list[errors.Node]:
    """Write ops; those that cannot be are told, once each, and not what hangs on them."""
    refused: dict[str, errors.Node] = {}
    for op in ops:
        try:
            w.guarded(op)
        except NoExport as error:
            at = error.op or op
            entry = errors.Node(printable(w.label(at)), at.name, inputs=_typed(at.operands), reason=str(error))
            refused.setdefault(f"{entry.name} {entry.op} {entry.reason}", entry)
            for index, type in enumerate(op.result_types):
                if isinstance(type, TensorType):
                    w.result(op, index)
    return list(refused.values())


def _typed(values: Sequence[SSAValue]) -> str:
    return "  ".join(type_text(v) for v in values)


def _nodes(graph: GraphProto) -> list[NodeProto]:
    """The nodes of a graph and its subgraphs; what subgraphs give out counts as read by a node without a type."""
    found: list[NodeProto] = []
    for node in graph.node:
        found.append(node)
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                found += _nodes(attribute.g)
    return found


def _opset(graph: GraphProto, types: Mapping[str, TypeProto], least: int) -> int:
    """The lowest opset from `least` on at which each node has the attributes and types that it was given."""
    nodes = [node for node in _nodes(graph) if not node.domain]
    complaint: tuple[NodeProto, str] | None = None
    for version in range(least, defs.onnx_opset_version() + 1):
        complaint = next(((n, why) for n in nodes if (why := _misfit(n, types, version)) is not None), None)
        if complaint is None:
            return version
    assert complaint is not None
    node, why = complaint
    entry = errors.Node(printable(node.name), f"{node.op_type} (ai.onnx)", reason=why)
    raise UnsupportedOpError("1 op cannot be said in ONNX", code="no-export", nodes=[entry])


def _misfit(node: NodeProto, types: Mapping[str, TypeProto], version: int) -> str | None:
    """Why a node is not what an opset knows; None if it is."""
    if (known := schema.schema("", node.op_type, version)) is None:
        return f"there is no such op up to opset {version}"
    if unknown := [a.name for a in node.attribute if a.name not in known.attributes]:
        return f"there is no attribute {unknown[0]} up to opset {version}"
    kinds = tuple(type_name(types[i].tensor_type.elem_type) if i else None for i in node.input)
    try:
        schema.check_node(node, known, kinds)
    except CompileError as error:
        return error.message
    return None
