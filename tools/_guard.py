"""What becomes of an exception at the command line: a message for the reader and an exit code, no traceback."""

import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from itertools import pairwise

INTERNAL, INTERRUPTED = 70, 130


def guarded(argv: Sequence[str], run: Callable[[], int]) -> int:
    """The exit code of `run`; whatever it raises is told on stderr, and with --json also on stdout."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = run()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("aic: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough; point stdout elsewhere so that the exit does not complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _tell(error, argv)


def _tell(error: Exception, argv: Sequence[str]) -> int:
    from ..compiler.errors import render
    from ..compiler.foreign import translated

    told = translated(error)
    if told is None:
        return _own_fault(error, argv)
    if "-vv" in argv:
        traceback.print_exception(error)
    print(render(told, color=_color(argv)), file=sys.stderr)
    if "--json" in argv:
        print(json.dumps(told.to_json(), indent=2))
    return told.exit_code


def _color(argv: Sequence[str]) -> bool:
    from ..compiler.knobs import FORCE_COLOR, NO_COLOR

    match [value for flag, value in pairwise(argv) if flag == "--color"]:
        case [*_, "always"]:
            return True
        case [*_, "never"]:
            return False
        case _:
            return FORCE_COLOR.get() or (sys.stderr.isatty() and not NO_COLOR.get())


def _own_fault(error: Exception, argv: Sequence[str]) -> int:
    from ..compiler.crash import write_crash
    from ..compiler.errors import printable

    print(f"internal error: {printable(f'{type(error).__name__}: {error}')}", file=sys.stderr)
    if "-vv" in argv or "--no-crash-dump" in argv:
        traceback.print_exception(error)
    if "--no-crash-dump" not in argv:
        print(f"this is a fault of aic; {write_crash(error, argv)} holds what it takes to replay it", file=sys.stderr)
    return INTERNAL
