"""Index arithmetic written before an op, constants worked out at once."""

from collections.abc import Callable

from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import IndexType, IntegerAttr
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from ._affine import form
from ._naming import Function
from ._work import constant

Number = SSAValue | int


class Numbers:
    """Makes index values before an op; answers plain numbers where it knows them."""

    def __init__(self, before: Operation):
        self.before = before

    def add(self, op: Operation) -> SSAValue:
        """Put an op there; its result."""
        op.location = self.before.location
        Rewriter.insert_op(op, InsertPoint.before(self.before))
        return op.results[0]

    def value(self, number: Number) -> SSAValue:
        """The number as a value: a constant of the function, made once."""
        if not isinstance(number, int):
            return number
        place = _outermost(self.before)
        while (earlier := place.prev_op) is not None:
            place = earlier
            if isinstance(place, arith.ConstantOp) and place.value == IntegerAttr(number, IndexType()):
                return place.result
        made = arith.ConstantOp.from_int_and_width(number, IndexType())
        made.location, made.result.name_hint = self.before.location, f"c{number}" if number >= 0 else None
        Rewriter.insert_op(made, InsertPoint.before(_outermost(self.before)))
        return made.result

    def plus(self, a: Number, b: Number) -> Number:
        """a + b."""
        if known(a) is None and (number := known(b)) is not None and number < 0:
            return self.minus(a, -number)
        return a if known(b) == 0 else b if known(a) == 0 else self._of(arith.AddiOp, int.__add__, a, b)

    def minus(self, a: Number, b: Number) -> Number:
        """a - b."""
        return a if known(b) == 0 else self._of(arith.SubiOp, int.__sub__, a, b)

    def times(self, a: Number, b: Number) -> Number:
        """a * b."""
        return a if known(b) == 1 else b if known(a) == 1 else self._of(arith.MuliOp, int.__mul__, a, b)

    def over(self, a: Number, b: int) -> Number:
        """a / b, towards zero."""
        return a if b == 1 else self._of(arith.DivSIOp, lambda x, y: abs(x) // y * (1 if x >= 0 else -1), a, b)

    def least(self, a: Number, b: Number) -> Number:
        """The smaller one."""
        return self._of(arith.MinSIOp, min, a, b)

    def greatest(self, a: Number, b: Number) -> Number:
        """The larger one."""
        return self._of(arith.MaxSIOp, max, a, b)

    def _of(self, op: type[Operation], fold: Callable[[int, int], int], a: Number, b: Number) -> Number:
        x, y = known(a), known(b)
        if x is not None and y is not None:
            return fold(x, y)
        made = op.create(operands=[self.value(a), self.value(b)], result_types=[IndexType()])
        if isinstance(made, arith.AddiOp | arith.SubiOp | arith.MuliOp):
            made.properties["overflowFlags"] = arith.IntegerOverflowAttr("none")
        return self.add(made)


def _outermost(op: Operation) -> Operation:
    """The op of the function's own block that an op is, or stands in."""
    while (around := op.parent_op()) is not None and not isinstance(around, Function):
        op = around
    return op


def known(number: Number) -> int | None:
    """The number, if it is known."""
    return number if isinstance(number, int) else constant(number)


def rounds(op: scf.ForOp) -> int | None:
    """How often a loop runs, if that is known: its bounds are constants, or a constant apart."""
    step, apart = constant(op.step), form(op.ub).plus(form(op.lb), -1)
    return None if apart.terms or not step or step < 0 else len(range(0, apart.constant, step))


def whole_rounds(at: Numbers, op: scf.ForOp, factor: int) -> Number:
    """Where a loop of a known step is when it has run as often as `factor` goes into its rounds."""
    count, wide = rounds(op), (constant(op.step) or 1) * factor
    whole = at.over(at.minus(op.ub, op.lb), wide) if count is None else count // factor
    return at.plus(op.lb, at.times(whole, wide))
