"""`loop` and `vector`: memory accesses at a linear address, and ops on the lanes of a vector."""

from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.dialects import vector
from xdsl.dialects.builtin import VectorType
from xdsl.dialects.vector import CombiningKindFlag
from xdsl.ir import SSAValue

from ...dialects import loop
from ...dialects.loop import Combine
from ._machine import Env, Scope, Step, rule
from ._scalars import fma, function, kind, signed, unsigned
from ._tensors import checked, mixed, simple

Address = Callable[[Env], int]
Join = Callable[[Any, Any], Any]


def _lanes(value: SSAValue) -> int:
    return value.type.get_shape()[0] if isinstance(value.type, VectorType) else 0


def _address(op: loop.LoadOp | loop.StoreOp, scope: Scope) -> Address:
    """offset + sum of coefficient * index; the common few terms without a loop."""
    terms = [(c, scope.slot(index)) for c, index in op.terms]
    start = op.offset.value.data
    match terms:
        case []:
            return lambda env: start
        case [(c, i)]:
            return lambda env: start + c * env[i]
        case [(c, i), (d, j)]:
            return lambda env: start + c * env[i] + d * env[j]
        case _:
            return lambda env: start + sum([c * env[i] for c, i in terms])


def _outside(first: int, last: int, size: int) -> IndexError:
    return IndexError(f"expected elements within [0, {size}), found {first}..{last}")


@rule(loop.LoadOp)
def load(op: loop.LoadOp, scope: Scope) -> Step:
    """A scalar, or lanes `stride` elements apart."""
    address, memref, result, lanes, step_by = (
        _address(op, scope),
        scope.slot(op.memref),
        scope.slot(op.res),
        _lanes(op.res),
        op.step,
    )

    def scalar(env: Env) -> None:
        buffer = env[memref]
        at = buffer.offset + address(env)
        if at < 0:
            raise _outside(at, at, len(buffer.flat))
        env[result] = buffer.flat[at]

    def vectored(env: Env) -> None:
        buffer = env[memref]
        at = buffer.offset + address(env)
        last = at + (lanes - 1) * step_by
        if min(at, last) < 0 or max(at, last) >= len(buffer.flat):
            raise _outside(at, last, len(buffer.flat))
        env[result] = buffer.flat[_slice(at, last, step_by, lanes)].copy()

    return vectored if lanes else scalar


@rule(loop.PrefetchOp)
def prefetch(op: loop.PrefetchOp, scope: Scope) -> Step:
    """Nothing: values do not depend on it."""
    return lambda env: None


def _slice(at: int, last: int, by: int, lanes: int) -> Any:
    if by > 0:
        return slice(at, last + 1, by)
    return [at + i * by for i in range(lanes)]


@rule(loop.StoreOp)
def store(op: loop.StoreOp, scope: Scope) -> Step:
    """A scalar, or lanes `stride` elements apart."""
    address, memref, value, lanes, step_by = (
        _address(op, scope),
        scope.slot(op.memref),
        scope.slot(op.value),
        _lanes(op.value),
        op.step,
    )

    def scalar(env: Env) -> None:
        buffer = env[memref]
        at = buffer.offset + address(env)
        if at < 0:
            raise _outside(at, at, len(buffer.flat))
        buffer.flat[at] = env[value]

    def vectored(env: Env) -> None:
        buffer = env[memref]
        at = buffer.offset + address(env)
        last = at + (lanes - 1) * step_by
        if min(at, last) < 0 or max(at, last) >= len(buffer.flat):
            raise _outside(at, last, len(buffer.flat))
        buffer.flat[_slice(at, last, step_by, lanes)] = env[value]

    return vectored if lanes else scalar


def _on_unsigned(join: Join) -> Join:
    return lambda a, b: signed(join(unsigned(a), unsigned(b)))


JOINS: dict[str, Join] = {
    Combine.ADD: np.add,
    Combine.MUL: np.multiply,
    Combine.MAX: np.maximum,
    Combine.MIN: np.minimum,
    Combine.UMAX: _on_unsigned(np.maximum),
    Combine.UMIN: _on_unsigned(np.minimum),
    Combine.AND: np.bitwise_and,
    Combine.OR: np.bitwise_or,
    Combine.XOR: np.bitwise_xor,
    CombiningKindFlag.MINSI: np.minimum,
    CombiningKindFlag.MAXSI: np.maximum,
    CombiningKindFlag.MINUI: _on_unsigned(np.minimum),
    CombiningKindFlag.MAXUI: _on_unsigned(np.maximum),
    CombiningKindFlag.MINIMUMF: np.minimum,
    CombiningKindFlag.MAXIMUMF: np.maximum,
    CombiningKindFlag.MINNUMF: np.fmin,
    CombiningKindFlag.MAXNUMF: np.fmax,
}


