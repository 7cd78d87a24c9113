"""Exporters of graph ops: functions in `exports/<family>.py` that write one op as ONNX nodes, found as they are there.

@exports(SoftmaxOp)
def softmax(w: Writer, op: SoftmaxOp) -> None:
    w.node("Softmax", op, op.input, axis=op.axis.value.data)
"""

import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from xdsl.ir import Operation

from . import exports as families

if TYPE_CHECKING:
    from .writer import Writer

T = TypeVar("T", bound=Operation)
Exporter = Callable[["Writer", Any], None]

_EXPORTERS: dict[type[Operation], Exporter] = {}


class NoExport(Exception):
    """ONNX cannot say this op, or not with these types or properties; the text is the reason."""

    op: Operation | None = None


def exports(*ops: type[T]) -> Callable[[Callable[["Writer", T], None]], Callable[["Writer", T], None]]:
    """Register the decorated function as the exporter of these ops; ValueError if one has an exporter already."""

    def register(function: Callable[["Writer", T], None]) -> Callable[["Writer", T], None]:
        for op in ops:
            if (found := _EXPORTERS.setdefault(op, function)) is not function:
                raise ValueError(f"{op.name}: exporters in both {found.__module__} and {function.__module__}")
        return function

    return register


@cache
def exporters() -> Mapping[type[Operation], Exporter]:
    """All exporters by op."""
    for info in pkgutil.iter_modules(families.__path__, f"{families.__name__}."):
        if not info.name.rpartition(".")[2].startswith("_"):
            import_module(info.name)
    return _EXPORTERS
