"""`aic npu validate FILE`: whether a machine file keeps the rules; exit 1 if not."""

import argparse
import json
from pathlib import Path

HELP = "check a machine file against the rules"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which file."""
    parser.add_argument("file", type=Path)


def run(args: argparse.Namespace) -> int:
    """Print all violations: key, value, rule."""
    from ...compiler.errors import printable
    from ...compiler.npu.machines import violations_of

    found = violations_of(args.file)
    if args.json:
        print(json.dumps({"schema": "aic.npu-validate/1", "file": str(args.file), "violations": found}, indent=2))
    else:
        for violation in found:
            print(printable(f"{violation['key']} = {violation['value']}: {violation['rule']}"))
        if not found and not args.quiet:
            print(printable(f"{args.file} is valid"))
    return 1 if found else 0
