"""The names that the nodes of a graph or a function body see, and what stands for them in the IR."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from onnx import AttributeProto, GraphProto, NodeProto
from xdsl.dialects.builtin import LocationAttr
from xdsl.ir import SSAValue

from ...errors import CompileError
from .names import printable

MAX_NESTING = 64


class Lost(Exception):
    """The value hangs on a node that cannot be imported; the node that wants it is skipped."""


@dataclass
class Scope:
    """One graph's names. `label` goes before its nodes' names; `origin` is the location of the node whose body this is,
    `owner` that node; `bound` holds the attributes of the function call, None outside of functions."""

    opsets: Mapping[str, int]
    parent: "Scope | None" = None
    label: str = ""
    origin: LocationAttr | None = None
    owner: NodeProto | None = None
    bound: Mapping[str, AttributeProto] | None = None
    calls: tuple[tuple[str, str, str], ...] = ()
    depth: int = 0
    values: dict[str, SSAValue | None] = field(default_factory=dict[str, SSAValue | None])
    initializers: dict[str, Callable[[], SSAValue]] = field(default_factory=dict[str, Callable[[], SSAValue]])
    lost: set[str] = field(default_factory=set[str])
    later: set[str] = field(default_factory=set[str])

    def inner(self, graph: GraphProto, label: str) -> "Scope":
        """The scope of a subgraph; it sees what this one sees. CompileError if it is nested too deep."""
        return replace(self._deeper(), parent=self, label=label, later={o for n in graph.node for o in n.output})

    def _deeper(self) -> "Scope":
        if self.depth >= MAX_NESTING:
            raise CompileError(f"subgraphs and functions are nested deeper than {MAX_NESTING}", code="too-deep")
        return replace(self, depth=self.depth + 1, values={}, initializers={}, lost=set(), later=set())

    def called(
        self, key: tuple[str, str, str], opsets: Mapping[str, int], bound: Mapping[str, AttributeProto]
    ) -> "Scope":
        """The scope of a function's body, called from here; it sees its arguments only.
        CompileError if the function calls itself."""
        if key in self.calls:
            raise CompileError(f"function {printable(key[1])} calls itself: recursive", code="recursive-function")
        return replace(self._deeper(), parent=None, opsets=opsets, bound=bound, calls=(*self.calls, key))

    def lookup(self, name: str) -> SSAValue | None:
        """What stands for a name, None for an absent optional argument of a function. Lost if its node was refused,
        CompileError if nobody defines it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            if name in scope.lost:
                raise Lost(name)
            if (make := scope.initializers.get(name)) is not None:
                return scope.values.setdefault(name, make())
            if name in scope.later:
                raise CompileError(
                    f"{printable(name)!r} is used before it is defined: a cycle, or nodes not in topological order",
                    code="bad-order",
                )
            scope = scope.parent
        raise CompileError(f"{printable(name)!r} is undefined: nothing defines it", code="undefined-name")

    def attributes_of(self, proto: NodeProto) -> dict[str, AttributeProto]:
        """A node's attributes by name, references to attributes of the function call resolved or left out."""
        found: dict[str, AttributeProto] = {}
        for attribute in proto.attribute:
            if attribute.name in found:
                raise CompileError(f"attribute {printable(attribute.name)} is given twice", code="bad-node")
            if not attribute.ref_attr_name:
                found[attribute.name] = attribute
            elif self.bound is None:
                raise CompileError(
                    f"attribute {printable(attribute.name)} refers to a function's attribute outside of a function",
                    code="bad-node",
                )
            elif (given := self.bound.get(attribute.ref_attr_name)) is not None:
                found[attribute.name] = given
        return found
