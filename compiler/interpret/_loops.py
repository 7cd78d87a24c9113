"""The iteration space of a structured op: its extents, its operands' accesses, and the form of its body."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import ShapedType
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Operation, SSAValue

from ...dialects._shape import Array, shape
from ...dialects._xdsl import IndexOp, IteratorType
from ._access import Access
from ._machine import Body, Env, Scope

Compute = Callable[[Env, Sequence[Array], Sequence[Array]], list[Array]]
"""From the inputs' and the old outputs' arrays to the new outputs."""

FOLDS: dict[type[Operation], Callable[..., Any]] = {
    arith.AddfOp: np.add,
    arith.AddiOp: np.add,
    arith.MulfOp: np.multiply,
    arith.MuliOp: np.multiply,
    arith.MaximumfOp: np.maximum,
    arith.MinimumfOp: np.minimum,
    arith.MaxnumfOp: np.fmax,
    arith.MinnumfOp: np.fmin,
    arith.MaxSIOp: np.maximum,
    arith.MinSIOp: np.minimum,
    arith.AndIOp: np.bitwise_and,
    arith.OrIOp: np.bitwise_or,
    arith.XOrIOp: np.bitwise_xor,
}
"""What may be reduced as a whole: the result does not depend on the order, floats to rounding."""


@dataclass(frozen=True)
class Loops:
    """The iteration space of one op and how its operands are read from it."""

    op: LinalgStructuredOperation
    body: Body
    grid: int
    sizes: tuple[int, ...]
    reduced: tuple[int, ...]
    inputs: tuple[Access, ...]
    outputs: tuple[Access, ...]

    @property
    def old(self) -> tuple[SSAValue, ...]:
        """The body's arguments for the outputs so far."""
        return tuple(self.op.body.block.args[len(self.inputs) :])

    @cached_property
    def yielded(self) -> tuple[SSAValue, ...]:
        """What the body yields."""
        return tuple(self.body.terminator.operands) if self.body.terminator else ()

    @cached_property
    def is_pointwise(self) -> bool:
        """Whether the old outputs are not read."""
        return not any(arg.uses for arg in self.old)

    @property
    def join(self) -> Operation:
        """The op that the first result comes from."""
        owner = self.yielded[0].owner
        return owner if isinstance(owner, Operation) else self.op

    @cached_property
    def fold(self) -> tuple[Callable[..., Any], SSAValue] | None:
        """The ufunc that joins the old output with a value that does not depend on it, and that value."""
        if len(self.outputs) != 1 or not self.old[0].has_one_use():
            return None
        join = self.join
        if type(join) not in FOLDS or self.old[0] not in join.operands or join.parent is not self.op.body.block:
            return None
        (value,) = (v for v in join.operands if v is not self.old[0])
        return FOLDS[type(join)], value


def loops(op: LinalgStructuredOperation, scope: Scope) -> Loops:
    """Read an op's maps; IndexError if a map leaves its operand."""
    kinds = [t.data for t in op.get_iterator_types()]
    sizes = op.get_static_loop_ranges()
    maps = [m.data for m in op.get_indexing_maps()]
    shapes = [shape(v) if isinstance(v.type, ShapedType) else () for v in op.operands]
    accesses = [Access(m, sizes, s) for m, s in zip(maps, shapes, strict=True)]
    count, quiet, grid = len(op.inputs), scope.quiet, scope.fresh()
    for inner in op.body.walk():
        if isinstance(inner, IndexOp):
            scope.grids[inner] = grid
    scope.quiet = True
    body = scope.body(op.body.block)
    scope.quiet = quiet
    reduced = tuple(d for d, kind in enumerate(kinds) if kind is IteratorType.REDUCTION)
    return Loops(op, body, grid, sizes, reduced, tuple(accesses[:count]), tuple(accesses[count:]))


def run(
    found: Loops, env: Env, values: Sequence[Any], grid: Sequence[Any], *, but: Sequence[Operation] = ()
) -> list[Any]:
    """What the body yields for these arguments, `grid` the loops' counters. The ops in `but` are left out, and with
    them the answer is of no use."""
    env[found.grid] = grid
    if not but:
        return found.body.call(env, values)
    for slot, value in zip(found.body.args, values, strict=True):
        env[slot] = value
    for op, step in zip(found.body.ops, found.body.steps, strict=True):
        if op not in but:
            step(env)
    return []
