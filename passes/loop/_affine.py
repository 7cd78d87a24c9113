"""Index values as affine forms: sums of multiples of loop variables and of values that do not change, and a constant.

%a = arith.muli %i, %c8 ; %b = arith.addi %a, %j ; %c = arith.subi %b, %c1        8 i + j - 1
%u = arith.minsi %b, %n                                  as an upper bound: each of 8 i + j and n
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xdsl.dialects import affine, arith
from xdsl.ir import SSAValue
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
    AffineSymExpr,
)

from ._work import constant


@dataclass(frozen=True)
class Form:
    """The sum of `terms[value] * value`, and `constant`."""

    terms: Mapping[SSAValue, int]
    constant: int = 0

    def plus(self, other: "Form", factor: int = 1) -> "Form":
        """This form and `factor` times another."""
        terms = dict(self.terms)
        for value, coefficient in other.terms.items():
            terms[value] = terms.get(value, 0) + factor * coefficient
        return Form({v: c for v, c in terms.items() if c}, self.constant + factor * other.constant)

    def times(self, factor: int) -> "Form":
        """The form scaled."""
        return Form({}).plus(self, factor)

    def text(self, names: Mapping[SSAValue, str]) -> str:
        """The form in isl's notation."""
        parts = [f"{c} * {names[v]}" for v, c in self.terms.items()]
        return " + ".join([*parts, str(self.constant)]).replace("+ -", "- ")


def form(value: SSAValue) -> Form:
    """What a value is; of anything but sums, differences and multiples, itself."""
    if (number := constant(value)) is not None:
        return Form({}, number)
    match value.owner:
        case arith.AddiOp(lhs=lhs, rhs=rhs):
            return form(lhs).plus(form(rhs))
        case arith.SubiOp(lhs=lhs, rhs=rhs):
            return form(lhs).plus(form(rhs), -1)
        case arith.MuliOp(lhs=lhs, rhs=rhs):
            left, right = form(lhs), form(rhs)
            if not left.terms or not right.terms:
                return right.times(left.constant) if not left.terms else left.times(right.constant)
        case affine.ApplyOp() as op:
            results = op.map.data.results
            found = of_expression(results[0], [form(v) for v in op.operands], op.map.data.num_dims)
            if found is not None:
                return found
        case _:
            pass
    return Form({value: 1})


def of_expression(expr: AffineExpr, operands: list[Form], dims: int) -> Form | None:
    """What a map's result is of forms for its dimensions and symbols; None if it divides."""
    match expr:
        case AffineConstantExpr():
            return Form({}, expr.value)
        case AffineDimExpr():
            return operands[expr.position]
        case AffineSymExpr():
            return operands[dims + expr.position]
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Add | AffineBinaryOpKind.Mul):
            left, right = (of_expression(e, operands, dims) for e in (expr.lhs, expr.rhs))
            if left is None or right is None:
                return None
            if expr.kind is AffineBinaryOpKind.Add:
                return left.plus(right)
            if left.terms and right.terms:
                return None
            return right.times(left.constant) if not left.terms else left.times(right.constant)
        case _:
            return None


def uppers(bound: SSAValue) -> list[Form]:
    """The forms that a loop's upper bound is the least of."""
    match bound.owner:
        case arith.MinSIOp(lhs=lhs, rhs=rhs):
            return [*uppers(lhs), *uppers(rhs)]
        case affine.MinOp() as op:
            map, operands = op.map.data, [form(v) for v in op.operands]
            found = [of_expression(e, operands, map.num_dims) for e in map.results]
            known = [f for f in found if f is not None]
            return known if len(known) == len(found) else [Form({bound: 1})]
        case _:
            return [form(bound)]


def lowers(bound: SSAValue) -> list[Form]:
    """The forms that a loop's lower bound is the greatest of."""
    if isinstance(op := bound.owner, arith.MaxSIOp):
        return [*lowers(op.lhs), *lowers(op.rhs)]
    return [form(bound)]


def atoms(forms: Iterable[Form]) -> set[SSAValue]:
    """The values that forms are made of."""
    return {value for each in forms for value in each.terms}
