"""`aic npu dis FILE.npux`: a container as assembly text."""

import argparse
import json
from pathlib import Path

HELP = "print a container as assembly text"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, and where to."""
    parser.add_argument("file", type=Path, help="a container")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the text there")


def run(args: argparse.Namespace) -> int:
    """Print or write it."""
    from ...compiler.files import write_whole
    from ...compiler.npu.programs import disassemble_file

    text = disassemble_file(args.file)
    if args.output is not None:
        write_whole(args.output, text)
    if args.json:
        rest = {"text": text} if args.output is None else {"output": str(args.output)}
        print(json.dumps({"schema": "aic.npu-dis/1", "file": str(args.file), **rest}, indent=2))
    elif args.output is None:
        print(text, end="")
    return 0
