"""`aic compare M -t T --ref R --all-layers --first-bad`: our numbers against a reference's, and where they part.

Without --all-layers only the outputs are compared. Down to the tensor level layers are looked at as they run, fused;
on a simulated machine they are read from its memory. At the loop level and on other targets each layer is made an
output of the model, so that nothing is fused across it.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ..compiler.errors import MismatchError, UsageError, printable
from ._arguments import (
    add_build,
    add_inputs,
    add_shapes,
    add_target,
    add_tolerance,
    options_of,
    target_of,
    tolerance_for,
    use_cache,
)
from .run import complete, difference_json, inputs_of, judged

if TYPE_CHECKING:
    from ..compiler.driver import Options
    from ..compiler.frontends.onnx.model import Model
    from ..compiler.layers import Row
    from ..dialects._shape import Array

HELP = "compare the numbers with a reference's, layer by layer"
METRICS = ("maxabs", "maxrel", "cosine", "sqnr", "ulp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, against what, how closely."""
    parser.add_argument("model", type=Path, help="an ONNX file")
    parser.add_argument("--ref", metavar="R", help="ort, onnx-ref, aic-interp or @F.npz; by default ort if it is there")
    parser.add_argument("--at", choices=("graph", "tensor", "loop", "hardware"), default="hardware", help="level")
    parser.add_argument("--all-layers", action="store_true", help="compare what every node makes")
    parser.add_argument("--first-bad", action="store_true", help="name the first bad node, and the pass that did it")
    parser.add_argument("--metric", default="maxabs,cosine", help=f"what to show: {','.join(METRICS)}")
    add_inputs(parser)
    add_target(parser)
    add_shapes(parser)
    add_build(parser)
    add_tolerance(parser)


def run(args: argparse.Namespace) -> int:
    """Compare; exit 4 if anything is outside the tolerance."""
    from ..compiler.frontends.onnx.model import load
    from ..compiler.references import default_reference

    use_cache(args)
    metrics = args.metric.split(",")
    if unknown := [metric for metric in metrics if metric not in METRICS]:
        raise UsageError(f"--metric {unknown[0]}: expected {', '.join(METRICS)}")
    model = load(args.model)
    kind = args.ref or default_reference()
    outputs, rows = _measured(args, model, kind)
    bad = [row for row in [*rows, *outputs] if not row.good]
    guilty = _guilty(args, model, kind) if bad and args.first_bad else ""
    if args.json:
        print(json.dumps(_document(args, kind, outputs, rows, bad, guilty), indent=2))
    elif not args.quiet or bad:
        print(_page(args, outputs, rows, metrics))
    if not bad:
        if not args.quiet:
            print(f"{len(outputs)} outputs and {len(rows)} layers agree with {kind}", file=sys.stderr)
        return 0
    return judged(args, lambda: _differ(bad, len(outputs) + len(rows), guilty))


def _measured(args: argparse.Namespace, model: "Model", kind: str) -> "tuple[list[Row], list[Row]]":
    """Outputs and layers with their differences."""
    from ..compiler.compare import difference
    from ..compiler.layers import Layer, Row, layers, of_nodes, on_device, table
    from ..compiler.references import reference_arrays

    options, feed = feed_of(args, model)
    looked = args.all_layers or args.first_bad
    device = on_device(model, target_of(args).name, options, feed) if looked and args.at == "hardware" else None
    wanted = list(device.names) if device else [layer.tensor for layer in layers(model)] if looked else []
    reference = reference_arrays(kind, args.model, model, options, feed, wanted)
    if device is not None:
        found = of_nodes(model, device.seen, reference) | device.outputs
    else:
        found = _candidate(args, model, options, feed, reference, wanted)
    tolerance = tolerance_for(args, model)
    outputs: list[Row] = []
    for port in model.outputs:
        if port.name not in reference or port.name not in found:
            raise UsageError(f"output {printable(port.name)!r} is not among the reference's")
        gap = difference(found[port.name], reference[port.name], tolerance)
        outputs.append(Row(Layer(port.name, "", "output", 0), gap, tolerance.accepts(gap)))
    return outputs, table(model, found, reference, tolerance) if wanted else []


