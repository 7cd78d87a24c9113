"""Micro-kernels that a nest can be replaced by: what they compute, and which way their operands must lie.

    out[row, column] += lhs[row, sum] * rhs[sum, column]         outer-product: rows x vectors of sums in registers

An intrinsic says for each operand how many elements lie between neighbours along each of its loops: 0 if they are one,
1 if they are side by side, * for any number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xdsl.dialects import memref, scf
from xdsl.ir import Operation, SSAValue

from ...dialects.loop import LoadOp, StoreOp
from ._affine import Form
from ._statements import Access, touched

PRODUCTS = {"arith.addf": "arith.mulf", "arith.addi": "arith.muli"}
"""What sums -> what it sums."""


@dataclass(frozen=True)
class Intrinsic:
    """Its loops, by role; the strides of each operand along them; the most sums that registers hold."""

    roles: tuple[str, ...]
    strides: Mapping[str, str]
    most: int


INTRINSICS = {
    "outer-product": Intrinsic(("row", "column", "sum"), {"lhs": "*0*", "rhs": "01*", "out": "*10"}, 32),
}


@dataclass(frozen=True)
class Match:
    """Where a nest's operands lie, and the ops that multiply and sum."""

    places: Mapping[str, Access]
    product: Operation
    total: Operation
    left: str
    """The operand that stands on the left of the product."""


class NoMatch(Exception):
    """Why a nest is not what an intrinsic computes."""


def match(intrinsic: Intrinsic, loops: Sequence[scf.ForOp], steps: Sequence[int]) -> Match:
    """How the nest of these loops, by role, is the intrinsic; NoMatch if it is not."""
    body = [op for loop in loops for op in loop.body.block.ops if not isinstance(op, scf.ForOp | scf.YieldOp)]
    stores = [op for op in body if isinstance(op, StoreOp | memref.StoreOp)]
    if len(stores) != 1:
        raise NoMatch(f"expected one store, found {len(stores)}")
    total = stores[0].value.owner
    if not isinstance(total, Operation) or total.name not in PRODUCTS:
        raise NoMatch("expected a sum that is stored")
    owners = [v.owner for v in total.operands if isinstance(v.owner, Operation)]
    products = [owner for owner in owners if owner.name == PRODUCTS[total.name]]
    olds = [v for v in total.operands if v.owner not in products]
    if len(products) != 1 or len(olds) != 1:
        raise NoMatch("expected a product that is added to what was there")
    out, old = _access(stores[0].operands[0], stores[0]), _access(olds[0])
    if (out.buffer, out.place) != (old.buffer, old.place):
        raise NoMatch("expected the sum to be stored where its old value lay")
    left, right = (_access(v) for v in products[0].operands)
    for names, pair in ((("lhs", "rhs"), (left, right)), (("rhs", "lhs"), (left, right))):
        places = dict(zip(names, pair, strict=True)) | {"out": out}
        if all(_fits(intrinsic.strides[n], a, loops, steps) for n, a in places.items()):
            return Match(places, products[0], total, names[0])
    raise NoMatch(f"its operands do not lie as {', '.join(f'{n} {s}' for n, s in intrinsic.strides.items())} ask")


def _access(value: SSAValue, store: Operation | None = None) -> Access:
    op = store or value.owner
    if not isinstance(op, LoadOp | memref.LoadOp | StoreOp | memref.StoreOp):
        raise NoMatch("expected operands that are loaded")
    (found,) = touched(op)
    if found.place is None or found.lanes != 1:
        raise NoMatch("it is on vectors already")
    return found


def _fits(strides: str, access: Access, loops: Sequence[scf.ForOp], steps: Sequence[int]) -> bool:
    place = access.place
    assert place is not None
    along = [place.terms.get(each.body.block.args[0], 0) * step for each, step in zip(loops, steps, strict=True)]
    return all(wanted == "*" or int(wanted) == found for wanted, found in zip(strides, along, strict=True))


def put(place: Form, values: Mapping[SSAValue, Form]) -> Form:
    """An address with forms for some of its variables."""
    total = Form({v: c for v, c in place.terms.items() if v not in values}, place.constant)
    for value, form in values.items():
        total = total.plus(form, place.terms.get(value, 0))
    return total


def like(op: Operation, operands: Sequence[SSAValue]) -> Operation:
    """An elementwise op on vectors."""
    return type(op).create(
        operands=operands, result_types=[operands[0].type], properties=dict(op.properties), attributes={}
    )
