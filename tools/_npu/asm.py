"""`aic npu asm FILE -o OUT.npux`: assembly to a container."""

import argparse
import json
from pathlib import Path

HELP = "make a container of assembly text"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, for which machine, and where to."""
    parser.add_argument("file", type=Path, help="assembly text")
    parser.add_argument("--machine", default="edge", metavar="M[,K=V]", help="a preset or a file (edge)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the container (the text's name, .npux)")


def run(args: argparse.Namespace) -> int:
    """Write it."""
    from ...compiler.errors import printable
    from ...compiler.files import write_whole
    from ...compiler.npu.machines import assemble_file, named

    data = assemble_file(args.file, named(args.machine))
    output = args.output or args.file.with_suffix(".npux")
    write_whole(output, data)
    if args.json:
        print(json.dumps({"schema": "aic.npu-asm/1", "file": str(output), "bytes": len(data)}, indent=2))
    elif not args.quiet:
        print(printable(f"{output}: {len(data)} bytes"))
    return 0
