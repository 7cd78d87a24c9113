"""`aic npu sim WHAT`: a program's clock, and what its cycles went to.

aic npu sim m.npux --report                   tables; m.report.json, .csv and .html beside it
aic npu sim m.npux --trace t.json             Chrome trace events
aic npu sim resnet50 --machine edge --json    a network or a model, compiled for the purpose
aic npu sim m.onnx --step --compare ort       the debugger, which stops at the first layer that differs
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ...compiler.errors import UsageError, printable
from ._model import MODEL, add_sizes, sizes_of
from ._observe import add_observation, observe, observes

if TYPE_CHECKING:
    from ...compiler.npu.programs import Measured

HELP = "simulate a program: cycles by layer, stalls, traces; step through it, compare its layers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, and what to tell of it."""
    add = parser.add_argument
    add(
        "what",
        nargs="?",
        help=f"a .npux or .npuasm, an artifact's folder, {MODEL}",
    )
    add(
        "--machine",
        default="",
        metavar="M[,K=V]",
        help="a preset or a file, with keys replaced: for a model or a text (edge), or in place of a program's own",
    )
    add("--force", action="store_true", help="run a program on another machine than it was made for")
    told = "banked: with conflicts of SPAD's banks within an instruction; unverified (plain)"
    add("--timing", choices=("plain", "banked"), default="plain", help=told)
    add("--report", action="store_true", help="the layer table; also written as .report.json, .csv and .html")
    add("--wide", action="store_true", help="the layer table with all its columns")
    add("--explain", action="store_true", help="what the columns mean")
    add("--trace", type=Path, metavar="FILE", help="write Chrome trace events there")
    add("--svg", type=Path, metavar="FILE", help="write the layers in the roofline there")
    add("-o", "--output", type=Path, metavar="STEM", help="where reports are written (beside the program)")
    add_observation(parser)
    add_sizes(parser)


def run(args: argparse.Namespace) -> int:
    """Print the tables or the document."""
    from ...compiler.files import write_whole
    from ...compiler.npu.forms import explanation, picture, report_document, report_text, trace_document, write_reports
    from ...compiler.npu.programs import measured

    if args.explain:
        print(explanation())
        return 0
    if args.what is None:
        raise UsageError("sim: expected a program, an artifact, a model or a network")
    if observes(args):
        return observe(args)
    how = {"force": args.force, "banked": args.timing == "banked"}
    found = measured(args.what, args.machine, args.batch, sizes_of(args, args.what), **how)
    if len(found) > 1 and (args.trace or args.svg):
        raise UsageError(f"{args.what}: {len(found)} programs; name one of its files for --trace and --svg")
    if args.trace is not None:
        write_whole(args.trace, json.dumps(trace_document(found[0])))
    if args.svg is not None:
        write_whole(args.svg, picture(found[0]))
    if args.report:
        for one in found:
            for file in write_reports(one, _stem(args, one)):
                if not args.quiet:
                    print(f"wrote {file}", file=sys.stderr)
    if args.json:
        documents = [report_document(one) for one in found]
        whole = documents[0] if len(documents) == 1 else {"schema": "aic.npu-parts/1", "parts": documents}
        print(json.dumps(whole, indent=2))
        return 0
    for one in found:
        print(printable(report_text(one, wide=args.wide)))
    return 0


def _stem(args: argparse.Namespace, found: "Measured") -> Path:
    """Where the reports of a program go."""
    if args.output is not None:
        return args.output if ":" not in found.name else args.output.with_name(f"{args.output.name}.{_part(found)}")
    path = Path(args.what)
    if path.is_dir():
        return path / (_part(found) if ":" in found.name else path.name)
    return path.with_suffix("") if path.suffix else path


def _part(found: "Measured") -> str:
    return found.name.rpartition(":")[2]
