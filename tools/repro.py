"""`aic repro DIR`: replays a crash directory, and tells whether the fault is still there."""

import argparse
import sys
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
    if crash.before is None:
        return _again(crash.command)
    if not args.quiet:
        print(printable(f"{crash.pipeline} on {args.folder / 'before.mlir'}"), file=sys.stderr)
    if why := replay(crash, args.seed):
        print(printable(f"still fails: {why}"))
        return 1
    print("runs to its end")
    return 0


def _again(command: list[str]) -> int:
    """Nothing was kept of the IR: the whole command, without another directory."""
    from ._main import dispatch

    print(f"no IR was kept; running aic {' '.join(command)}", file=sys.stderr)
    code = dispatch([*command, "--no-crash-dump"])
    print("runs to its end" if code == 0 else f"still fails: exit {code}")
    return 0 if code == 0 else 1
