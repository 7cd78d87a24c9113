"""`aic npu show MACHINE`: a machine's file, and what follows from it."""

import argparse
import json

from ...compiler.errors import printable

HELP = "print a machine with derived quantities"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which one."""
    parser.add_argument("machine", metavar="MACHINE[,KEY=VALUE]", help="a preset or a file, with keys replaced")


def run(args: argparse.Namespace) -> int:
    """Print its text with the derived quantities as comments, so that it is a machine file still."""
    from ...compiler.npu.machines import describe, named

    machine = named(args.machine)
    told = describe(machine)
    if args.json:
        print(json.dumps({"schema": "aic.npu-machine/1", "text": machine.text, **told}, indent=2))
        return 0
    print(printable(machine.text.rstrip()))
    print("\n# derived")
    for key, value in told.items():
        shown = ", ".join(f"{k} {v:g}" for k, v in value.items()) if isinstance(value, dict) else value
        print(printable(f"# {key:20} {shown}"))
    return 0
