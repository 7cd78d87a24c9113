"""A module as a picture in Graphviz's language: the graph as a DAG, at the tensor level kernels with their launches.

    digraph "main" { n0 [label="x\n1x3x8x8xf32"]; n1 [label="conv\n/conv1"]; n0 -> n1; ... }

What has regions is a box round them. Names of the model are escaped: they cannot end a label.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import IsTerminator

from ..dialects._location import origins
from ..dialects.graph.weight import ConstantOp, WeightOp
from ..dialects.kernel import LaunchOp
from .errors import CompileError, printable

HIDDEN = (ConstantOp, WeightOp, arith.ConstantOp)
"""Known values: their readers are labelled without them."""
LONGEST = 60
"""Letters of a line of a label."""


def dot(module: ModuleOp) -> str:
    """The functions of a module that have a body; CompileError if there is none."""
    functions = [op for op in module.ops if isinstance(op, FuncOp) and op.body.blocks]
    if not functions:
        raise CompileError("no func.func with a body in the module", code="bad-ir")
    lines = [f"digraph {quoted(functions[0].sym_name.data)} {{", '  node [shape=box, fontname="sans-serif"];']
    writer = Writer()
    for function in functions:
        lines += writer.block(function.body.block, "  ")
    return "\n".join([*lines, "}", ""])


@dataclass
class Writer:
    """The nodes so far: by value the node that an edge from it begins at."""

    makers: dict[SSAValue, str] = field(default_factory=dict[SSAValue, str])
    numbers: Iterator[int] = field(default_factory=count)

    def node(self, indent: str, *label: str, shape: str = "") -> tuple[str, str]:
        """A new node: its name, and its line."""
        name, style = f"n{next(self.numbers)}", f", shape={shape}" if shape else ""
        return name, f"{indent}{name} [label={quoted(*(line for line in label if line))}{style}];"

    def block(self, block: Block, indent: str) -> list[str]:
        """The lines of a block: its arguments, its ops, edges to them."""
        lines: list[str] = []
        for arg in block.args:
            self.makers[arg], line = self.node(indent, arg.name_hint or "argument", str(arg.type), shape="ellipse")
            lines.append(line)
        for op in block.ops:
            if not isinstance(op, HIDDEN):
                lines += self.op(op, indent)
        return lines

    def op(self, op: Operation, indent: str) -> list[str]:
        """An op's node and the edges to it; round its regions a box."""
        kind = f"{op.name} @{op.kernel}" if isinstance(op, LaunchOp) else op.name.removeprefix("graph.")
        types = "" if op.has_trait(IsTerminator) else ", ".join(str(result.type) for result in op.results)
        name, line = self.node(indent, kind, ", ".join(origins(op.location)), types)
        lines = [line]
        for value in op.operands:
            if (maker := self.makers.get(value)) is not None:
                lines.append(f"{indent}{maker} -> {name};")
        if not op.name.startswith("linalg."):
            for region in op.regions:
                for inner in region.blocks:
                    lines.append(f"{indent}subgraph cluster_{next(self.numbers)} {{ label={quoted(kind)};")
                    lines += [*self.block(inner, f"{indent}  "), f"{indent}}}"]
        self.makers.update(dict.fromkeys(op.results, name))
        return lines


def quoted(*lines: str) -> str:
    """A quoted string of the language; control characters are told, not sent."""
    shown = [printable(line)[:LONGEST].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for line in lines]
    return '"' + "\\n".join(shown) + '"'
