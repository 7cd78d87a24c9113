"""Importers of ONNX ops: a function in `ops/<family>.py` that turns one node into graph ops, found because it is there.

@onnx_op("Softmax")
def softmax(n: Node) -> SSAValue:
    return n.emit(SoftmaxOp, n.input(0), axis=n.int("axis", -1))
"""

import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from xdsl.ir import SSAValue

from . import ops

if TYPE_CHECKING:
    from .node import Node

Results = SSAValue | Sequence[SSAValue | None]
Importer = Callable[["Node"], Results]

_IMPORTERS: dict[tuple[str, str], Importer] = {}


def onnx_op(*names: str, domain: str = "") -> Callable[[Importer], Importer]:
    """Register the decorated function as the importer of these op types; ValueError if one has an importer already.

    It returns the node's outputs, one value or one per output; None stands for an output that nobody names.
    """

    def register(function: Importer) -> Importer:
        for name in names:
            if (found := _IMPORTERS.setdefault((domain, name), function)) is not function:
                raise ValueError(f"{name}: importers in both {found.__module__} and {function.__module__}")
        return function

    return register


@cache
def importers() -> dict[tuple[str, str], Importer]:
    """All importers by (domain, op type); `ai.onnx` is the domain ''."""
    for info in pkgutil.iter_modules(ops.__path__, f"{ops.__name__}."):
        if not info.name.rpartition(".")[2].startswith("_"):
            import_module(info.name)
    return _IMPORTERS
