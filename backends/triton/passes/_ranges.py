"""Between which numbers an i32 value of a tile kernel lies, over all programs of its grid.

%p = tile.pid 0                       grid of 6:     0 .. 5
%b = arith.muli %p, %c128                            0 .. 640
%i = arith.addi (broadcast %b), (arange 128)         0 .. 767
%w = arith.remsi %i, (full 56)                       0 .. 55

Scalars that follow from the program's number alone are computed for each program, so that orders of programs by groups,
with their remainders and minima, cost no precision. What is loaded may be anything.
"""

from collections.abc import Callable
from math import inf

import numpy as np
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from ....dialects.tile.compute import CastOp, ReshapeOp, SelectOp, TransOp
from ....dialects.tile.index import ArangeOp, BroadcastOp, ExpandOp, FullOp, NprogOp, PidOp
from ....dialects.tile.kernel import KernelOp

Range = tuple[float, float]
Line = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
ANY: Range = (-inf, inf)
MOST = 1 << 16
"""Programs of a grid, at most, that are looked at one by one."""
SAME = (BroadcastOp, ExpandOp, CastOp, TransOp, ReshapeOp)

ON_ALL: dict[type[Operation], Callable[[Line, Line], Line]] = {
    arith.AddiOp: np.add,
    arith.SubiOp: np.subtract,
    arith.MuliOp: np.multiply,
    arith.MinSIOp: np.minimum,
    arith.MaxSIOp: np.maximum,
    arith.DivSIOp: lambda a, b: np.where(b == 0, 0, a // np.where(b == 0, 1, b)),
    arith.RemSIOp: lambda a, b: np.where(b == 0, 0, np.fmod(a, np.where(b == 0, 1, b))),
    arith.CeilDivSIOp: lambda a, b: np.where(b == 0, 0, -(-a // np.where(b == 0, 1, b))),
}
"""Scalar arithmetic, of numbers that are not negative where it divides."""


class Ranges:
    """What is known of one kernel's values; computed where it is asked for."""

    def __init__(self, func: KernelOp):
        self.grid = _grid(func)
        self.known: dict[SSAValue, Range] = {}
        self.lines: dict[SSAValue, Line | None] = {}

    def of(self, value: SSAValue) -> Range:
        """The least and the greatest number that the value, or an element of it, can be."""
        if value not in self.known:
            line = self._line(value)
            self.known[value] = self._range(value) if line is None else (int(line.min()), int(line.max()))
        return self.known[value]

    def _line(self, value: SSAValue) -> Line | None:
        """A scalar's value for each program; None if it depends on more."""
        if value not in self.lines:
            self.lines[value] = self._computed(value)
        return self.lines[value]

    def _computed(self, value: SSAValue) -> Line | None:
        op = value.owner
        if isinstance(op, Block) or self.grid is None:
            return None
        match op:
            case PidOp():
                axes = np.meshgrid(*(np.arange(n) for n in self.grid), indexing="ij")
                return axes[op.axis.value.data].reshape(-1).astype(np.int64)
            case NprogOp():
                return np.array([self.grid[op.axis.value.data]])
            case arith.ConstantOp(value=IntegerAttr(value=number)):
                return np.array([number.data])
            case _ if type(op) in ON_ALL:
                lhs, rhs = (self._line(v) for v in op.operands)
                return None if lhs is None or rhs is None else ON_ALL[type(op)](lhs, rhs)
            case _:
                return None

    def _range(self, value: SSAValue) -> Range:
        op = value.owner
        if isinstance(op, Block):
            return self._argument(value)
        match op:
            case ArangeOp():
                return 0, op.size.value.data - 1
            case FullOp(value=IntegerAttr(value=number)):
                return number.data, number.data
            case PidOp() | NprogOp():
                return 0, inf
            case SelectOp():
                (a, b), (c, d) = self.of(op.yes), self.of(op.no)
                return min(a, c), max(b, d)
            case BroadcastOp() | ExpandOp() | CastOp() | TransOp() | ReshapeOp():
                return self.of(op.operands[0])
            case _ if len(op.operands) == 2 and type(op) in INTERVALS:
                return INTERVALS[type(op)](self.of(op.operands[0]), self.of(op.operands[1]))
            case _:
                return ANY

    def _argument(self, value: SSAValue) -> Range:
        """A loop's counter, a size, or what a loop carries on."""
        assert isinstance(value, BlockArgument)
        around = value.block.parent_op()
        if isinstance(around, KernelOp):
            return 0, inf
        if not isinstance(around, scf.ForOp) or value.index != 0:
            return ANY
        (low, _), (least, most), (step, widest) = (self.of(v) for v in (around.lb, around.ub, around.step))
        if step == widest and least == most < inf and low == self.of(around.lb)[1] and step > 0:
            return low, max(low, low + (most - 1 - low) // step * step)
        return (low, max(low, most - 1)) if step > 0 else ANY


def _grid(func: KernelOp) -> tuple[int, ...] | None:
    """The grid, where it depends on no size and is not too large."""
    if len(func.sizes):
        return None
    grid = func.programs({})
    return grid if 0 < np.prod(grid) <= MOST else None


def _product(a: float, b: float) -> float:
    return 0 if 0 in (a, b) else a * b


def _mul(lhs: Range, rhs: Range) -> Range:
    found = [_product(a, b) for a in lhs for b in rhs]
    return min(found), max(found)


def _div(lhs: Range, rhs: Range) -> Range:
    if lhs[0] < 0 or rhs[0] <= 0:
        return ANY
    return _whole(lhs[0], rhs[1]), _whole(lhs[1], rhs[0])


def _whole(a: float, b: float) -> float:
    return a if a == inf else 0 if b == inf else a // b


def _rem(lhs: Range, rhs: Range) -> Range:
    """Of a non-negative number; one that is smaller than the divisor stays as it is."""
    if lhs[0] < 0 or rhs[0] <= 0:
        return (-rhs[1] + 1, rhs[1] - 1) if rhs[0] > 0 else ANY
    return lhs if lhs[1] < rhs[0] else (0, min(lhs[1], rhs[1] - 1))


INTERVALS: dict[type[Operation], Callable[[Range, Range], Range]] = {
    arith.AddiOp: lambda a, b: (a[0] + b[0], a[1] + b[1]),
    arith.SubiOp: lambda a, b: (a[0] - b[1], a[1] - b[0]),
    arith.MuliOp: _mul,
    arith.DivSIOp: _div,
    arith.RemSIOp: _rem,
    arith.MinSIOp: lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    arith.MaxSIOp: lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
}
"""By op, the range of its result from those of its operands."""
