"""linalg.generic and the other structured ops, evaluated on whole arrays.

A pointwise body runs once, on arrays that broadcast over the iteration space. A reduction is, by its body,
- a contraction, `out + f(a) * g(b)`: one matrix product (_contraction.py);
- a fold, `op(out, f(..))` with op an add, max, ..: f on whole arrays, then ufunc.reduce;
- anything else: the body once for each point of the reduced loops, in order, on arrays over the parallel ones.
A body whose control flow differs between points goes point by point.
"""

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any, cast

import numpy as np
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import SSAValue

from ...dialects._shape import Array
from ...dialects._xdsl import IndexOp
from ._access import Access
from ._buffers import Buffer
from ._contraction import contraction
from ._loops import Compute, Loops, loops, run
from ._machine import Divergent, Env, Scope, Step, rule

LIMIT = 1 << 25
"""Elements up to which a fold holds the whole iteration space in memory."""


@rule(IndexOp)
def index(op: IndexOp, scope: Scope) -> Step:
    """The loop's counter at every point."""
    grid, dim, result = scope.grids[op], op.dim.value.data, scope.slot(op.result)

    def step(env: Env) -> None:
        env[result] = env[grid][dim]

    return step


@rule(LinalgStructuredOperation)
def structured(op: LinalgStructuredOperation, scope: Scope) -> Step:
    """Tensors are new, memrefs are overwritten."""
    found = loops(op, scope)
    compute = (contraction(found, scope) if found.reduced else None) or _whole(found, scope)
    slots, results = scope.of(op.operands), scope.of(op.res)

    def step(env: Env) -> None:
        arrays = [v.array if isinstance(v := env[i], Buffer) else np.asarray(v) for i in slots]
        count = len(found.inputs)
        try:
            made = compute(env, arrays[:count], arrays[count:])
        except Divergent:
            made = _by_point(found, env, arrays[:count], arrays[count:])
        for i, value in zip(results, made, strict=bool(results)):
            env[i] = value
        for old, value in zip(arrays[count:] if not results else [], made, strict=False):
            old[...] = value

    return step


def _whole(found: Loops, scope: Scope) -> Compute:
    fold = found.fold
    value = scope.slot(fold[1]) if fold is not None else 0

    def compute(env: Env, inputs: Sequence[Array], outputs: Sequence[Array]) -> list[Array]:
        views = [a.view(x) for a, x in zip(found.inputs, inputs, strict=True)]
        if not found.reduced:
            return _pointwise(found, env, views, outputs)
        extent = prod(found.sizes)
        if fold is None or extent == 0 or (extent > LIMIT and not _is_argument(fold[1], found)):
            return _by_reduction(found, env, views, outputs)
        run(found, env, [*views, *outputs], np.indices(found.sizes, sparse=True), but=[found.join])
        return [_folded(found, env[value], fold[0], outputs[0])]

    return compute


def _is_argument(value: SSAValue, found: Loops) -> bool:
    return value in found.op.body.block.args


def _pointwise(found: Loops, env: Env, views: Sequence[Array], outputs: Sequence[Array]) -> list[Array]:
    old = [a.view(x) for a, x in zip(found.outputs, outputs, strict=True)]
    values = run(found, env, [*views, *old], np.indices(found.sizes, sparse=True))
    made: list[Array] = []
    for access, output, value in zip(found.outputs, outputs, values, strict=True):
        if access.is_identity:
            made.append(np.array(np.broadcast_to(value, found.sizes), output.dtype))
            continue
        fresh = output.copy()
        access.view(fresh)[...] = value
        made.append(fresh)
    return made


def _folded(found: Loops, value: Any, join: Callable[..., Any], output: Array) -> Array:
    """The reduced loops of `value` joined, then joined with the old output."""
    whole = np.broadcast_to(value, found.sizes)
    ufunc = cast(np.ufunc, join)
    total = ufunc.reduce(whole, axis=found.reduced, keepdims=True, dtype=output.dtype)
    fresh = output.copy()
    seen = _at(found.outputs[0].view(fresh), [0] * len(found.reduced), found.reduced)
    seen[...] = join(seen, total)
    return fresh


def _at(view: Array, point: Sequence[int], reduced: Sequence[int]) -> Array:
    """A view at one point of the reduced loops, their axes kept with extent 1."""
    where = dict(zip(reduced, point, strict=True))
    kept = [d in where and n > 1 for d, n in enumerate(view.shape)]
    return view[tuple(slice(where[d], where[d] + 1) if cut else slice(None) for d, cut in enumerate(kept))]


def _by_reduction(found: Loops, env: Env, views: Sequence[Array], outputs: Sequence[Array]) -> list[Array]:
    fresh = [x.copy() for x in outputs]
    seen = [a.view(x) for a, x in zip(found.outputs, fresh, strict=True)]
    grid = list(np.indices(found.sizes, sparse=True))
    if 0 in found.sizes:
        return fresh
    for point in product(*(range(found.sizes[d]) for d in found.reduced)):
        here = [_at(v, point, found.reduced) for v in views]
        at = [_at(g, point, found.reduced) for g in grid]
        values = run(found, env, [*here, *seen], at)
        for old, value in zip(seen, [v.copy() if isinstance(v, np.ndarray) else v for v in values], strict=True):
            old[...] = value
    return fresh


def _by_point(found: Loops, env: Env, inputs: Sequence[Array], outputs: Sequence[Array]) -> list[Array]:
    """The loops as written: scalars in, scalars out."""
    fresh = [x.copy() for x in outputs]
    accesses = zip((*found.inputs, *found.outputs), (*inputs, *fresh), strict=True)
    views = [np.broadcast_to(a.view(x), found.sizes) for a, x in accesses]
    targets = [_writable(a, x, found.sizes) for a, x in zip(found.outputs, fresh, strict=True)]
    for point in np.ndindex(*found.sizes):
        values = run(found, env, [v[point] for v in views], point)
        for target, value in zip(targets, values, strict=True):
            target[point] = value
    return fresh


def _writable(access: Access, array: Array, sizes: tuple[int, ...]) -> Array:
    view = access.view(array)
    strides = [s if n > 1 else 0 for s, n in zip(view.strides, view.shape, strict=True)]
    return np.lib.stride_tricks.as_strided(view, sizes, strides)
