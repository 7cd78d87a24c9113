"""`aic launches M..`: how many kernels each model launches, beside how many nodes onnxruntime leaves of it.

    aic launches bert.onnx resnet.onnx --ref ort         exit 5 if a model launches more than onnxruntime has nodes
    aic launches bert.onnx --list                        every launch with the nodes that it computes

Shapes are those of --shape and --dim, else of the arrays in M.npz beside M.onnx.
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.errors import printable
from ._arguments import add_shapes, add_target, options_of, target_of

if TYPE_CHECKING:
    from ..compiler.driver import Options
    from ..compiler.frontends.onnx.model import Model
    from ..compiler.launches import Count

HELP = "count the kernels that a model launches, against onnxruntime's nodes"
MORE = 5
"""The exit code of a count above the reference's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The models, against whom, how much of it."""
    parser.add_argument("models", nargs="+", type=Path, metavar="M", help="ONNX files")
    parser.add_argument("--ref", choices=("ort",), help="count the nodes of onnxruntime's optimised graph, too")
    parser.add_argument("--list", action="store_true", help="every launch, with the nodes that it computes")
    add_target(parser)
    add_shapes(parser)


def run(args: argparse.Namespace) -> int:
    """Print a table, or a document; exit 5 if a model has more launches than the reference has nodes."""
    found = {path: _counted(path, args) for path in args.models}
    if args.json:
        print(json.dumps(_document(found, args), indent=2))
    else:
        print("\n".join(line for path, count in found.items() for line in _lines(path, count, args.list)))
    return MORE if any(c.peer is not None and len(c.launches) > c.peer.total() for c in found.values()) else 0


def _counted(path: Path, args: argparse.Namespace) -> "Count":
    from ..compiler.frontends.onnx.model import load
    from ..compiler.launches import Count, launches, peer_nodes

    model = load(path)
    options = _shaped(path, model, options_of(args, model))
    peer = peer_nodes(path, dict(options.shapes)) if args.ref else None
    return Count(launches(model, target_of(args).name, options), peer)


def _shaped(path: Path, model: "Model", options: "Options") -> "Options":
    """The options with the shapes of the inputs that lie beside the model."""
    from ..compiler.runnable import shaped
    from ..compiler.vectors import read_arrays

    beside = path.with_suffix(".npz")
    return shaped(options, model, read_arrays(beside, "input")) if beside.exists() and not options.dims else options


def _lines(path: Path, count: "Count", listed: bool) -> list[str]:
    peer = ""
    if count.peer is not None:
        verdict = "" if len(count.launches) <= count.peer.total() else "   MORE"
        peer = f"   onnxruntime {count.peer.total():4} nodes{verdict}"
    lines = [f"{printable(path.stem):24} {len(count.launches):4} launches, {count.copies:3} of them copies{peer}"]
    if listed:
        lines += [f"  {_kind(c.kernel, c.copies)}  {printable(', '.join(c.nodes))}" for c in count.launches]
    return lines


def _kind(kernel: str, copies: bool) -> str:
    return f"{kernel:10} {'copy' if copies else '    '}"


def _document(found: "dict[Path, Count]", args: argparse.Namespace) -> dict[str, object]:
    def entry(path: Path, count: "Count") -> dict[str, object]:
        listed = [{"kernel": c.kernel, "copies": c.copies, "nodes": list(c.nodes)} for c in count.launches]
        return {
            "model": str(path),
            "launches": len(count.launches),
            "copies": count.copies,
            "kernels": len({launch.kernel for launch in count.launches}),
            "reference": None if count.peer is None else dict(Counter(count.peer).most_common()),
            "list": listed if args.list else None,
        }

    models = [entry(path, count) for path, count in found.items()]
    return {"schema": "aic.launches/1", "target": target_of(args).name, "level": args.level, "models": models}
