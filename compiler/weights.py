"""Numbers for the weights that an IR text names: a text alone has none."""

import zlib

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from ..dialects._shape import Array, dtype, shape
from ..dialects.graph.weight import AicContext, WeightOp


def random_weights(ctx: AicContext, module: ModuleOp, seed: int) -> None:
    """Enter random numbers for every weight that the store lacks; each depends on the seed and its name alone."""
    for op in module.walk():
        if isinstance(op, WeightOp) and op.weight not in ctx.weights:
            ctx.weights.add(op.weight, random_array(shape(op.res), dtype(op.res.type), (seed, op.weight)))


def random_array(dims: tuple[int, ...], kind: np.dtype[np.generic], key: tuple[int, str]) -> Array:
    """Floats as a normal distribution, integers over their whole range (at most 16 bits of it), bools."""
    seed, name = key
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    if kind.kind in "iu":
        info = np.iinfo(str(kind))
        return rng.integers(max(info.min, -(1 << 15)), min(info.max, 1 << 15), dims, endpoint=True).astype(kind)
    if kind == np.bool_:
        return rng.integers(0, 2, dims).astype(kind)
    return rng.standard_normal(dims).astype(kind)
