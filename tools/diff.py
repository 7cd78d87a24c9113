"""`aic diff A B`: what two models, two IR texts or two artifacts differ in."""

import argparse
import json
from pathlib import Path

from ..compiler.errors import printable

HELP = "tell what two models, IR texts or artifacts differ in"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two."""
    parser.add_argument("before", metavar="A", type=Path, help="an ONNX file, IR text (.mlir), or an artifact's folder")
    parser.add_argument("after", metavar="B", type=Path, help="another of the same kind")
    parser.add_argument("--exit-code", action="store_true", help="exit 4 if there is a difference")


def run(args: argparse.Namespace) -> int:
    """A line for each difference: + only in B, - only in A, ~ in both and not equal."""
    from ..compiler.model_diff import compared

    found = compared(args.before, args.after)
    if args.json:
        changed = [{"name": name, "what": what} for name, what in found.changed]
        document = {"schema": "aic.diff/1", "kind": found.kind, "equal": found.equal, "added": list(found.added)}
        document |= {"removed": list(found.removed), "changed": changed, "lines": list(found.lines)}
        print(json.dumps(document, indent=2))
    elif found.equal:
        print("no difference")
    else:
        lines = [f"- {name}" for name in found.removed] + [f"+ {name}" for name in found.added]
        lines += [f"~ {name}: {what}" for name, what in found.changed]
        print(printable("\n".join([*lines, *found.lines])))
    return 4 if args.exit_code and not found.equal else 0