def combined(join: Join, lanes: Any) -> Any:
    """The lanes joined pairwise by halves: lane i with lane i + n/2, until one is left; an odd last lane waits."""
    while (n := len(lanes)) > 1:
        half = n // 2
        lanes = np.concatenate([join(lanes[:half], lanes[half : 2 * half]), lanes[2 * half :]])
    return lanes[0]


@rule(loop.ReduceOp)
def reduce(op: loop.ReduceOp, scope: Scope) -> Step:
    """One element from all lanes."""
    join = JOINS[op.kind.data]
    return simple(op, scope, lambda lanes: combined(join, lanes))


@rule(vector.ReductionOp)
def reduction(op: vector.ReductionOp, scope: Scope) -> Step:
    """One element from all lanes, and from the accumulator."""
    join = JOINS[op.kind.data]
    if op.acc is None:
        return simple(op, scope, lambda lanes: combined(join, lanes))
    return simple(op, scope, lambda lanes, old: join(old, combined(join, lanes)))


@rule(loop.SplatOp)
def splat(op: loop.SplatOp, scope: Scope) -> Step:
    """One scalar in all lanes."""
    value, result, lanes, made = scope.slot(op.value), scope.slot(op.res), _lanes(op.res), kind(op.res.type)

    def step(env: Env) -> None:
        env[result] = vector = np.empty(lanes, made)
        vector.fill(env[value])

    return step


@rule(vector.BroadcastOp)
def broadcast(op: vector.BroadcastOp, scope: Scope) -> Step:
    """One value, or a vector of lower rank, in all lanes."""
    dims, made = op.vector.type.get_shape(), kind(op.vector.type)
    return simple(op, scope, lambda value: np.array(np.broadcast_to(value, dims), made))


@rule(loop.LanesOp)
def lane_by_lane(op: loop.LanesOp, scope: Scope) -> Step:
    """numpy's functions take vectors as they take scalars."""
    if (found := function(op.scalar())) is None:
        raise TypeError(f"expected an elementwise op, found {op.callee.data}")
    return simple(op, scope, found)


@rule(loop.StepOp)
def steps(op: loop.StepOp, scope: Scope) -> Step:
    """base, base + 1, ..."""
    lanes = np.arange(_lanes(op.res)).astype(kind(op.res.type))
    return simple(op, scope, lambda base: lanes + base)


@rule(vector.FMAOp)
def fused(op: vector.FMAOp, scope: Scope) -> Step:
    """lhs * rhs + acc, rounded once."""
    return simple(op, scope, fma)


@rule(vector.ShuffleOp)
def shuffle(op: vector.ShuffleOp, scope: Scope) -> Step:
    """Lanes of both vectors by number."""
    mask = list(op.mask.get_values())
    return simple(op, scope, lambda a, b: np.concatenate([a, b])[mask])


@rule(vector.BitcastOp)
def bitcast(op: vector.BitcastOp, scope: Scope) -> Step:
    """The same bits as lanes of another type."""
    made = kind(op.result.type)
    return simple(op, scope, lambda lanes: lanes.view(made))


@rule(vector.ExtractOp)
def extract(op: vector.ExtractOp, scope: Scope) -> Step:
    """A lane, or a vector of lower rank."""
    source, result, at = (
        scope.slot(op.vector),
        scope.slot(op.result),
        mixed(op.static_position, op.dynamic_position, scope),
    )

    def step(env: Env) -> None:
        env[result] = env[source][tuple(at(env))]

    return step


@rule(vector.InsertOp)
def insert(op: vector.InsertOp, scope: Scope) -> Step:
    """A lane, or a vector of lower rank, replaced."""
    source, dest, result = scope.of([op.source, op.dest, op.result])
    at = mixed(op.static_position, op.dynamic_position, scope)

    def step(env: Env) -> None:
        made = env[dest].copy()
        made[tuple(at(env))] = env[source]
        env[result] = made

    return step


@rule(vector.LoadOp, vector.StoreOp)
def contiguous(op: vector.LoadOp | vector.StoreOp, scope: Scope) -> Step:
    """Lanes along the last dimension from the given indices on."""
    base, slots = scope.slot(op.base), scope.of(op.indices)
    value = scope.slot(op.result if isinstance(op, vector.LoadOp) else op.vector)
    lanes = _lanes(op.result if isinstance(op, vector.LoadOp) else op.vector)

    def place(env: Env) -> tuple[Any, tuple[Any, ...]]:
        array, at = env[base].array, [int(env[i]) for i in slots]
        checked(array, at)
        checked(array, [*at[:-1], at[-1] + lanes - 1])
        return array, (*at[:-1], slice(at[-1], at[-1] + lanes))

    def read(env: Env) -> None:
        array, at = place(env)
        env[value] = array[at].copy()

    def write(env: Env) -> None:
        array, at = place(env)
        array[at] = env[value]

    return read if isinstance(op, vector.LoadOp) else write
