"""Ops that do the same to all elements of a channel (axis 1): y = factor[c] * x + offset[c], both known."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.ir import Operation, SSAValue

from ...dialects._shape import shape
from ...dialects.graph.elementwise import AddOp, MulOp
from ...dialects.graph.normalization import BatchNormOp
from ...dialects.graph.weight import Recipe, WeightStore, recipe

Vector = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
MakeVector = Callable[[], Vector]


@dataclass(frozen=True)
class Affine:
    """What is done to the channels of `value`; an absent factor is 1, an absent offset 0."""

    value: SSAValue
    factor: MakeVector | None
    offset: MakeVector | None


def affine(op: Operation, weights: WeightStore) -> Affine | None:
    """The op as a function of channels, None if it is none."""
    match op:
        case BatchNormOp():
            return batch_norm(op, weights)
        case MulOp() | AddOp():
            for value, other in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
                if value.type == op.res.type and (vector := per_channel(other, shape(value), weights)) is not None:
                    return Affine(value, vector, None) if isinstance(op, MulOp) else Affine(value, None, vector)
            return None
        case _:
            return None


def batch_norm(op: BatchNormOp, weights: WeightStore) -> Affine | None:
    """factor = scale / sqrt(var + epsilon), offset = bias - mean * factor."""
    known = [r for v in (op.scale, op.bias, op.mean, op.var) if (r := recipe(v, weights)) is not None]
    if len(known) < 4:
        return None
    scale, bias, mean, var = map(as_vector, known)

    def factor() -> Vector:
        with np.errstate(all="ignore"):
            return scale() / np.sqrt(var() + op.eps)

    return Affine(op.input, factor, lambda: bias() - mean() * factor())


def per_channel(value: SSAValue, dims: tuple[int, ...], weights: WeightStore) -> MakeVector | None:
    """A known value that broadcasts to `dims` and varies along axis 1 at most, as a vector of dims[1] numbers."""
    if len(dims) < 2 or len(shape(value)) > len(dims) or (make := recipe(value, weights)) is None:
        return None
    padded = (1,) * (len(dims) - len(shape(value))) + shape(value)
    if prod(padded) not in (1, dims[1]) or padded[1] != prod(padded):
        return None
    vector = as_vector(make)
    return lambda: np.broadcast_to(vector(), dims[1:2])


def as_vector(make: Recipe) -> MakeVector:
    """A known value's elements in f64."""
    return lambda: make().astype(np.float64).reshape(-1)
