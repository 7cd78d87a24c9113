"""The dispatcher: a subcommand is a file of this folder with HELP, add_arguments(parser) and run(args)."""

import argparse
import ast
import difflib
import pkgutil
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn, Protocol, cast

from .. import tools
from .._version import VERSION
from ._guard import guarded

USAGE = """usage: aic [--version] [--help] COMMAND ...

aic compiles neural networks, to C, to Triton kernels for GPUs, and for a systolic NPU.

commands:
"""


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
    """argparse, whose complaint about an unknown flag names the nearest one, and whose flags with an optional value
    take it after `=` alone: in `--stats F` the F is the next argument."""

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]  its overloads differ in the default only
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse's."""
        bare = {f: a.const for a in self._actions if a.nargs == "?" for f in a.option_strings if f.startswith("--")}
        given = [f"{word}={bare[word]}" if word in bare else word for word in (sys.argv[1:] if args is None else args)]
        return super().parse_known_args(given, argparse.Namespace() if namespace is None else namespace)

    def error(self, message: str) -> NoReturn:
        flags = [flag for action in self._actions for flag in action.option_strings]
        if message.startswith("unrecognized arguments:"):
            wrong = message.partition(": ")[2].split()[0].partition("=")[0]
            near = [f for f in flags if len(wrong) > 3 and f.startswith(wrong)]
            near = near or difflib.get_close_matches(wrong, flags, 1)
            message += f"; did you mean {near[0]}?" if near else ""
        super().error(message)


def dispatch(argv: Sequence[str]) -> int:
    """Run one command line; returns its exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        width = max(map(len, names()), default=0)
        print(USAGE + "\n".join(f"  {name:{width}}  {summary(name)}" for name in names()))
        return 0 if argv else 2
    if argv[0] == "--version":
        as_json = f'{{"schema": "aic.version/1", "version": "{VERSION}"}}'
        print(as_json if "--json" in argv else f"aic {VERSION}")
        return 0
    name = argv[0].replace("-", "_")
    if name not in names():
        near = difflib.get_close_matches(name, names(), 1)
        print(f"aic: no command {argv[0]!r}" + (f"; did you mean {near[0]}?" if near else ""), file=sys.stderr)
        return 2
    return guarded(argv, lambda: _run(name, argv))


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of a subcommand: the flags that all share, then its own, which win where the two collide."""
    tool = cast(Tool, import_module(f"{tools.__name__}.{name}"))
    parser = Parser(
        prog=f"aic {name.replace('_', '-')}", description=tool.HELP, allow_abbrev=False, conflict_handler="resolve"
    )
    add_common(parser)
    tool.add_arguments(parser)
    return parser


def add_common(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """The flags that all commands share; `again` after a second word, where an absent one leaves what there is."""
    common = parser.add_argument_group("all commands")
    flags = (
        common.add_argument("--json", action="store_true", help="one JSON document on stdout"),
        common.add_argument("-v", "--verbose", action="count", default=0, help="tell more; twice: tracebacks too"),
        common.add_argument("-q", "--quiet", action="store_true", help="tell errors only"),
        common.add_argument("--color", choices=("auto", "always", "never"), default="auto"),
        common.add_argument("--log-file", metavar="FILE", help="write the log there"),
        common.add_argument("--config", metavar="FILE", help="read settings from there instead of ./aic.toml"),
        common.add_argument("--no-crash-dump", action="store_true", help="no directory for a fault of aic's own"),
    )
    for flag in flags:
        flag.default = argparse.SUPPRESS if again else flag.default


def _run(name: str, argv: Sequence[str]) -> int:
    from ..compiler.knobs import FLAGS, configure
    from ..compiler.logs import start_logging

    tool = cast(Tool, import_module(f"{tools.__name__}.{name}"))
    try:
        args = parser_of(name).parse_args([*shlex.split(FLAGS.get()), *argv[1:]])
    except SystemExit as stop:  # argparse leaves this way after --help and after a mistake
        return int(stop.code or 0)
    if args.config is not None:
        configure(Path(args.config))
    start_logging(0 if args.quiet else 1 + args.verbose, args.log_file)
    if files := vars(args).get("plugin"):
        _load_plugins(files)
    return tool.run(args)


def _load_plugins(files: Sequence[Path]) -> None:
    """Let pipelines name the passes of --plugin."""
    from ..compiler.pass_api import load_plugin

    for file in files:
        load_plugin(file)
