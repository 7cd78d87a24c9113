"""`aic inspect M`: what is in a model or an artifact; with --ops, --shapes, --weights, --mem, --flops more of it."""

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..compiler.errors import printable
from ._arguments import add_model, add_shapes, add_target, options_of, target_of
from ._memory import memory_document, memory_page, size_text
from .compile import memory_of

if TYPE_CHECKING:
    from ..compiler.frontends.onnx.model import Model, Port
    from ..compiler.inspect import OpRow
    from ..compiler.memory import MemoryReport

HELP = "tell what is in a model or an artifact"
LISTED = 20
"""Weights that are listed for a person; all of them with --json."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What of it, and the shapes that some of it needs."""
    add_model(parser)
    parser.add_argument("--ops", action="store_true", help="how many nodes of each op")
    parser.add_argument("--weights", action="store_true", help="the initializers, the largest first")
    parser.add_argument("--shapes", action="store_true", help="the type of every node's results")
    parser.add_argument("--flops", action="store_true", help="floating-point operations by op")
    parser.add_argument(
        "--mem", action="store_true", help="memory on the target: by class, at the peak, while each kernel runs"
    )
    add_target(parser)
    add_shapes(parser)


def run(args: argparse.Namespace) -> int:
    """Print a document or a page."""
    from ..compiler.artifact import is_artifact, read_manifest
    from ..compiler.frontends.onnx.model import load

    if is_artifact(args.model):
        document, report = _of_artifact(read_manifest(args.model)), None
    else:
        model = load(args.model)
        document, report = _of_model(model, args), _memory(model, args) if args.mem else None
    if args.json:
        print(json.dumps(document | ({"memory": memory_document(report)} if report else {}), indent=2))
    else:
        print("\n".join([_page(document), *(memory_page(report) if report else [])]))
    return 0


def _of_artifact(manifest: Mapping[str, object]) -> dict[str, object]:
    arena, weights = memory_of(manifest)
    memory = manifest.get("memory")
    bound = memory.get("lower_bound_bytes", 0) if isinstance(memory, Mapping) else 0
    model = manifest.get("model")
    found: dict[str, object] = {
        "schema": "aic.inspect/1",
        "kind": "artifact",
        "name": model.get("name", "") if isinstance(model, Mapping) else "",
        "target": manifest.get("target"),
        "inputs": manifest.get("inputs"),
        "outputs": manifest.get("outputs"),
        "memory": {"arena_bytes": arena, "lower_bound_bytes": bound, "weights_bytes": weights},
        "pipeline": manifest.get("pipeline"),
        "files": sorted(files) if isinstance(files := manifest.get("files"), Mapping) else [],
        "hash": manifest.get("hash"),
    }
    if isinstance(sizes := manifest.get("sizes"), list):
        found["sizes"] = [part["dims"] for part in sizes]
    statics = manifest.get("statics")
    return found | ({"binaries": _binaries(statics)} if isinstance(statics, Mapping) else {})


def _binaries(statics: Mapping[str, Mapping[str, Mapping[str, object]]]) -> list[dict[str, object]]:
    """What is known of each compiled kernel of a GPU."""
    return [
        {"kernel": name, "arch": arch, **like} for arch, kernels in statics.items() for name, like in kernels.items()
    ]


def _of_model(model: "Model", args: argparse.Namespace) -> dict[str, object]:
    from ..compiler.inspect import op_counts, weight_rows

    rows = weight_rows(model)
    proto = model.proto
    document: dict[str, object] = {
        "schema": "aic.inspect/1",
        "kind": "model",
        "name": model.name,
        "producer": f"{proto.producer_name} {proto.producer_version}".strip(),
        "ir_version": proto.ir_version,
        "opsets": {domain or "ai.onnx": version for domain, version in model.opsets.items()},
        "inputs": [_port(port) for port in model.inputs],
        "outputs": [_port(port) for port in model.outputs],
        "nodes": op_counts(model).total(),
        "functions": len(proto.functions),
        "parameters": sum(_elements(row.shape) for row in rows),
        "weights_bytes": sum(row.bytes for row in rows),
    }
    if args.ops:
        document["ops"] = dict(sorted(op_counts(model).items(), key=lambda item: (-item[1], item[0])))
    if args.weights:
        document["weights"] = [{"name": r.name, "type": r.type, "shape": list(r.shape), "bytes": r.bytes} for r in rows]
    if args.shapes or args.flops:
        document |= _of_graph(model, args)
    return document


