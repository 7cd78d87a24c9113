"""tensor.*, linalg.fill and the like: whole numpy arrays in, whole numpy arrays out."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseArrayBase
from xdsl.ir import Operation, SSAValue

from ...dialects._shape import Array, dtype, shape
from ...dialects._xdsl import FillOp, TransposeOp
from ...dialects.graph._base import ints
from ._machine import Env, Scope, Step, rule
from ._ownership import owned


def poisoned(dims: tuple[int, ...], kind: np.dtype[np.generic]) -> Array:
    """Memory that nobody has written: NaN, or an unlikely number, so that reading it shows."""
    bits = np.empty(dims, kind)
    bits.reshape(-1).view(np.uint8)[...] = 0xFF if kind.kind in "fV" else 1 if kind == np.bool_ else 0xA5
    return bits


def mixed(static: DenseArrayBase, dynamic: Sequence[SSAValue], scope: Scope) -> Callable[[Env], list[int]]:
    """Reads a list of numbers that are partly static, partly values."""
    slots = iter(scope.of(dynamic))
    parts = [(v, -1) if v != DYNAMIC_INDEX else (0, next(slots)) for v in ints(static)]
    if all(slot < 0 for _, slot in parts):
        fixed = [int(v) for v, _ in parts]
        return lambda env: fixed
    return lambda env: [int(v) if slot < 0 else int(env[slot]) for v, slot in parts]


def window(
    dims: Sequence[int], offsets: Sequence[int], sizes: Sequence[int], steps: Sequence[int]
) -> tuple[slice, ...]:
    """The slices of a box; IndexError if it leaves the array."""
    for dim, (n, at, size, by) in enumerate(zip(dims, offsets, sizes, steps, strict=True)):
        if size and not (0 <= at < n and 0 <= at + (size - 1) * by < n):
            raise IndexError(f"dimension {dim}: expected [{at}:{size}:{by}] within {n} elements")
    stops = [at + size * by for at, size, by in zip(offsets, sizes, steps, strict=True)]
    return tuple(slice(at, stop if stop >= 0 else None, by) for at, stop, by in zip(offsets, stops, steps, strict=True))


def checked(array: Array, index: list[Any]) -> tuple[Any, ...]:
    """The index, scalars or arrays; IndexError if any of it lies outside, negative included."""
    for dim, (at, n) in enumerate(zip(index, array.shape, strict=True)):
        outside = at.size and not (at.min() >= 0 and at.max() < n) if isinstance(at, np.ndarray) else not 0 <= at < n
        if outside:
            low, high = (at.min(), at.max()) if isinstance(at, np.ndarray) else (at, at)
            raise IndexError(f"dimension {dim}: expected an index in [0, {n}), found {low}..{high}")
    return tuple(index)


def simple(op: Operation, scope: Scope, f: Callable[..., Any]) -> Step:
    """The one result is `f` of all operands."""
    result, slots = scope.slot(op.results[0]), scope.of(op.operands)

    def step(env: Env) -> None:
        env[result] = f(*[env[i] for i in slots])

    return step


@rule(tensor.EmptyOp)
def empty(op: tensor.EmptyOp, scope: Scope) -> Step:
    """Unwritten memory, new each time."""
    dims, kind = shape(op.tensor), dtype(op.tensor.type)
    return simple(op, scope, lambda: poisoned(dims, kind))


@rule(tensor.ExtractOp)
def extract(op: tensor.ExtractOp, scope: Scope) -> Step:
    """One element; with arrays of indices, as many."""
    source, *slots = scope.of(op.operands)
    result = scope.slot(op.result)

    def step(env: Env) -> None:
        array = env[source]
        env[result] = array[checked(array, [env[i] for i in slots])]

    return step


@rule(tensor.InsertOp)
def insert(op: tensor.InsertOp, scope: Scope) -> Step:
    """One element replaced, in place where nobody can tell."""
    scalar, dest, *slots = scope.of(op.operands)
    result, in_place = scope.slot(op.result), owned(op.dest, op)

    def step(env: Env) -> None:
        array = env[dest] if in_place else env[dest].copy()
        array[checked(array, [int(env[i]) for i in slots])] = env[scalar]
        env[result] = array

    return step


@rule(tensor.ExtractSliceOp)
def extract_slice(op: tensor.ExtractSliceOp, scope: Scope) -> Step:
    """A box of the source, of the result's rank."""
    source, result, dims = scope.slot(op.source), scope.slot(op.result), shape(op.result)
    offsets = mixed(op.static_offsets, op.offsets, scope)
    sizes = mixed(op.static_sizes, op.sizes, scope)
    strides = mixed(op.static_strides, op.strides, scope)

    def step(env: Env) -> None:
        array = env[source]
        env[result] = array[window(array.shape, offsets(env), sizes(env), strides(env))].reshape(dims).copy()

    return step


