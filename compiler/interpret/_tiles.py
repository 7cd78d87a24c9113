"""The tile dialect: a launch runs the kernel's program for each point of the grid, in a shuffled order.

What a kernel writes and does not read is poisoned before; afterwards all of it must have been written, unless the
kernel carries the attribute `partial`. What two programs may not do to one element stands in `_windows.py`.
"""

from collections.abc import Callable, Sequence
from itertools import product
from random import Random
from typing import Any

import numpy as np
from xdsl.ir import Operation

from ...dialects._shape import dtype
from ...dialects.tile._block import BlockOp, dims, kind
from ...dialects.tile.index import BroadcastOp, NprogOp, PidOp
from ...dialects.tile.kernel import KernelOp
from ...dialects.tile.memory import AtomicOp, LoadOp, StoreOp, Update
from ._machine import CODES, Body, Env, Scope, Step, rule
from ._tensors import poisoned
from ._windows import Place, Window, load, place, store, update, windows

UPDATES: dict[Update, np.ufunc] = {Update.ADD: np.add, Update.MAX: np.maximum, Update.MIN: np.minimum}


class Launched:
    """A kernel, ready to be launched on buffers and sizes."""

    def __init__(self, func: KernelOp, scope: Scope):
        self.func, self.scope = func, scope
        scope.quiet = True
        scope.grids[func] = scope.fresh()
        self.body: Body = scope.body(func.body.block)

    def __call__(self, *values: Any) -> list[Any]:
        func = self.func
        count = len(func.views)
        sizes = dict(zip(func.scalars, map(int, values[count:]), strict=True))
        seen = windows(func, values[:count], sizes)
        written = [w for view, w in zip(func.views, seen, strict=True) if view in _stored(func)]
        if whole := "partial" not in func.attributes:
            for window in written:
                _poison(window, [w for w in seen if w is not window])
        grid = func.programs(sizes)
        programs = list(product(*map(range, grid)))
        Random(len(programs)).shuffle(programs)
        numbers = tuple(np.int32(n) for n in sizes.values())
        env: Env = [None] * self.scope.count
        for number, pid in enumerate(programs, 1):
            env[self.scope.grids[func]] = (number, pid, grid)
            self.body.call(env, (*seen, *numbers))
        for window in written if whole else ():
            _complete(window)
        return []


CODES[KernelOp] = Launched


def _stored(func: KernelOp) -> set[Any]:
    """Views that are written without being read, even by an atomic."""
    ops = list(func.walk())
    read = {op.view for op in ops if isinstance(op, LoadOp | AtomicOp)}
    return {op.view for op in ops if isinstance(op, StoreOp)} - read


def _poison(window: Window, others: Sequence[Window]) -> None:
    """Unless another view sees the same memory, to read what is written in place."""
    if not any(np.may_share_memory(window.array, w.array) for w in others):
        window.array[...] = poisoned((1,), window.array.dtype)[0]


def _complete(window: Window) -> None:
    """RuntimeError unless all elements have been written."""
    if window.ledger is None or not (gaps := window.ledger.writers == 0).any():
        return
    first = tuple(int(i) for i in np.argwhere(gaps)[0])
    raise RuntimeError(f"{window.name}: {np.count_nonzero(gaps)} elements were never written, {first} the first")


def _kernel(op: Operation) -> Operation:
    found = op.parent_op()
    while found is not None and not isinstance(found, KernelOp):
        found = found.parent_op()
    if found is None:
        raise TypeError("expected to stand in a tile.kernel")
    return found


def _where(op: LoadOp | StoreOp | AtomicOp, scope: Scope) -> Callable[[Env], Place]:
    view, indices = scope.slot(op.view), scope.of(op.indices)
    mask = None if op.mask is None else scope.slot(op.mask)
    checks, shape = op.checks, op.shape()

    def where(env: Env) -> Place:
        return place(env[view], [env[i] for i in indices], checks, None if mask is None else env[mask], shape)

    return where


@rule(PidOp, NprogOp)
def program(op: PidOp | NprogOp, scope: Scope) -> Step:
    """A coordinate of the program, or of the grid."""
    grid, result, axis = scope.grids[_kernel(op)], scope.slot(op.res), op.axis.value.data
    part = 1 if isinstance(op, PidOp) else 2

    def step(env: Env) -> None:
        env[result] = np.int32(env[grid][part][axis])

    return step


@rule(BlockOp)
def blocks(op: BlockOp, scope: Scope) -> Step:
    """The op's own meaning."""
    slots, results = scope.of(op.operands), scope.of(op.results)

    def step(env: Env) -> None:
        for result, value in zip(results, op.evaluate(*[env[i] for i in slots]), strict=True):
            env[result] = value

    return step


@rule(BroadcastOp)
def broadcast(op: BroadcastOp, scope: Scope) -> Step:
    """The op's own meaning, without a copy."""
    source, result, shape = scope.slot(op.source), scope.slot(op.res), dims(op.res)

    def step(env: Env) -> None:
        env[result] = np.broadcast_to(env[source], shape)

    return step


@rule(LoadOp)
def loads(op: LoadOp, scope: Scope) -> Step:
    """The elements; `other`, or poison, for those that are left out."""
    where, view, result = _where(op, scope), scope.slot(op.view), scope.slot(op.res)
    grid, element = scope.grids[_kernel(op)], dtype(kind(op.res))
    rest = poisoned((1,), element)[0] if op.other is None else np.array(op.other.value.data).astype(element)

    def step(env: Env) -> None:
        at = where(env)
        found = load(env[view], at, env[grid][0])
        found = found.copy() if at.live is None else np.where(at.live, found, rest)
        env[result] = found if at.shape else found[()]

    return step


@rule(StoreOp)
def stores(op: StoreOp, scope: Scope) -> Step:
    """Into memory."""
    where, view, value = _where(op, scope), scope.slot(op.view), scope.slot(op.value)
    grid = scope.grids[_kernel(op)]

    def step(env: Env) -> None:
        store(env[view], where(env), env[value], env[grid][0])

    return step


@rule(AtomicOp)
def atomics(op: AtomicOp, scope: Scope) -> Step:
    """One element after the other."""
    where, view, value, result = _where(op, scope), scope.slot(op.view), scope.slot(op.value), scope.slot(op.res)
    grid, ufunc = scope.grids[_kernel(op)], UPDATES[op.update.data]

    def step(env: Env) -> None:
        at = where(env)
        env[result] = update(env[view], at, env[value], ufunc, env[grid][0])

    return step
