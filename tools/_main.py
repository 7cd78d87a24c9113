"""The dispatcher: a subcommand is a file of this folder with HELP, add_arguments(parser) and run(args)."""

import argparse
import ast
import difflib
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn, Protocol, cast

from .. import tools
from .._version import VERSION

USAGE = "usage: aic [--version] [--help] COMMAND ...\n\naic compiles neural networks to C.\n\ncommands:\n"


class Tool(Protocol):
    """What a subcommand's file defines."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the flags."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; returns the exit code."""
        ...


def names() -> list[str]:
    """The subcommands, sorted: the files of this folder that do not begin with `_`."""
    return sorted(i.name for i in pkgutil.iter_modules(tools.__path__) if not i.name.startswith("_"))


def summary(name: str) -> str:
    """The HELP of a subcommand, read from its text so that nothing is imported."""
    spec = find_spec(f"{tools.__name__}.{name}")
    if spec is None or spec.origin is None:
        return ""
    for statement in ast.parse(Path(spec.origin).read_text(encoding="utf8")).body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="HELP")], value=ast.Constant(value=str(text)))
                | ast.AnnAssign(target=ast.Name(id="HELP"), value=ast.Constant(value=str(text)))
            ):
                return text
            case _:
                pass
    return ""


class Parser(argparse.ArgumentParser):
    """argparse, whose complaint about an unknown flag names the nearest one."""

    def error(self, message: str) -> NoReturn:
        flags = [flag for action in self._actions for flag in action.option_strings]
        if message.startswith("unrecognized arguments:"):
            wrong = message.partition(": ")[2].split()[0].partition("=")[0]
            near = difflib.get_close_matches(wrong, flags, 1)
            message += f"; did you mean {near[0]}?" if near else ""
        super().error(message)


def dispatch(argv: Sequence[str]) -> int:
    """Run one command line; returns its exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        width = max(map(len, names()), default=0)
        print(USAGE + "\n".join(f"  {name:{width}}  {summary(name)}" for name in names()))
        return 0 if argv else 2
    if argv[0] == "--version":
        print(f"aic {VERSION}")
        return 0
    name, rest = argv[0].replace("-", "_"), argv[1:]
    if name not in names():
        near = difflib.get_close_matches(name, names(), 1)
        print(f"aic: no command {argv[0]!r}" + (f"; did you mean {near[0]}?" if near else ""), file=sys.stderr)
        return 2
    tool = cast(Tool, import_module(f"{tools.__name__}.{name}"))
    parser = Parser(prog=f"aic {argv[0]}", description=tool.HELP, allow_abbrev=False)
    tool.add_arguments(parser)
    try:
        args = parser.parse_args(rest)
    except SystemExit as stop:  # argparse leaves this way after --help and after a mistake
        return int(stop.code or 0)
    return tool.run(args)
