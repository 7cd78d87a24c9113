"""Other people's exceptions as ours: what a user's input makes xDSL, Python or the system raise."""

import sys
from typing import Any

from .errors import AicError, BudgetError, CompileError, UsageError, VerifyError

REFUSALS = f"{__name__.rsplit('.', 2)[0]}.dialects._refusal"
"""The module of what passes refuse; as xDSL's, it is not loaded if nobody has raised of it."""
WIDTH = 120
"""Columns of a source line that a message shows."""


def translated(error: BaseException) -> AicError | None:
    """The AicError that says the same; None if the exception is a fault of ours."""
    match error:
        case AicError():
            return error
        case RecursionError():
            return CompileError("the input is nested too deeply", code="nesting")
        case MemoryError():
            return BudgetError("out of memory: the input needs more than there is", code="memory")
        case UnicodeDecodeError():
            found = error.object[error.start]
            return CompileError(f"invalid UTF-8: cannot decode byte {found:#04x} at {error.start}", code="encoding")
        case FileNotFoundError() | IsADirectoryError() | NotADirectoryError() | PermissionError():
            return UsageError(f"{error.filename}: {error.strerror}", code="no-file")
        case OSError():
            return UsageError(f"{error.filename or 'input/output'}: {error.strerror or error}", code="io")
        case _:
            return _of_xdsl(error)


def _of_xdsl(error: BaseException) -> AicError | None:
    """Told apart without importing xDSL: if it is not loaded, it has raised nothing."""
    if (theirs := sys.modules.get("xdsl.utils.exceptions")) is None:
        return None
    if isinstance(error, theirs.ParseError):
        return with_notes(CompileError(_parse_text(error), code="parse"), error)
    if isinstance(error, theirs.VerifyException):
        return with_notes(VerifyError(str(error)), error)
    if (ours := sys.modules.get(REFUSALS)) is not None and isinstance(error, ours.Refused):
        return with_notes(_refused(error), error)
    if isinstance(error, theirs.DiagnosticException):
        return with_notes(CompileError(str(error)), error)
    if isinstance(error, theirs.UnregisteredConstructException):
        return CompileError(f"not registered: {error}", code="parse")
    return None


def _refused(error: Any) -> AicError:
    return CompileError(str(error), code="refused", loc=error.at or None, suggestion=error.do or None)


def with_notes(made: AicError, error: BaseException) -> AicError:
    """`made` with the notes of `error`."""
    for note in getattr(error, "__notes__", ()):
        made.add_note(note)
    return made


def _parse_text(error: Any) -> str:
    """Position and message on one line, then the source line with its caret, cut to a readable width."""
    span = error.span
    text = span.input.content
    start = span.input.get_start_of_line(span.start)
    end = span.input.get_end_of_line(max(span.start, span.end - 1))
    first = max(start, span.start - 60)
    line = text[first : min(end, first + WIDTH)]
    shown = (line.decode("utf8", "replace") if isinstance(line, bytes) else line).partition("\n")[0]
    marks = max(1, min(span.end - span.start, len(shown) - (span.start - first)))
    told = _cut(" ".join(error.msg.split()), 3 * WIDTH)
    told += ", at the end of the input" if span.start >= len(text) else ""
    return f"{span.get_location()}: {told}\n  {shown}\n  {' ' * (span.start - first)}{'^' * marks}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
