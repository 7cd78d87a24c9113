"""memref, bufferization and the loads and stores of `loop` and `vector`: memory that views share.

A Buffer is a flat array with an offset, a shape and strides in elements. `memref.view` of an arena makes a new flat
array over some of its bytes; a memref whose layout is an affine map keeps its packed elements in `flat`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from xdsl.dialects import bufferization, memref
from xdsl.ir import Attribute, Operation

from ...dialects._layout import footprint, physical, row_major, strides_of
from ...dialects._shape import Array, dtype, shape
from ._machine import Env, Scope, Step, rule
from ._tensors import checked, mixed, poisoned, window


@dataclass(frozen=True)
class Buffer:
    """Elements of `flat` seen as an array; IndexError if a view of it would leave it."""

    flat: Array
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    logical: Array | None = None

    @cached_property
    def array(self) -> Array:
        """The elements as a numpy view: writing to it writes to the memory."""
        if self.logical is not None:
            return self.logical
        if 0 in self.shape:
            return np.empty(self.shape, self.flat.dtype)
        reach = [(n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)]
        low, high = (self.offset + sum(f(r, 0) for r in reach) for f in (min, max))
        if low < 0 or high >= len(self.flat):
            raise IndexError(f"memref reaches elements {low}..{high} of a buffer of {len(self.flat)}")
        steps = [s * self.flat.itemsize for s in self.strides]
        return np.lib.stride_tricks.as_strided(self.flat[self.offset :], self.shape, steps)


def allocated(type: Attribute) -> Buffer:
    """A new unwritten buffer of a memref type."""
    dims, found = shape(type), strides_of(type)
    offset, strides = found if found is not None else (0, row_major(dims))
    return Buffer(poisoned((footprint(type),), dtype(type)), offset, dims, strides)


def buffer_of(array: Array, type: Attribute) -> Buffer:
    """The array's elements in the memory of a memref type; without a copy if they lie so already."""
    dims, kind = shape(type), dtype(type)
    if array.shape != dims or array.dtype != kind:
        raise ValueError(f"expected {type}, found {array.dtype}{list(array.shape)}")
    if (found := strides_of(type)) is None:
        return Buffer(physical(type)[1](array).reshape(-1), 0, dims, row_major(dims), array)
    offset, strides = found
    return Buffer(physical(type)[1](array).reshape(-1), offset, dims, strides)


@rule(memref.AllocOp, memref.AllocaOp)
def alloc(op: memref.AllocOp | memref.AllocaOp, scope: Scope) -> Step:
    """Unwritten memory, new each time."""
    type, result = op.memref.type, scope.slot(op.memref)

    def step(env: Env) -> None:
        env[result] = allocated(type)

    return step


@rule(memref.DeallocOp, memref.AssumeAlignmentOp)
def nothing(op: Operation, scope: Scope) -> Step:
    """Memory goes when nobody names it."""
    slots = list(zip(scope.of(op.results), scope.of(op.operands), strict=False))

    def step(env: Env) -> None:
        for result, source in slots:
            env[result] = env[source]

    return step


@rule(memref.ViewOp)
def view(op: memref.ViewOp, scope: Scope) -> Step:
    """Some bytes of an i8 buffer as another array; they alone are within reach."""
    source, shift, result = scope.of([op.source, op.byte_shift, op.result])
    dims, kind = shape(op.result), dtype(op.result.type)
    size = int(np.prod(dims)) * kind.itemsize

    def step(env: Env) -> None:
        base, at = env[source], int(env[shift])
        if at < 0 or at + size > len(base.flat):
            raise IndexError(f"view of bytes {at}..{at + size} of a buffer of {len(base.flat)}")
        env[result] = Buffer(base.flat[at : at + size].view(kind), 0, dims, row_major(dims))

    return step


@rule(memref.ReinterpretCastOp)
def reinterpret_cast(op: memref.ReinterpretCastOp, scope: Scope) -> Step:
    """Another offset, shape and strides over the same memory."""
    source, result = scope.slot(op.source), scope.slot(op.result)
    offsets = mixed(op.static_offsets, op.offsets, scope)
    sizes = mixed(op.static_sizes, op.sizes, scope)
    strides = mixed(op.static_strides, op.strides, scope)

    def step(env: Env) -> None:
        made = Buffer(env[source].flat, offsets(env)[0], tuple(sizes(env)), tuple(strides(env)))
        made.array  # noqa: B018  raises if the view leaves the buffer
        env[result] = made

    return step


@rule(memref.SubviewOp)
def subview(op: memref.SubviewOp, scope: Scope) -> Step:
    """A box of a memref, of the result's rank."""
    source, result, dims = scope.slot(op.source), scope.slot(op.result), shape(op.result)
    offsets = mixed(op.static_offsets, op.offsets, scope)
    sizes = mixed(op.static_sizes, op.sizes, scope)
    steps = mixed(op.static_strides, op.strides, scope)

    def step(env: Env) -> None:
        base, at, extents, by = env[source], offsets(env), sizes(env), steps(env)
        window(base.shape, at, extents, by)
        offset = base.offset + sum(a * s for a, s in zip(at, base.strides, strict=True))
        kept = [(n, b * s) for n, b, s in zip(extents, by, base.strides, strict=True)]
        if len(kept) > len(dims):
            kept = _without_ones(kept, dims)
        env[result] = Buffer(base.flat, offset, tuple(n for n, _ in kept), tuple(s for _, s in kept))

    return step


