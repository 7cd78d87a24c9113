"""The one tree of exceptions: each names what failed, where, and what to do, and has an exit code."""

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
