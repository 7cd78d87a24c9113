"""Sums of products on whole arrays: `out + f(a) * g(b)` as one matrix product, windows by strided views.

    batch, m, k  x  batch, k, n  ->  batch, m, n         m: loops of a and out, n: of b and out, k: reduced

f and g are any elementwise expressions of their operand alone (casts, zero points). Integers are multiplied exactly:
in f64 while the sums stay below 2^53, else in wrapping integers.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import BlockArgument, Operation, SSAValue

from ...dialects._shape import Array
from ...dialects._xdsl import IndexOp
from ._loops import Compute, Loops, run
from ._machine import Env, Scope

CHUNK = 1 << 24
"""Elements of the gathered left operand that are held at once."""


def contraction(found: Loops, scope: Scope) -> Compute | None:
    """How to compute the op if it is a contraction of two operands, else None."""
    if found.fold is None or not isinstance(found.join, arith.AddfOp | arith.AddiOp):
        return None
    product = found.fold[1].owner
    if not isinstance(product, arith.MulfOp | arith.MuliOp) or product.parent is not found.op.body.block:
        return None
    sources = [_source(side, found) for side in (product.lhs, product.rhs)]
    if None in sources or sources[0] == sources[1]:
        return None
    a, b = (i for i in sources if i is not None)
    roles = _roles(found, a, b)
    if roles is None:
        return None
    left, right = scope.of([product.lhs, product.rhs])

    def compute(env: Env, inputs: Sequence[Array], outputs: Sequence[Array]) -> list[Array]:
        run(found, env, [*inputs, *outputs], (), but=[product, found.join])
        x, y = (np.broadcast_to(env[s], inputs[i].shape) for s, i in ((left, a), (right, b)))
        total = _product(found, found.inputs[a].view(x), found.inputs[b].view(y), roles)
        fresh = outputs[0].copy()
        seen = found.outputs[0].view(fresh)
        seen[...] = np.add(seen, total.astype(fresh.dtype))
        return [fresh]

    return compute


def _source(value: SSAValue, found: Loops) -> int | None:
    """The one input that a factor is computed from; None if there are several, or none."""
    seen: set[int] = set()
    todo = [value]
    while todo:
        match todo.pop():
            case BlockArgument(block=block, index=i) if block is found.op.body.block:
                seen.add(i)
            case SSAValue(owner=Operation() as op) if op.parent is found.op.body.block:
                if op.regions or isinstance(op, IndexOp) or op.name.startswith("tensor."):
                    return None
                todo += op.operands
            case _:
                pass
    return seen.pop() if len(seen) == 1 and max(seen) < len(found.inputs) else None


def _roles(found: Loops, a: int, b: int) -> tuple[list[int], list[int], list[int], list[int]] | None:
    """(batch, m, n, k) loops; None if a loop belongs to neither operand or is reduced in one alone."""
    left, right = found.inputs[a].loops, found.inputs[b].loops
    parallel = [d for d in range(len(found.sizes)) if d not in found.reduced]
    batch = [d for d in parallel if d in left and d in right]
    m = [d for d in parallel if d in left and d not in right]
    n = [d for d in parallel if d in right and d not in left]
    if len(batch) + len(m) + len(n) != len(parallel) or not all(d in left and d in right for d in found.reduced):
        return None
    return batch, m, n, list(found.reduced)


def _product(found: Loops, x: Array, y: Array, roles: tuple[list[int], list[int], list[int], list[int]]) -> Array:
    """The sums over k, with one axis for each loop, reduced ones of extent 1."""
    batch, m, n, k = roles
    extents = [[found.sizes[d] for d in role] for role in roles]
    rhs = y.transpose(batch + k + n + m).reshape(*extents[0], prod(extents[3]), prod(extents[2]))
    lhs = x.transpose(batch + m + k + n).reshape(*extents[0], *extents[1], *extents[3])
    outer = (*extents[0], *extents[1])
    made = np.empty((*outer, prod(extents[2])), _wide(x.dtype))
    cut = _cut(outer, prod(extents[3]))
    for at in np.ndindex(*outer[:cut]):
        batches, rows = outer[cut : len(batch)], prod(outer[max(cut, len(batch)) :])
        part = lhs[at].reshape(*batches, rows, prod(extents[3]))
        made[at] = _matmul(part, rhs[at[: len(batch)]]).reshape(*outer[cut:], prod(extents[2]))
    order = batch + m + n + k
    full = made.reshape(*outer, *extents[2], *[1] * len(k))
    return full.transpose([order.index(d) for d in range(len(order))])


def _cut(outer: tuple[int, ...], k: int) -> int:
    """How many of the outer loops are walked one by one, so that the rest of them times k fits into CHUNK."""
    cut = 0
    while cut < len(outer) and prod(outer[cut:]) * k > CHUNK:
        cut += 1
    return min(cut, max(len(outer) - 1, 0))


def _wide(kind: np.dtype[np.generic]) -> np.dtype[np.generic]:
    if kind.kind == "f" and kind.itemsize >= 4:
        return kind
    return np.dtype(np.float32) if kind.kind in "fV" else np.dtype(np.int64)


def _matmul(x: Array, y: Array) -> Array:
    kind = _wide(x.dtype)
    if kind != np.int64:
        return np.matmul(x.astype(kind, copy=False), y.astype(kind, copy=False))
    if not x.size or not y.size:
        return np.matmul(x.astype(kind), y.astype(kind))
    reach = x.shape[-1] * max(1, abs(int(x.max())), abs(int(x.min()))) * max(1, abs(int(y.max())), abs(int(y.min())))
    if reach < 1 << 53:
        return np.matmul(x.astype(np.float64), y.astype(np.float64)).astype(np.int64)
    return np.matmul(x.astype(kind), y.astype(kind))
