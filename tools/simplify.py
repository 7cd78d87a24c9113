"""`aic simplify M -o S.onnx`: ONNX to ONNX by our graph passes, fewer nodes and the same outputs."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.errors import MismatchError, printable
from ._arguments import add_inputs, add_model, add_shapes, add_tolerance, shapes_of, tolerance_of
from ._pass_flags import Watch, add_pass_flags, edited

if TYPE_CHECKING:
    from ..compiler.compare import Difference
    from ..compiler.driver import Options
    from ..compiler.frontends.onnx.model import Model
    from ..compiler.simplify import Simplified

HELP = "make an ONNX model simpler"
CHECKS = ("ort", "aic-interp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, where to, by which passes, and whether it is checked."""
    add_model(parser, "an ONNX file")
    add = parser.add_argument
    add("-o", "--output", metavar="S.onnx", type=Path, help="the simplified model; none is written without")
    add("-p", "--pipeline", metavar="P", help="other graph passes")
    add("--opset", type=int, default=18, metavar="N", help="at least this opset (18 or more)")
    add("--keep-dims", action="store_true", help="symbolic dimensions that are not given stay so, where they can")
    add("--external", action="store_true", help="weights in a file beside the model, as is done above 2 GB anyway")
    add("--check", action="store_true", help="run both on the inputs; exit 4 if their outputs differ")
    add("--ref", choices=CHECKS, help="by what both are run: onnxruntime if it is installed, else our interpreter")
    add_inputs(parser)
    add_shapes(parser)
    add_tolerance(parser)
    add_pass_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Simplify, check, write, tell."""
    from ..compiler.frontends.onnx.model import load
    from ..compiler.frontends.onnx.saving import save_onnx
    from ..compiler.pipeline import parse_pipeline, print_pipeline
    from ..compiler.simplify import PIPELINE, simplify_model

    text = print_pipeline(edited(parse_pipeline(args.pipeline or PIPELINE), args))
    if args.print_pipeline:
        print(text)
        return 0
    watch = Watch(args)
    model = load(args.model)
    options = _options(args, model, watch)
    made = simplify_model(model, options, text, args.opset, keep_dims=args.keep_dims)
    table = _checked(args, model, made, options)
    if args.output is not None:
        save_onnx(made.exported, args.output, external=args.external or None)
    watch.tell(made.times)
    _tell(args, made, table)
    if wrong := [name for name, (found, good) in table.items() if not good]:
        found = table[wrong[0]][0]
        told = found.shape or f"{found.place}, at most {found.maxabs:.3g} apart"
        raise MismatchError(f"output {printable(wrong[0])} of the simplified model differs: {told}")
    return 0


def _options(args: argparse.Namespace, model: "Model", watch: Watch) -> "Options":
    from ..compiler.runnable import shaped
    from .run import inputs_of

    options = replace(shapes_of(args, model), observers=tuple(watch.observers))
    return options if args.keep_dims else shaped(options, model, inputs_of(args))


def _checked(
    args: argparse.Namespace, model: "Model", made: "Simplified", options: "Options"
) -> "dict[str, tuple[Difference, bool]]":
    """Each output's difference and whether it is near enough; {} if nobody asked."""
    from ..compiler.references import default_reference
    from ..compiler.runnable import Runnable
    from ..compiler.simplify import differences
    from .run import complete, inputs_of

    if not args.check:
        return {}
    kind = args.ref or ("ort" if default_reference() == "ort" else "aic-interp")
    feed = complete(Runnable(made.inputs, lambda _: {}), inputs_of(args), args)
    limit = tolerance_of(args)
    found = differences(kind, args.model, model, made, options, feed, limit)
    return {name: (gap, limit.accepts(gap)) for name, gap in found.items()}


def _tell(args: argparse.Namespace, made: "Simplified", table: "dict[str, tuple[Difference, bool]]") -> None:
    if args.json:
        document = {
            "schema": "aic.simplify/1",
            "output": None if args.output is None else str(args.output),
            "nodes": {"before": made.before, "after": made.after},
            "opset": made.opset,
            "checked": {name: {"maxabs": gap.maxabs, "good": good} for name, (gap, good) in table.items()},
        }
        print(json.dumps(document, indent=2))
    if args.quiet:
        return
    lines = [f"{printable(str(args.model))}: {made.before} nodes, simplified {made.after}, opset {made.opset}"]
    if table:
        worst = max(gap.maxabs for gap, _ in table.values())
        lines.append(f"  checked {len(table)} outputs, at most {worst:.3g} apart")
    print("\n".join(lines), file=sys.stderr)
