"""`aic npu init FILE`: a machine of one's own, begun as a copy of a preset."""

import argparse
import json
from pathlib import Path

HELP = "write a new machine file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and from what."""
    parser.add_argument("file", type=Path, help="the new file")
    parser.add_argument("--preset", default="edge", metavar="NAME", help="what it is a copy of (edge)")


def run(args: argparse.Namespace) -> int:
    """Write it."""
    from ...compiler.errors import printable
    from ...compiler.npu.machines import copy_preset

    copy_preset(args.preset, args.file)
    if args.json:
        print(json.dumps({"schema": "aic.npu-init/1", "file": str(args.file), "preset": args.preset}, indent=2))
    elif not args.quiet:
        print(printable(f"{args.file}: a copy of {args.preset}; edit it, then: aic npu validate {args.file}"))
    return 0
