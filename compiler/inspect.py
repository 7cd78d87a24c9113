"""What is in a model: its ports, ops, weights, shapes and arithmetic; in an artifact, what its manifest says."""

from collections import Counter
from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import ModuleOp, NameLoc
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from ..dialects._shape import shape
from ..dialects.graph._base import Fusion, GraphOp
from ..dialects.graph.weight import ConstantOp, WeightOp
from .context import context
from .driver import Options, garbage_later
from .frontends.onnx.importer import import_model
from .frontends.onnx.model import Model, nodes_of
from .frontends.onnx.report import type_text
from .frontends.onnx.tensors import type_name


@dataclass(frozen=True)
class WeightRow:
    """An initializer."""

    name: str
    type: str
    shape: tuple[int, ...]
    bytes: int


@dataclass(frozen=True)
class OpRow:
    """An op of the imported graph: the node it comes from, its result types, its floating-point operations."""

    node: str
    op: str
    result: str
    flops: int


def op_counts(model: Model) -> Counter[str]:
    """Nodes by op type, subgraphs included."""
    return Counter(node.op_type for node in nodes_of(model.proto.graph))


def weight_rows(model: Model) -> list[WeightRow]:
    """The initializers, the largest first; nothing is read but their declarations."""
    rows: list[WeightRow] = []
    for index, tensor in enumerate(model.proto.graph.initializer):
        value = model.initializer(index)
        rows.append(WeightRow(tensor.name, type_name(tensor.data_type), value.shape, value.nbytes))
    return sorted(rows, key=lambda row: (-row.bytes, row.name))


def imported(model: Model, options: Options) -> FuncOp:
    """@main of the model at the graph level, before any pass."""
    with garbage_later():
        module = import_model(model, context(), dims=options.dims, shapes=options.shapes, values=options.values)
    return main_of(module)


def main_of(module: ModuleOp) -> FuncOp:
    """The function @main."""
    return next(op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main")


def op_rows(main: FuncOp) -> list[OpRow]:
    """The ops of an imported graph, in order, constants left out."""
    return [
        OpRow(node_of(op), op.name.removeprefix("graph."), " ".join(type_text(r) for r in op.results), flops(op))
        for op in main.body.walk()
        if isinstance(op, GraphOp) and not isinstance(op, ConstantOp | WeightOp)
    ]


def node_of(op: Operation) -> str:
    """The ONNX node that an op comes from, "" if it comes from none."""
    return op.location.desc.data if isinstance(op.location, NameLoc) else ""


def flops(op: GraphOp) -> int:
    """Multiplications and additions of a contraction; of other ops that compute, one for each element read or made."""
    results = sum(prod(shape(result)) for result in op.results)
    match op.fusion:
        case Fusion.INJECTIVE:
            return 0
        case Fusion.CONTRACTION if len(op.operands) > 1:
            return 2 * results * _terms(op)
        case _:
            return max([results, *(prod(shape(operand)) for operand in op.operands)])


def _terms(op: GraphOp) -> int:
    """How many products are summed for one element: of a product of matrices its inner dimension, of a convolution the
    window times the channels of a group."""
    left, right = shape(op.operands[0]), shape(op.operands[1])
    made = shape(op.results[0])
    if "conv" in op.name:
        whole = prod(right[1:])
        return whole if "transpose" not in op.name else max(1, prod(left) * prod(right[1:]) // max(1, prod(made)))
    squares = prod(left) * prod(right) // max(1, prod(made))
    batch = prod(made[:-2]) if len(made) > 2 else 1
    return max(1, round((squares / (batch if len(right) > 2 else 1)) ** 0.5))
