"""What two models, two IR texts or two artifacts differ in.

models       nodes by name (else by their first output): there, gone, changed in op, inputs or attributes; weights
IR texts     lines, blind to how values are numbered
artifacts    entries of the manifest, files
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import NodeProto, helper
from xdsl.parser import Parser

from ..dialects._shape import Array
from .artifact import is_artifact, read_manifest
from .context import context
from .errors import UsageError
from .frontends.onnx.model import Model, Port, load
from .ir_diff import module_diff

Facts = Mapping[str, Mapping[str, object]]
"""What is known of each thing, by its name."""


@dataclass(frozen=True)
class Difference:
    """Names there only in the second, only in the first, and with what they were and are; or lines of text."""

    kind: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether there is none."""
        return not (self.added or self.removed or self.changed or self.lines)


def compared(a: Path, b: Path) -> Difference:
    """The difference of two things of one kind; UsageError if they are of two."""
    kinds = [_kind(path) for path in (a, b)]
    if kinds[0] != kinds[1]:
        raise UsageError(f"{a} is {kinds[0]}, {b} is {kinds[1]}: expected two of a kind")
    match kinds[0]:
        case "an artifact":
            return _by_facts(kinds[0], *(_of_artifact(path) for path in (a, b)))
        case "IR text":
            before, after = (
                Parser(context(), path.read_text(encoding="utf8"), str(path)).parse_module() for path in (a, b)
            )
            return Difference(kinds[0], lines=tuple(module_diff(before, after)))
        case _:
            return _by_facts(kinds[0], *(_of_model(load(path)) for path in (a, b)))


def _kind(path: Path) -> str:
    if is_artifact(path):
        return "an artifact"
    return "IR text" if path.suffix == ".mlir" else "a model"


def _by_facts(kind: str, a: Facts, b: Facts) -> Difference:
    changed = [(name, _told(a[name], b[name])) for name in a if name in b and a[name] != b[name]]
    return Difference(kind, tuple(n for n in b if n not in a), tuple(n for n in a if n not in b), tuple(changed))


def _told(a: Mapping[str, object], b: Mapping[str, object]) -> str:
    return ", ".join(
        f"{key} {a.get(key, 'none')} -> {b.get(key, 'none')}" for key in {**a, **b} if a.get(key) != b.get(key)
    )


def _of_model(model: Model) -> Facts:
    graph = model.proto.graph
    found: dict[str, Mapping[str, object]] = {
        f"opset {d or 'ai.onnx'}": {"version": v} for d, v in model.opsets.items()
    }
    found |= {f"input {port.name}": _port(port) for port in model.inputs}
    found |= {f"output {port.name}": _port(port) for port in model.outputs}
    for index, node in enumerate(graph.node):
        found[f"node {node.name or next(iter(node.output), index)}"] = _node(node)
    for index, tensor in enumerate(graph.initializer):
        found[f"weight {tensor.name}"] = _array(model.initializer(index))
    return found


def _port(port: Port) -> Mapping[str, object]:
    return {"type": port.type, "shape": port.dims}


def _node(node: NodeProto) -> Mapping[str, object]:
    attributes = {a.name: helper.printable_attribute(a) for a in node.attribute}
    return {"op": node.op_type, "inputs": list(node.input), "outputs": list(node.output), **attributes}


def _array(value: Array) -> Mapping[str, object]:
    """Type and shape, and numbers that differ where any element does, as far as can be told in a line."""
    flat = np.ascontiguousarray(value).reshape(-1)
    digest = hash(flat.view(np.uint8).tobytes())
    with np.errstate(all="ignore"):
        numbers = flat.astype(np.float64) if flat.dtype.kind in "fiubV" else np.zeros(0)
        about = f"mean {numbers.mean():.6g}, range {numbers.min():.6g} to {numbers.max():.6g}" if numbers.size else ""
    return {"type": str(value.dtype), "shape": value.shape, "values": _Values(about, digest)}


@dataclass(frozen=True)
class _Values:
    """Equal if the bytes are; told by their mean and range."""

    about: str
    digest: int

    def __str__(self) -> str:
        return f"({self.about})"


def _of_artifact(path: Path) -> Facts:
    found: dict[str, Mapping[str, object]] = {
        key: {"": value} for key, value in _flat("", read_manifest(path)).items() if key != "hash"
    }
    for file in sorted(p for p in path.rglob("*") if p.is_file() and p.name != "manifest.json"):
        data = file.read_bytes()
        found[f"file {file.relative_to(path)}"] = {"bytes": len(data), "content": _Values("other", hash(data))}
    return found


def _flat(prefix: str, value: object) -> dict[str, object]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`."""
    if isinstance(value, Mapping):
        parts = [_flat(f"{prefix}.{key}" if prefix else str(key), inner) for key, inner in value.items()]
        return {key: leaf for part in parts for key, leaf in part.items()}
    return {prefix: json.dumps(value)}
