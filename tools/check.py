"""`aic check M -t T`: whether every node can be compiled; if not, all that cannot, each with its reason and way out; of
a target with a host beside it, what would run there."""

import argparse
import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..compiler.errors import UnsupportedOpError, printable, render
from ._arguments import add_model, add_shapes, add_target, options_of, target_of

if TYPE_CHECKING:
    from ..compiler.frontends.onnx.model import Model

HELP = "tell which nodes of a model cannot be compiled or run on the host, and why"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the target, the shapes."""
    add_model(parser, "an ONNX file")
    add_target(parser)
    add_shapes(parser)


def run(args: argparse.Namespace) -> int:
    """Import and lower the model without writing anything; exit 3 if a node is not supported."""
    from ..compiler.driver import lower
    from ..compiler.frontends.onnx.model import load
    from ..compiler.placement import placement_of
    from ..compiler.targets import target_named

    model, target = load(args.model), target_of(args).name
    refused: UnsupportedOpError | None = None
    where: dict[str, object] | None = None
    try:
        where = target_named(target).placement(lower(model, target, options_of(args, model), until="tensor").module)
    except UnsupportedOpError as error:
        refused = error
    if args.json:
        print(json.dumps(_document(model, target, refused, where), indent=2))
    elif refused is not None:
        print(render(refused))
    else:
        ops = ", ".join(f"{op} {n}" for op, n in sorted(_ops(model).items()))
        print(f"{printable(model.name)}: all {_ops(model).total()} nodes can be compiled for target {target}   ({ops})")
        if (placed := placement_of(target, where)) is not None:
            print(
                "\n".join(
                    [f"  {placed.line}", *(f"  host    {printable(n)} ({op}): {why}" for n, op, why in placed.host)]
                )
            )
    return 0 if refused is None else refused.exit_code


def _ops(model: "Model") -> Counter[str]:
    from ..compiler.frontends.onnx.model import nodes_of

    return Counter(printable(node.op_type) for node in nodes_of(model.proto.graph))


def _document(
    model: "Model", target: str, refused: UnsupportedOpError | None, where: dict[str, object] | None
) -> dict[str, object]:
    return {
        "schema": "aic.check/1",
        "model": model.name,
        "target": target,
        "opset": model.opsets.get("", 0),
        "supported": refused is None,
        "nodes": _ops(model).total(),
        "ops": dict(sorted(_ops(model).items())),
        "placement": where,
        "message": "" if refused is None else refused.message,
        "unsupported": [] if refused is None else [asdict(node) for node in refused.nodes],
    }
