"""Attention among the kernels: products of queries and keys, a softmax over the keys, a product with the values.

s[b,m,n] = f(sum over d of q[b,m,d] k[b,n,d])   f: pointwise, with masks and scales
x = max over n of s;  p = exp(s - x);  t = sum over n of p;  y[b,m,e] = g(sum over n of p / t v[b,n,e])
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, prod

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import FloatAttr
from xdsl.ir import Operation, SSAValue

from ....dialects._generic import Access
from ....dialects._stages import Kernel, Member
from ....dialects._xdsl import YieldOp

EQUAL, UNORDERED = 1, 14
"""Predicates of arith.cmpf: ordered and equal; true of NaN alone."""
WIDEST = 256
"""Elements of a query, and of a value, at most: a program holds them whole."""


@dataclass(frozen=True)
class Attention:
    """Its two contractions, what they read, the tensor that the softmax is of, the dims by role, outermost first;
    whether the probabilities of queries that see no key are made 0."""

    scores: Member
    result: Member
    query: Access
    key: Access
    value: Access
    softmax: Member
    batch: tuple[int, ...]
    m: tuple[int, ...]
    n: tuple[int, ...]
    d: tuple[int, ...]
    e: tuple[int, ...]
    zeroed: bool


def attention(found: Kernel) -> Attention | None:
    """The kernel as attention, if it is."""
    reducing = [m for m in found.members if m.reduced]
    if len(reducing) != 4:
        return None
    scores, most, total, result = reducing
    first, second = scores.generic.contraction, result.generic.contraction
    if first is None or second is None or first.windows or second.windows:
        return None
    if not (_reduces(most, arith.MaximumfOp) and _reduces(total, arith.AddfOp)) or most.reduced != total.reduced:
        return None
    sides = result.generic.inputs
    read = [_normalised(found, a.value, most, total) for a in sides]
    at = next((i for i, side in enumerate(read) if side is not None), None)
    if at is None or read[1 - at] is not None or sides[1 - at].value not in found.places:
        return None
    queries, keys = (first.m, first.n) if named(scores, first.n) == most.reduced else (first.n, first.m)
    query, key = scores.generic.inputs if queries == first.m else reversed(scores.generic.inputs)
    kept, free = (second.m, second.n) if at == 0 else (second.n, second.m)
    fits = named(scores, keys) == most.reduced == named(result, second.k)
    fits &= named(scores, queries) == named(result, kept)
    fits &= named(scores, first.batch) == named(result, second.batch)
    made = Attention(
        scores,
        result,
        query,
        key,
        sides[1 - at],
        most,
        _ordered(scores, first.batch),
        _ordered(scores, queries),
        _ordered(scores, keys),
        tuple(d for d in sorted(named(scores, first.k))),
        _ordered(result, free),
        bool(read[at]),
    )
    widths = [prod(found.sizes[d] for d in dims) for dims in (made.d, made.e)]
    return made if fits and made.n and min(widths) >= 16 and max(widths) <= WIDEST else None


def named(member: Member, dims: Iterable[int]) -> frozenset[int]:
    """Dims of a generic, those of more than one index, by their names in the kernel."""
    return frozenset(member.dims[d] for d in dims if member.generic.sizes[d] > 1)


def _ordered(member: Member, dims: Iterable[int]) -> tuple[int, ...]:
    """The dims as the result's axes have them."""
    wanted = named(member, dims)
    axes = [member.dims[i.dim] for i in member.generic.outputs[0].indices if i.dim is not None]
    return tuple(d for d in axes if d in wanted)


def _body(member: Member) -> list[Operation]:
    return [op for op in member.generic.op.body.block.ops if not isinstance(op, YieldOp | arith.ConstantOp)]


def _does(member: Member, *ops: type[Operation]) -> bool:
    return [type(op) for op in _body(member)] == list(ops)


def _reduces(member: Member, combiner: type[Operation]) -> bool:
    """Whether a generic reduces one tensor as it stands."""
    return len(member.generic.inputs) == 1 and _does(member, combiner)


def _reads(member: Member, op: Operation, *values: SSAValue) -> bool:
    """Whether an op of the body has these tensors' elements as its operands."""
    args = dict[SSAValue, Access](zip(member.generic.input_args, member.generic.inputs, strict=True))
    return all(v in args and args[v].value is w for v, w in zip(op.operands, values, strict=True))


