"""The one tree of exceptions: each names what failed, where, and what to do, and has an exit code.

error[unsupported-op]: 1 of 412 nodes cannot be compiled   (det.onnx, opset 20)

  /neck/up2  Resize (ai.onnx 19)
    attributes  mode="cubic"
    reason      only nearest and linear have a lowering
    do          re-export with mode="linear"

1 unsupported (Resize 1); nothing was written.   exit 3
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Node:
    """One node of a model that an error is about."""

    name: str
    op: str = ""
    attributes: str = ""
    inputs: str = ""
    reason: str = ""
    do: str = ""


class AicError(Exception):
    """Any failure that is the user's to mend. `code` is a stable slug, `exit_code` the process's."""

    code: str = "error"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        loc: str | None = None,
        nodes: Sequence[Node] = (),
        suggestion: str | None = None,
    ):
        super().__init__(message)
        self.code = code or type(self).code
        self.loc = loc
        self.nodes = tuple(nodes)
        self.suggestion = suggestion

    @property
    def message(self) -> str:
        """What happened, in one line."""
        return str(self.args[0])

    def to_json(self) -> dict[str, object]:
        """The document `aic.error/1`."""
        return {
            "schema": "aic.error/1",
            "code": self.code,
            "message": self.message,
            "loc": self.loc,
            "nodes": [asdict(node) for node in self.nodes],
            "suggestion": self.suggestion,
            "notes": list(getattr(self, "__notes__", ())),
            "exit": self.exit_code,
        }


class CompileError(AicError):
    """The model or its IR cannot be compiled."""

    code = "compile"


class ShapeError(CompileError):
    """Shapes do not fit together, or are not known."""

    code = "shape"


class VerifyError(CompileError):
    """The IR breaks a rule of its dialect, or of SSA."""

    code = "verify"


class BudgetError(CompileError):
    """More memory, size or time is required than was allowed."""

    code = "budget"


class UsageError(AicError):
    """The command line or the call is wrong."""

    code = "usage"
    exit_code = 2


class UnsupportedOpError(AicError):
    """Nodes that cannot be compiled; `nodes` holds all of them."""

    code = "unsupported-op"
    exit_code = 3


class MismatchError(AicError):
    """The results differ from the reference; `first_bad` names the first place, `table` holds all."""

    code = "mismatch"
    exit_code = 4

    def __init__(self, message: str, *, first_bad: str | None = None, table: Sequence[object] = ()):
        super().__init__(message, loc=first_bad)
        self.first_bad = first_bad
        self.table = tuple(table)


class RegressionError(AicError):
    """Slower than the baseline."""

    code = "regression"
    exit_code = 5


class MissingToolError(AicError):
    """A tool or an optional package is not installed."""

    code = "missing-tool"
    exit_code = 6


class TimeLimitError(AicError):
    """The time limit was reached."""

    code = "time-limit"
    exit_code = 124


class InterpretError(CompileError):
    """The IR did what it may not: a read outside a buffer, a result of another type, an op without meaning."""

    code = "interpret"


def printable(text: str) -> str:
    """The text with control characters, but for line ends, escaped: what a model names may not steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def render(error: AicError, *, color: bool = False) -> str:
    """The error as text for a person, several lines, the last one with the exit code."""
    head = f"error[{error.code}]"
    red, plain = ("\x1b[1;31m", "\x1b[0m") if color else ("", "")
    lines = [f"{red}{head}{plain}: {printable(error.message)}"]
    lines += [f"  at          {printable(error.loc)}"] if error.loc else []
    lines += [f"  note        {printable(note)}" for note in getattr(error, "__notes__", ())]
    lines += [f"  do          {printable(error.suggestion)}"] if error.suggestion else []
    for node in error.nodes:
        lines += ["", f"  {printable(node.name)}  {printable(node.op)}"]
        facts = {"attributes": node.attributes, "inputs": node.inputs, "reason": node.reason, "do": node.do}
        lines += [f"    {name:10}  {printable(fact)}" for name, fact in facts.items() if fact]
    if isinstance(error, UnsupportedOpError) and error.nodes:
        counts = Counter(node.op.split(" ")[0] for node in error.nodes)
        told = ", ".join(f"{printable(op)} {n}" for op, n in counts.items())
        lines += ["", f"{len(error.nodes)} unsupported ({told}); nothing was written.   exit {error.exit_code}"]
    return "\n".join(lines)