def _elements(dims: tuple[int, ...]) -> int:
    found = 1
    for size in dims:
        found *= size
    return found


def _port(port: "Port") -> dict[str, object]:
    return {"name": port.name, "type": port.type, "shape": None if port.dims is None else list(port.dims)}


def _of_graph(model: "Model", args: argparse.Namespace) -> dict[str, object]:
    from ..compiler.inspect import imported, op_rows

    rows = op_rows(imported(model, options_of(args, model)))
    found: dict[str, object] = {}
    if args.shapes:
        found["shapes"] = [{"node": row.node, "op": row.op, "result": row.result} for row in rows]
    if args.flops:
        found["flops"] = {"total": sum(row.flops for row in rows), "by_op": _by_op(rows)}
    return found


def _by_op(rows: "list[OpRow]") -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[row.op] = found.get(row.op, 0) + row.flops
    return dict(sorted(((op, n) for op, n in found.items() if n), key=lambda item: -item[1]))


def _memory(model: "Model", args: argparse.Namespace) -> "MemoryReport":
    """What planning says: no code is made."""
    from ..compiler.driver import lower
    from ..compiler.memory import memory_report

    return memory_report(lower(model, target_of(args).name, options_of(args, model), until="loop").module)


def _page(document: Mapping[str, object]) -> str:
    """The document for a person."""
    lines = [f"{printable(str(document['name']))}  ({document['kind']})"]
    for key, value in document.items():
        if key in ("schema", "kind", "name"):
            continue
        match key, value:
            case (("inputs" | "outputs"), list()):
                lines += [f"{key}"] + [f"  {printable(str(p['name']))}  {_type(p)}" for p in value]
            case "weights", list():
                lines += ["weights"] + [_weight(row) for row in value[:LISTED]]
                lines += [f"  ... {len(value) - LISTED} more"] if len(value) > LISTED else []
            case "shapes", list():
                lines += ["shapes"] + [f"  {printable(r['node']):40}  {r['op']:16}  {r['result']}" for r in value]
            case "sizes", list():
                told = (", ".join(f"{printable(k)}={v}" for k, v in dims.items()) for dims in value)
                lines.append(f"{key:12}  {'; '.join(told)}; inputs and outputs are those of the largest")
            case "binaries", list():
                lines += ["binaries"] + [_binary(row) for row in value]
            case "weights_bytes", int():
                lines.append(f"{'weights':12}  {size_text(value)}")
            case "memory", Mapping():
                lines.append(f"{'memory':12}  {', '.join(f'{k} {size_text(int(v))}' for k, v in value.items())}")
            case "flops", Mapping():
                lines.append(f"{'flops':12}  {value['total']:,}")
                lines += [f"  {op:16}  {n:,}" for op, n in value["by_op"].items()]
            case _, Mapping():
                lines += [key] + [f"  {printable(str(k)):24}  {printable(str(v))}" for k, v in value.items()]
            case _, list():
                lines.append(f"{key:12}  {', '.join(map(str, value))}")
            case _:
                lines.append(f"{key:12}  {printable(f'{value:,}' if isinstance(value, int) else str(value))}")
    return "\n".join(lines)


def _binary(row: Mapping[str, object]) -> str:
    spilled = f", {row['spilled']} bytes spilled" if row["spilled"] else ""
    tensor = f", {row['tensor']}" if row["tensor"] else ""
    wide = ", 128 bits" if row["wide"] else ""
    first = f"{row['kernel']:24}  {row['arch']}  {row['registers']:3} registers{spilled}"
    return f"  {first}, {row['shared']:6} bytes shared, {row['resident']:2} resident{tensor}{wide}"


def _type(port: Mapping[str, object]) -> str:
    dims = port["shape"]
    shown = "x".join("?" if d is None else printable(str(d)) for d in dims) if isinstance(dims, list) else "any shape"
    return f"{port.get('type') or port.get('dtype')}  {shown or 'scalar'}"


def _weight(row: Mapping[str, object]) -> str:
    shape = row["shape"]
    shown = "x".join(map(str, shape)) if isinstance(shape, list) else ""
    return f"  {printable(str(row['name'])):40}  {row['type']:10}  {shown:20}  {size_text(int(str(row['bytes'])))}"
