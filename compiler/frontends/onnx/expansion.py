"""How many nodes a model has once its own functions are expanded; told before any of them is."""

from collections.abc import Iterable

from onnx import NodeProto

from ...errors import BudgetError
from .model import Model, domain_of

MAX_NODES = 200_000
"""Nodes, those of expanded functions and of subgraphs included, above which a model is refused."""


def check_expansion(model: Model) -> None:
    """BudgetError if there are too many."""
    known: dict[tuple[str, str, str], int] = {}

    def size(nodes: Iterable[NodeProto]) -> int:
        return sum(of_node(node) for node in nodes)

    def of_node(node: NodeProto) -> int:
        graphs = [g for a in node.attribute for g in (*a.graphs, *([a.g] if a.HasField("g") else []))]
        return 1 + of_function(node) + sum(size(graph.node) for graph in graphs)

    def of_function(node: NodeProto) -> int:
        key = (domain_of(node.domain), node.op_type, node.overload)
        if (function := model.functions.get(key)) is None:
            return 0
        if key not in known:
            known[key] = 0  # what calls itself is refused where it is met
            known[key] = size(function.node)
        return known[key]

    try:
        total = size(model.proto.graph.node)
    except RecursionError:  # nested so deep that the import refuses it
        return
    if total > MAX_NODES:
        raise BudgetError(f"the model has, or expands to, more than {MAX_NODES} nodes: limit", code="too-large")
