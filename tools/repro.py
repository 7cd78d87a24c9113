"""`aic repro DIR`: replays a crash directory, and tells whether the fault is still there."""

import argparse
import json
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path

from ..compiler.errors import printable

HELP = "replay a crash directory"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The directory."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="aic-crash-*, as a fault of aic's own leaves it")
    parser.add_argument("--seed", type=int, default=0, help="of the random weights")
    parser.add_argument("--plugin", metavar="F.py", action="append", default=[], type=Path, help="passes of this file")


def run(args: argparse.Namespace) -> int:
    """Run its passes on its IR, or its command; exit 1 if it fails again."""
    from ..compiler.crash import read_crash, replay

    crash = read_crash(args.folder)
    _say(args, f"{crash.pipeline or shlex.join(['aic', *crash.command])} on what {args.folder} holds")
    why = replay(crash, args.seed) if crash.before is not None else _again(args, crash.command)
    if args.json:
        print(json.dumps({"schema": "aic.repro/1", "fails": bool(why), "why": why}, indent=2))
    else:
        print(printable(f"still fails: {why}" if why else "runs to its end"))
    return 1 if why else 0


def _again(args: argparse.Namespace, command: list[str]) -> str:
    """Nothing was kept of the IR: the whole command, whose product goes to stderr, and no other directory."""
    from ._main import dispatch

    _say(args, "no IR was kept")
    with redirect_stdout(sys.stderr):
        code = dispatch([*command, "--no-crash-dump"])
    return f"exit {code}" if code else ""


def _say(args: argparse.Namespace, text: str) -> None:
    if not args.quiet:
        print(printable(text), file=sys.stderr)
