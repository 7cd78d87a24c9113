"""`aic extract M --inputs A --outputs B -o S.onnx`: the part of a model between tensors, as ONNX or IR."""

import argparse
import json
import sys
from pathlib import Path

from ..compiler.errors import UsageError, printable
from ._arguments import add_inputs, add_shapes, add_target

HELP = "cut out the part of a model between tensors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, from where to where, into what."""
    add = parser.add_argument
    add("model", type=Path, help="an ONNX file")
    add("--inputs", metavar="A,..", default="", help="tensors that become inputs; by default the model's own")
    add("--outputs", metavar="B,..", default="", help="tensors that become outputs; by default the model's own")
    add("-o", "--output", metavar="S.onnx|S.mlir", type=Path, required=True, help="the part, as ONNX or graph IR")
    add("--values", metavar="V.npz", type=Path, help="write what the part's inputs are in a run there")
    add_inputs(parser)
    add_target(parser)
    add_shapes(parser)


def run(args: argparse.Namespace) -> int:
    """Cut, write."""
    from ..compiler.context import context
    from ..compiler.culprit.submodel import between, cut, save, tensor_values
    from ..compiler.files import write_whole
    from ..compiler.frontends.onnx.importer import import_model
    from ..compiler.frontends.onnx.model import load
    from ..compiler.ir_text import ir_text
    from ..compiler.vectors import write_arrays
    from .compare import feed_of

    if args.output.suffix not in (".onnx", ".mlir"):
        raise UsageError(f"-o {args.output}: expected .onnx or .mlir")
    model = load(args.model)
    inputs = [name for name in args.inputs.split(",") if name]
    outputs = [name for name in args.outputs.split(",") if name] or [port.name for port in model.outputs]
    nodes = between(model, inputs, outputs)
    options, feed = feed_of(args, model)
    made = cut(model, nodes, tensor_values(model, options, feed, [*inputs, *outputs]), outputs)
    if args.output.suffix == ".mlir":
        write_whole(args.output, ir_text(import_model(made.model, context())) + "\n")
    else:
        save(made.model, args.output)
    if args.values is not None:
        write_arrays(args.values, made.feed)
    graph = made.model.proto.graph
    ends = {"inputs": [port.name for port in graph.input], "outputs": [port.name for port in graph.output]}
    if args.json:
        print(
            json.dumps({"schema": "aic.extract/1", "output": str(args.output), "nodes": len(nodes), **ends}, indent=2)
        )
    elif not args.quiet:
        told = ", ".join(ends["inputs"]), ", ".join(ends["outputs"])
        print(printable(f"{args.output}: {len(nodes)} nodes, {told[0]} to {told[1]}"), file=sys.stderr)
    return 0
