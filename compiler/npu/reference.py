"""What the layers of a program should hold, from a reference's values of the ONNX tensors that they stand for.

expected = expected_tensors(program, values)         {"conv1": ([1, 112, 112, 64] int8,), ..}

A layer's tensor is the first output of the last ONNX node fused into it, as the machine stores it: quantised with the
tensor's scale and zero point, uint8 with its top bit flipped, channels last.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from ...backends.npu.host.tensor import Entry, EntryError, to_stored
from ...backends.npu.program import Program
from ...dialects._shape import Array
from ...dialects.npu._meaning import Numbers
from ..driver import Options
from ..frontends.onnx.model import Model
from ..layers import layers
from ..references import reference_arrays
from .programs import PLAIN


def expected_of(
    kind: str, model: Model, path: Path | None, feed: Mapping[str, Array], program: Program, options: Options = PLAIN
) -> dict[str, tuple[Numbers, ...]]:
    """By tensor of the program what a reference (ort, onnx-ref, aic-interp, @FILE) has there; `path` is the model's."""
    known = {layer.node: layer.tensor for layer in reversed(layers(model))}
    order = {node: at for at, node in enumerate(reversed(known))}
    names = {tensor: known[node] for tensor, node in _nodes(program, order).items()}
    wanted = sorted(set(names.values()))
    with TemporaryDirectory(prefix="aic-") as scratch:
        if path is None:
            path = Path(scratch) / "model.onnx"
            onnx.save(model.proto, path)
        values = reference_arrays(kind, path, model, options, feed, wanted)
    return {tensor: found for tensor, name in names.items() if (found := _arranged(program, tensor, values.get(name)))}


def _nodes(program: Program, order: Mapping[str, int]) -> dict[str, str]:
    """The ONNX node that makes each tensor: of the layer that makes all of it the last in the graph, unless a later
    layer still has a part in that node."""
    makers: dict[str, list[str]] = {}
    last: dict[str, str] = {}
    for mark in program.marks:
        known = [node for node in mark.nodes if node in order]
        makers.setdefault(mark.out, []).append(max(known, key=lambda node: order[node], default=""))
        last |= dict.fromkeys(known, mark.out)
    return {tensor: nodes[0] for tensor, nodes in makers.items() if len(nodes) == 1 and last.get(nodes[0]) == tensor}


def _arranged(program: Program, name: str, value: Array | None) -> tuple[Numbers, ...]:
    """A value as the tensor may hold it: channels last, or axes in order; nothing if no order fits its shape."""
    described = next((t for t in program.tensors if t["name"] == name), None)
    if described is None or value is None:
        return ()
    try:
        entry = Entry.read({**described, "layout": "flat"})
    except EntryError:
        return ()
    if value.size != np.prod(entry.shape) or value.dtype.kind not in "fiu":
        return ()
    orders = [np.moveaxis(value, 1, -1), value] if value.ndim > 2 else [value]
    fitting = [a for a in orders if _sizes(a.shape) == _sizes(entry.shape)]
    return tuple(to_stored(a.reshape(entry.shape), entry) for a in fitting)


def _sizes(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size > 1]
