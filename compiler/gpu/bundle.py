"""A model for a machine with a GPU: the artifact, inputs, and what every launch is to leave in memory.

    NAME/model.py, model.weights, manifest.json       the artifact
    NAME/anchor.py                                    the network as a torch module to time against, if there is one
    NAME/expected.npz    input0, .., output0, ..      as numpy computes them
                         n.k.at, n.k.is               what launch n leaves in its argument k: some elements, by their
                                                      place from its first one on, and their values

Numpy runs the tile level, with the artifact's own weights; sums are those of f32 there too, in another order. With
`seeded`, large weights of floats are random numbers that both sides make from a seed, and no file is carried.
"""

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
from xdsl.ir import Operation
from xdsl.parser import Parser

from ...dialects import kernel
from ...dialects._shape import Array, dtype
from ...dialects.graph._blob import blob
from ...dialects.tile.kernel import KernelOp
from ..context import context
from ..driver import Options, compile_model, lower
from ..errors import CompileError
from ..frontends.onnx.model import Model
from ..interpret import Buffer, interpret
from ..simulated import weights_from
from .anchor import anchor

SAMPLES = 4096
"""Elements of a launch's result that are compared."""
SMALL = 1 << 12
"""Elements of a weight that is carried as it is."""
FILE = "model.weights"


def bundle(model: Model, options: Options, inputs: list[Array], folder: Path, *, seeded: bool = True) -> dict[str, int]:
    """Fill an empty folder; returns how many launches and how many bytes there are to carry."""
    with_anchor = lower(model, "triton", options, until="graph")
    compile_model(model, "triton", folder, options)
    with suppress(CompileError):  # an op that torch has no word for: nothing to time against
        (folder / "anchor.py").write_text(anchor(with_anchor.module))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf8"))
    ctx = context()
    text = (folder / f"{manifest['stem']}.mlir").read_text(encoding="utf8")
    module = Parser(ctx, text).parse_module()
    if seeded:
        recipe = [_recipe(e.offset, e.size, dtype(e.op.res.type), folder) for e in blob(module, alignment=256).entries]
        (folder / "seeded.json").write_text(json.dumps([r for r in recipe if r is not None]))
    weights_from(folder, manifest, module, ctx)
    kernels = {op.sym_name.data: op for op in module.walk() if isinstance(op, KernelOp)}
    expected: dict[str, Array] = {f"input{i}": array for i, array in enumerate(inputs)}
    count = 0

    def hook(op: Operation, values: object) -> None:
        nonlocal count
        if isinstance(op, kernel.LaunchOp) and isinstance(values, list | tuple):
            for view in kernels[op.kernel].written():
                number = kernels[op.kernel].body.block.args.index(view)
                at, found = sampled(values[number], count)
                expected[f"{count}.{number}.at"], expected[f"{count}.{number}.is"] = at, found
            count += 1

    for i, result in enumerate(interpret(ctx, module, inputs, hook=hook)):
        expected[f"output{i}"] = np.array(result)
    np.savez_compressed(folder / "expected.npz", **expected)  # pyright: ignore[reportArgumentType]
    if seeded:
        (folder / FILE).unlink()
    return {"launches": count, "bytes": sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())}


def sampled(buffer: object, seed: int) -> tuple[Array, Array]:
    """Some elements of a buffer: their places from its first one on, and their values."""
    if not isinstance(buffer, Buffer):
        raise TypeError(f"expected a buffer, found {type(buffer).__name__}")
    random, count = np.random.default_rng(seed), int(np.prod(buffer.shape))
    chosen = np.sort(random.choice(count, SAMPLES, replace=False)) if count > SAMPLES else np.arange(count)
    index = np.unravel_index(chosen, buffer.shape) if buffer.shape else ()
    at = sum((i * s for i, s in zip(index, buffer.strides, strict=True)), np.zeros(len(chosen), np.int64))
    values = np.array(buffer.array).reshape(-1)[chosen]
    return np.asarray(at, np.int64), values.astype(np.float64) if values.dtype.kind not in "iub" else values


def _recipe(offset: int, size: int, kind: np.dtype[np.generic], folder: Path) -> dict[str, object]:
    """Replace a large weight of floats in the file by random numbers; how to make it, or its bytes, again."""
    stored = np.memmap(folder / FILE, np.uint8, "r+")
    part = stored[offset : offset + size]
    if kind.kind in "iub" or size // kind.itemsize <= SMALL:
        return {"offset": offset, "bytes": part.tobytes().hex()}
    values = part.view(kind).astype(np.float32)
    mean, std = float(values.mean()), float(values.std())
    part[:] = random_floats(offset, len(values), kind, mean, std).view(np.uint8)
    return {"offset": offset, "count": len(values), "dtype": kind.name, "mean": mean, "std": std}


def random_floats(seed: int, count: int, kind: np.dtype[np.generic], mean: float, std: float) -> Array:
    """The random numbers of a recipe; the script on the other machine has the same function."""
    values = np.random.Generator(np.random.Philox(seed)).standard_normal(count, np.float32)
    return (values * np.float32(std) + np.float32(mean)).astype(kind)