def feed_of(args: argparse.Namespace, model: "Model") -> "tuple[Options, dict[str, Array]]":
    """The options with the inputs' shapes in them, and all inputs."""
    from ..compiler.frontends.onnx.declared import argument_types
    from ..compiler.runnable import Runnable, shaped
    from ..dialects._shape import shape

    given = inputs_of(args)
    options = shaped(options_of(args, model), model, given)
    types = argument_types(model, options.dims, {**options.shapes, **{n: v.shape for n, v in options.values.items()}})
    ports = tuple(replace(port, dims=shape(types[port.name])) for port in model.inputs)
    feed = complete(Runnable(ports, lambda _: {}), given, args)
    return options, feed | dict(options.values)


def _candidate(
    args: argparse.Namespace,
    model: "Model",
    options: "Options",
    feed: "Mapping[str, Array]",
    reference: "Mapping[str, Array]",
    wanted: Sequence[str],
) -> "dict[str, Array]":
    """Our outputs at the level, and the layers that are wanted."""
    from ..compiler.driver import lower
    from ..compiler.layers import marked, seen_layers
    from ..compiler.runnable import of_model

    target = target_of(args).name
    if args.at in ("graph", "tensor"):
        return seen_layers(model, lower(model, target, options, until=args.at), feed, reference)
    plain = of_model(model, target, options, args.at).run(feed)
    if not wanted:
        return plain
    whole = replace(model, proto=marked(model.proto, [name for name in wanted if name in reference]))
    return of_model(whole, target, options, args.at).run(feed) | plain


def _guilty(args: argparse.Namespace, model: "Model", kind: str) -> str:
    """The pass that parts the outputs; if none does, the code that is made of the last level looked at."""
    from ..compiler.layers import guilty_pass
    from ..compiler.references import reference_arrays

    options, feed = feed_of(args, model)
    reference = reference_arrays(kind, args.model, model, options, feed, [])
    until = "tensor" if args.at == "hardware" else args.at
    found = guilty_pass(model, target_of(args).name, options, until, feed, reference, tolerance_for(args, model))
    return found or ("below the tensor level: loops or code" if args.at == "hardware" else "")


def _differ(bad: "list[Row]", total: int, guilty: str) -> NoReturn:
    first = bad[0]
    gap = first.found
    what = "" if gap is None else gap.shape or f"max abs {gap.maxabs:.3g}, cosine {gap.cosine:.6f}, {gap.place}"
    name = printable(first.layer.node or first.layer.tensor)
    text = f"{len(bad)} of {total} differ; the first is {name} ({printable(first.layer.op)}): {what}"
    text += f"; parted by {guilty}" if guilty else ""
    raise MismatchError(text, first_bad=first.layer.node or first.layer.tensor)


def _page(args: argparse.Namespace, outputs: "list[Row]", rows: "list[Row]", metrics: list[str]) -> str:
    """A line for each layer, in the order of the graph; bad ones are marked."""
    shown = [row for row in rows if row.found is not None]
    lines = [f"{'':4} {'layer':40}  {'op':20}  " + "  ".join(f"{metric:>10}" for metric in metrics)]
    for row in [*shown, *outputs]:
        name = printable(row.layer.node or row.layer.tensor)
        place = "" if row.found is None or row.good else row.found.place
        numbers = "" if row.found is None else row.found.shape or f"{_numbers(row, metrics)}  {place}"
        lines.append(
            f"{'' if row.good else 'BAD':4} {name[-40:]:40}  {printable(row.layer.op)[:20]:20}  {numbers}".rstrip()
        )
    hidden = len(rows) - len(shown)
    return "\n".join([*lines, *([f"{hidden} layers are never made by themselves at this level"] if hidden else [])])


def _numbers(row: "Row", metrics: list[str]) -> str:
    return "  ".join(f"{getattr(row.found, metric):10.3g}" for metric in metrics)


def _document(
    args: argparse.Namespace, kind: str, outputs: "list[Row]", rows: "list[Row]", bad: "list[Row]", guilty: str
) -> dict[str, object]:
    def entry(row: "Row") -> dict[str, object]:
        found = None if row.found is None else difference_json(row.layer.tensor, row.found, row.good)
        return {"tensor": row.layer.tensor, "node": row.layer.node, "op": row.layer.op, "difference": found}

    return {
        "schema": "aic.compare/1",
        "reference": kind,
        "level": args.at,
        "target": target_of(args).name,
        "ok": not bad,
        "outputs": [entry(row) for row in outputs],
        "layers": [entry(row) for row in rows],
        "first_bad": entry(bad[0]) if bad else None,
        "pass": guilty or None,
    }