def _normalised(found: Kernel, value: SSAValue, most: Member, total: Member) -> bool | None:
    """Whether queries that see no key get 0, not NaN, in a tensor that is the softmax of what `most` reads; None if it
    is not that softmax."""
    if (maker := found.maker.get(value)) is None:
        return None
    if (source := _nan_to_zero(found, maker)) is not None:
        return True if _normalised(found, source, most, total) is False else None
    if (zeroed := _divides(maker, total)) is None or not (body := _body(maker)):
        return None
    powers = _source(found, maker, body[-1].operands[0])
    if powers is None or powers.results[0] is not total.generic.inputs[0].value:
        return None
    guarded = _raises(powers, most)
    return None if guarded is None or (zeroed and not guarded) else zeroed


def _source(found: Kernel, member: Member, arg: SSAValue) -> Member | None:
    """What makes the tensor whose element an argument of the body is."""
    args = dict[SSAValue, Access](zip(member.generic.input_args, member.generic.inputs, strict=True))
    return found.maker.get(args[arg].value) if arg in args else None


def _divides(member: Member, total: Member) -> bool | None:
    """Whether x / (t or 1 where t is 0), which is 0 where no key is seen; or x / t; None for another body."""
    body = _body(member)
    by = _unless(member, body[:-1], 0.0, 1.0, total.results[0])
    if not body or not isinstance(body[-1], arith.DivfOp) or by is None or body[-1].operands[1] is not by:
        return None
    return len(body) > 1


def _raises(member: Member, most: Member) -> bool | None:
    """Whether exp(x - (m or 0 where m is -inf)), x what m is the largest of; or exp(x - m); None for another body."""
    body = _body(member)
    if len(body) < 2 or not isinstance(minus := body[-2], arith.SubfOp) or not isinstance(body[-1], math.ExpOp):
        return None
    less = _unless(member, body[:-2], -inf, 0.0, most.results[0])
    args = dict[SSAValue, Access](zip(member.generic.input_args, member.generic.inputs, strict=True))
    lhs, rhs = minus.operands
    same = lhs in args and args[lhs].value is most.generic.inputs[0].value
    found = same and rhs is less and body[-1].operands[0] is minus.results[0]
    return len(body) > 2 if found else None


def _unless(member: Member, body: list[Operation], but: float, then: float, value: SSAValue) -> SSAValue | None:
    """In a body the element of `value`; or, where it is `but`, `then`. None if the ops are no such choice."""
    args = zip(member.generic.input_args, member.generic.inputs, strict=True)
    element = next((arg for arg, access in args if access.value is value), None)
    match body:
        case []:
            return element
        case [arith.CmpfOp() as test, arith.SelectOp() as chosen]:
            asked = test.lhs is element and _is_number(test.rhs, but) and test.predicate.value.data == EQUAL
            kept = chosen.cond is test.result and _is_number(chosen.lhs, then) and chosen.rhs is element
            return chosen.result if asked and kept else None
        case _:
            return None


def _nan_to_zero(found: Kernel, maker: Member) -> SSAValue | None:
    """The tensor that a generic copies, 0 in the place of NaN; the test may be a generic of its own."""
    body = _body(maker)
    if not body or not isinstance(select := body[-1], arith.SelectOp) or not _is_number(select.lhs, 0.0):
        return None
    args = dict[SSAValue, Access](zip(maker.generic.input_args, maker.generic.inputs, strict=True))
    if (kept := args.get(select.rhs)) is None:
        return None
    if isinstance(test := select.cond.owner, arith.CmpfOp):
        return kept.value if len(body) == 2 and _is_uno(test, select.rhs) else None
    asked = found.maker.get(args[select.cond].value) if select.cond in args and len(body) == 1 else None
    if asked is None or not _does(asked, arith.CmpfOp):
        return None
    (test,) = _body(asked)
    same = _reads(asked, test, kept.value, kept.value) and isinstance(test, arith.CmpfOp)
    return kept.value if same and _is_uno(test, test.operands[0]) else None


def _is_uno(test: Operation, value: SSAValue) -> bool:
    uno = isinstance(test, arith.CmpfOp) and test.predicate.value.data == UNORDERED
    return uno and all(v is value for v in test.operands)


def _is_number(value: SSAValue, wanted: float) -> bool:
    owner = value.owner
    number = owner.value if isinstance(owner, arith.ConstantOp) else None
    return isinstance(number, FloatAttr) and number.value.data == wanted
