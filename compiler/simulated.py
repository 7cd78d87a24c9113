"""An artifact whose machine is not at hand, run in numpy from the IR that lies beside its code.

The IR is what the code was printed from; its weights come from the artifact's file, each as its layout says.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from ..dialects._layout import physical
from ..dialects._shape import Array, dtype, shape
from ..dialects.graph._blob import blob
from ..dialects.graph.weight import AicContext, WeightOp
from .context import context
from .errors import CompileError
from .interpret import interpret

log = logging.getLogger("aic.simulated")


def simulated(file: Path, manifest: Mapping[str, object]) -> Callable[[Sequence[Array]], list[Array]]:
    """The IR of a file as a function from input arrays to outputs; CompileError for a broken artifact."""
    log.warning("target %s: its machine is not at hand; %s runs in numpy", manifest["target"], file.name)
    ctx = context()
    module = Parser(ctx, file.read_text(encoding="utf8"), str(file)).parse_module()
    weights_from(file.parent, manifest, module, ctx)

    def call(inputs: Sequence[Array]) -> list[Array]:
        return [np.array(result) for result in interpret(ctx, module, inputs)]

    return call


def weights_from(folder: Path, manifest: Mapping[str, object], module: ModuleOp, ctx: AicContext) -> None:
    """Let a context have the weights of a module from an artifact's file, which is read when they are wanted."""
    told = manifest.get("weights")
    if not isinstance(told, Mapping):
        raise CompileError(f"{folder}: the manifest has no weights", code="not-an-artifact")
    stored = np.memmap(folder / str(told["file"]), np.uint8, "r") if told["bytes"] else np.empty(0, np.uint8)
    places = {(name, type): offset for name, type, offset in told.get("places", ())}
    for entry in blob(module, alignment=int(told["alignment"])).entries:
        if entry.op.weight not in ctx.weights:
            at = places.get((entry.op.weight, str(entry.op.res.type)), entry.offset)
            ctx.weights.add(entry.op.weight, _reader(stored, entry.op, at, entry.size))


def _reader(stored: Array, op: WeightOp, offset: int, size: int) -> Callable[[], Array]:
    return lambda: logical(np.array(stored[offset : offset + size]).view(dtype(op.res.type)), op)


def logical(lying: Array, op: WeightOp) -> Array:
    """An array as its type's dimensions have it, from how its layout puts it into memory."""
    dims = shape(op.res)
    _, lay = physical(op.res.type)
    count = int(np.prod(dims))
    numbers = np.asarray(lay(np.arange(1, 1 + count).reshape(dims)), np.int64).reshape(-1)
    made = np.empty(count, lying.dtype)
    held = numbers > 0  # places between strides and behind panels hold none
    made[numbers[held] - 1] = lying[held]
    return made.reshape(dims)