@rule(tensor.InsertSliceOp)
def insert_slice(op: tensor.InsertSliceOp, scope: Scope) -> Step:
    """A box of the destination replaced, in place where nobody can tell."""
    source, dest, result, in_place = *scope.of([op.source, op.dest, op.result]), owned(op.dest, op)
    offsets = mixed(op.static_offsets, op.offsets, scope)
    sizes = mixed(op.static_sizes, op.sizes, scope)
    strides = mixed(op.static_strides, op.strides, scope)

    def step(env: Env) -> None:
        array = env[dest] if in_place else env[dest].copy()
        box = array[window(array.shape, offsets(env), sizes(env), strides(env))]
        box[...] = env[source].reshape(box.shape)
        env[result] = array

    return step


@rule(tensor.CollapseShapeOp, tensor.ExpandShapeOp, tensor.CastOp)
def reshape(op: Operation, scope: Scope) -> Step:
    """The same elements in row-major order, under the result's shape."""
    source, result, dims = scope.slot(op.operands[0]), scope.slot(op.results[0]), shape(op.results[0])

    def step(env: Env) -> None:
        env[result] = env[source].reshape(dims)

    return step


@rule(tensor.ReshapeOp)
def dynamic_reshape(op: tensor.ReshapeOp, scope: Scope) -> Step:
    """As above; the shape operand only repeats the static shape."""
    return simple(op, scope, lambda array, _: array.reshape(shape(op.result)))


@rule(tensor.ConcatOp)
def concat(op: tensor.ConcatOp, scope: Scope) -> Step:
    """The operands one after another along one dimension."""
    axis = op.dim.value.data
    return simple(op, scope, lambda *arrays: np.concatenate(arrays, axis))


@rule(tensor.SplatOp)
def splat(op: tensor.SplatOp, scope: Scope) -> Step:
    """One scalar everywhere."""
    dims, kind = shape(op.result), dtype(op.result.type)
    return simple(op, scope, lambda scalar: np.full(dims, scalar, kind))


@rule(tensor.FromElementsOp)
def from_elements(op: tensor.FromElementsOp, scope: Scope) -> Step:
    """Scalars as a tensor, in row-major order."""
    dims, kind = shape(op.result), dtype(op.result.type)
    return simple(op, scope, lambda *scalars: np.array(scalars, kind).reshape(dims))


@rule(tensor.DimOp)
def dim(op: tensor.DimOp, scope: Scope) -> Step:
    """The extent of one dimension."""
    return simple(op, scope, lambda array, axis: array.shape[int(axis)])


@rule(tensor.PadOp)
def pad(op: tensor.PadOp, scope: Scope) -> Step:
    """The region's value around the source."""
    source, result, dims = scope.slot(op.source), scope.slot(op.result), shape(op.result)
    low = mixed(op.static_low, op.low, scope)
    kind, body = dtype(op.result.type), scope.body(op.region.block)

    def step(env: Env) -> None:
        (border,) = body.call(env, np.indices(dims, sparse=True))
        array, before = env[source], low(env)
        found = np.full(dims, border, kind)
        inside = tuple(slice(max(a, 0), a + n) for a, n in zip(before, array.shape, strict=True))
        kept = tuple(slice(max(-a, 0), n - a) for a, n in zip(before, dims, strict=True))
        found[inside] = array[kept]
        env[result] = found

    return step


@rule(FillOp)
def fill(op: FillOp, scope: Scope) -> Step:
    """One scalar everywhere; into a memref in place."""
    scalar, out = scope.slot(op.inputs[0]), scope.slot(op.outputs[0])
    if not op.res:

        def overwrite(env: Env) -> None:
            env[out].array[...] = env[scalar]

        return overwrite
    result, dims, kind = scope.slot(op.res[0]), shape(op.res[0]), dtype(op.res[0].type)

    def step(env: Env) -> None:
        env[result] = np.full(dims, env[scalar], kind)

    return step


@rule(TransposeOp)
def transpose(op: TransposeOp, scope: Scope) -> Step:
    """Result dimension i is operand dimension permutation[i]; into a memref in place."""
    source, out, order = scope.slot(op.inputs[0]), scope.slot(op.outputs[0]), tuple(op.permutation.get_values())
    if not op.res:

        def overwrite(env: Env) -> None:
            env[out].array[...] = env[source].array.transpose(order)

        return overwrite
    result = scope.slot(op.res[0])

    def step(env: Env) -> None:
        env[result] = env[source].transpose(order).copy()

    return step
