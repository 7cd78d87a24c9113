"""Compile-time values during an import: constants and weights, what folds, and what a value hangs on.

x + 1 with x known        --> graph.constant (up to 64 elements) or graph.weight @w3
demand(shape of Reshape)  --> its value, or which graph inputs it depends on
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from typing_extensions import TypeIs
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.traits import Pure

from ....dialects._shape import Array, shape, tensor
from ....dialects.graph._base import GraphOp
from ....dialects.graph.quantize import DequantizeOp
from ....dialects.graph.weight import SMALL, AicContext, ConstantOp, WeightOp
from .names import printable
from .node import Unknown

FOLDED = 4096
"""Elements up to which the operands and results of an op are folded on sight."""
DEMANDED = 1 << 24
"""Elements up to which a value is computed because an importer asked for it."""
SLICE = 4096
"""Ops that the computation of a demanded value may reach back over."""


@dataclass
class Constants:
    """`main` is the block of @main, `names` its arguments' names; `given` holds what is known of other values."""

    ctx: AicContext
    main: Block
    names: Sequence[str]
    given: dict[SSAValue, Array] = field(default_factory=dict[SSAValue, Array])
    _top: Operation | None = None
    _count: int = 0

    def make(self, value: Array) -> Operation:
        """An op, not yet inserted, whose result is this value: in the IR if it is small, a weight otherwise."""
        return ConstantOp(value) if value.size <= SMALL else self.weight(value.dtype, value.shape, lambda: value)

    def weight(self, kind: np.dtype[np.generic], dims: tuple[int, ...], make: Callable[[], Array]) -> WeightOp:
        """A weight under the next free name w0, w1, ..., its array made at first use."""
        while f"w{self._count}" in self.ctx.weights:
            self._count += 1
        return WeightOp(self.ctx.weights.add(f"w{self._count}", make), tensor(kind, dims))

    def at_top(self, op: Operation) -> SSAValue:
        """Insert an op among the constants at the head of @main, which every region sees; its result."""
        if self._top is not None:
            self.main.insert_ops_after([op], self._top)
        elif self.main.first_op is not None:
            self.main.insert_ops_before([op], self.main.first_op)
        else:
            self.main.add_op(op)
        self._top = op
        return op.results[0]

    def known(self, value: SSAValue) -> Array | None:
        """The value if it is a constant, a weight or given, else None."""
        if (found := self.given.get(value)) is not None:
            return found
        match value.owner:
            case ConstantOp() as op:
                return self.given.setdefault(value, op.array())
            case WeightOp() as op:
                return self.ctx.weights[op.weight]
            case _:
                return None

    def fold(self, op: Operation) -> tuple[Array, ...] | None:
        """The results of an op whose operands are all known and, like its results, small; else None. Integers that
        stand for floats stay integers: a target may compute with them."""
        if not _is_pure(op) or isinstance(op, DequantizeOp) or not op.operands:
            return None
        if any(_size(v) > FOLDED for v in (*op.operands, *op.results)):
            return None
        inputs = [self.known(operand) for operand in op.operands]
        if not all(value is not None for value in inputs):
            return None
        return op.evaluate(*inputs)

    def demand(self, value: SSAValue, what: str) -> Array:
        """The value, computed if it hangs on known values only; else Unknown, with the graph inputs it hangs on."""
        if (found := self.known(value)) is not None:
            return found
        steps, names, obstacle = self._slice(value)
        if names:
            listed = ", ".join(printable(name) for name in names)
            reason = f"the value of {printable(what)!r} must be known at compile time; it hangs on graph input {listed}"
            raise Unknown(reason, f"give it: --value {printable(names[0])}=...", names)
        if obstacle:
            reason = f"the value of {printable(what)!r} must be known at compile time, and {obstacle}"
            raise Unknown(reason, None, ())
        for op in steps:
            inputs = [self.known(operand) for operand in op.operands]
            self.given.update(zip(op.results, op.evaluate(*inputs), strict=True))
        return self.given[value]

    def _slice(self, value: SSAValue) -> tuple[list[GraphOp], tuple[str, ...], str]:
        """The unknown ops that `value` is computed by, in order; the inputs it hangs on; why it cannot be computed."""
        order: list[GraphOp] = []
        names: dict[str, None] = {}
        obstacle = ""
        seen: set[SSAValue | Operation] = set()
        stack: list[tuple[SSAValue, bool]] = [(value, False)]
        while stack:
            at, done = stack.pop()
            op = at.owner
            if isinstance(op, GraphOp) and done:
                order.append(op)
            elif at in seen or op in seen or self.known(at) is not None:
                continue
            elif isinstance(at, BlockArgument):
                seen.add(at)
                if at.block is self.main:
                    names[self.names[at.index]] = None
                else:
                    obstacle = "it changes inside a loop"
            elif isinstance(op, GraphOp):
                seen.add(op)
                if not _is_pure(op):
                    obstacle = f"it is the result of {op.name}"
                elif any(_size(v) > DEMANDED for v in op.results) or len(seen) > SLICE:
                    obstacle = "it takes too much work to compute"
                stack.append((at, True))
                inner = [operand for nested in op.walk() if nested is not op for operand in nested.operands]
                outer = (v for v in inner if not op.is_ancestor(v.owner))
                stack += [(operand, False) for operand in (*op.operands, *outer)]
        return order, tuple(names), obstacle


def _is_pure(op: Operation) -> TypeIs[GraphOp]:
    return isinstance(op, GraphOp) and not op.regions and op.has_trait(Pure)


def _size(value: SSAValue) -> int:
    return prod(shape(value))