def _without_ones(box: list[tuple[int, int]], dims: tuple[int, ...]) -> list[tuple[int, int]]:
    """Drop dimensions of extent 1 until the extents are `dims`."""
    kept: list[tuple[int, int]] = []
    for i, (n, s) in enumerate(box):
        wanted = dims[len(kept)] if len(kept) < len(dims) else None
        if n == wanted and len(box) - i >= len(dims) - len(kept):
            kept.append((n, s))
    return kept


@rule(memref.CastOp, memref.MemorySpaceCastOp)
def same(op: memref.CastOp | memref.MemorySpaceCastOp, scope: Scope) -> Step:
    """The same memory under another type."""
    source, result = scope.slot(op.source), scope.slot(op.results[0])

    def step(env: Env) -> None:
        env[result] = env[source]

    return step


@rule(memref.CollapseShapeOp, memref.ExpandShapeOp)
def reshape(op: memref.CollapseShapeOp | memref.ExpandShapeOp, scope: Scope) -> Step:
    """The strides of the result's type, over the same memory."""
    source, result, dims = scope.slot(op.src), scope.slot(op.result), shape(op.result)
    found = strides_of(op.result.type)
    if found is None:
        raise TypeError(f"expected static strides, found {op.result.type}")

    def step(env: Env) -> None:
        env[result] = Buffer(env[source].flat, env[source].offset, dims, found[1])

    return step


@rule(memref.DimOp)
def dim(op: memref.DimOp, scope: Scope) -> Step:
    """The extent of one dimension."""
    source, axis, result = scope.of([op.source, op.index, op.result])

    def step(env: Env) -> None:
        env[result] = env[source].shape[int(env[axis])]

    return step


@rule(memref.LoadOp)
def load(op: memref.LoadOp, scope: Scope) -> Step:
    """One element."""
    source, result, slots = scope.slot(op.memref), scope.slot(op.res), scope.of(op.indices)

    def step(env: Env) -> None:
        array = env[source].array
        env[result] = array[checked(array, [env[i] for i in slots])]

    return step


@rule(memref.StoreOp)
def store(op: memref.StoreOp, scope: Scope) -> Step:
    """One element."""
    scalar, target, slots = scope.slot(op.value), scope.slot(op.memref), scope.of(op.indices)

    def step(env: Env) -> None:
        array = env[target].array
        array[checked(array, [env[i] for i in slots])] = env[scalar]

    return step


@rule(memref.CopyOp)
def copy(op: memref.CopyOp, scope: Scope) -> Step:
    """All elements, as if by way of a temporary."""
    source, target = scope.slot(op.source), scope.slot(op.destination)

    def step(env: Env) -> None:
        env[target].array[...] = env[source].array.copy()

    return step


@rule(bufferization.ToTensorOp)
def to_tensor(op: bufferization.ToTensorOp, scope: Scope) -> Step:
    """The memory itself: what is written to it later shows, as it does in the code made from it."""
    source, result = scope.slot(op.memref), scope.slot(op.tensor)

    def step(env: Env) -> None:
        env[result] = env[source].array

    return step


@rule(bufferization.ToBufferOp)
def to_buffer(op: bufferization.ToBufferOp, scope: Scope) -> Step:
    """A buffer with the tensor's elements."""
    source, result, type = scope.slot(op.tensor), scope.slot(op.memref), op.memref.type

    def step(env: Env) -> None:
        env[result] = buffer_of(env[source].copy(), type)

    return step


@rule(bufferization.CloneOp)
def clone(op: bufferization.CloneOp, scope: Scope) -> Step:
    """A new buffer with the same elements."""
    source, result, type = scope.slot(op.input), scope.slot(op.output), op.output.type

    def step(env: Env) -> None:
        env[result] = buffer_of(env[source].array.copy(), type)

    return step


@rule(bufferization.MaterializeInDestinationOp)
def materialize(op: bufferization.MaterializeInDestinationOp, scope: Scope) -> Step:
    """The tensor's elements into the destination; onto tensors, the source itself."""
    source, dest = scope.slot(op.source), scope.slot(op.dest)
    result = None if op.result is None else scope.slot(op.result)

    def step(env: Env) -> None:
        if isinstance(env[dest], Buffer):
            env[dest].array[...] = env[source]
        if result is not None:
            env[result] = env[source]

    return step


@rule(bufferization.AllocTensorOp)
def alloc_tensor(op: bufferization.AllocTensorOp, scope: Scope) -> Step:
    """Unwritten memory, or a copy."""
    result, dims, kind = scope.slot(op.tensor), shape(op.tensor), dtype(op.tensor.type)
    source = None if op.copy is None else scope.slot(op.copy)

    def step(env: Env) -> None:
        env[result] = poisoned(dims, kind) if source is None else env[source].copy()

    return step
