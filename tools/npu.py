"""`aic npu COMMAND`: machines, assembly and programs of the NPU; a command is a file of `_npu/`."""

import argparse
import pkgutil
from importlib import import_module
from typing import cast

from . import _npu
from ._main import Tool, add_common

HELP = "machines, assembly and programs of the NPU"


def names() -> list[str]:
    """The commands, sorted: the files of `_npu/` that do not begin with `_`."""
    return sorted(i.name for i in pkgutil.iter_modules(_npu.__path__) if not i.name.startswith("_"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A parser for each command; the flags of all commands may stand after it too."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in names():
        tool = cast(Tool, import_module(f"{_npu.__name__}.{name}"))
        inner = commands.add_parser(
            name, help=tool.HELP, description=tool.HELP, allow_abbrev=False, conflict_handler="resolve"
        )
        add_common(inner, again=True)
        tool.add_arguments(inner)
        inner.set_defaults(run=tool.run)


def run(args: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    return args.run(args)
