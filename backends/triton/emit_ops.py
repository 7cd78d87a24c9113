"""What each op without memory is in Triton: a table from op to text, in the order of the dialect.

%3 = arith.addf %1, %2        v3 = v1 + v2
%4 = tile.expand %3 axis 1    v3[:, None]
"""

from collections.abc import Callable

from xdsl.dialects import arith, math
from xdsl.ir import Operation

from ...dialects._shape import dtype
from ...dialects.graph._base import ints
from ...dialects.tile._block import dims, kind
from ...dialects.tile.compute import CastOp, CmpOp, DotOp, JoinOp, ReshapeOp, SelectOp, TransOp
from ...dialects.tile.index import ArangeOp, BroadcastOp, ExpandOp, NprogOp, PidOp
from ...dialects.tile.reduction import ReduceOp, Reduction, ScanOp
from .emit_values import AND, CALL, COMPARE, OR, PRODUCT, SHIFT, SUM, UNARY, WIDE, XOR, Expr, Text, joined, type_name

INFIX: dict[type[Operation], tuple[str, int]] = {
    arith.AddiOp: ("+", SUM),
    arith.SubiOp: ("-", SUM),
    arith.MuliOp: ("*", PRODUCT),
    arith.DivSIOp: ("//", PRODUCT),
    arith.RemSIOp: ("%", PRODUCT),
    arith.AndIOp: ("&", AND),
    arith.OrIOp: ("|", OR),
    arith.XOrIOp: ("^", XOR),
    arith.ShLIOp: ("<<", SHIFT),
    arith.ShRSIOp: (">>", SHIFT),
    arith.AddfOp: ("+", SUM),
    arith.SubfOp: ("-", SUM),
    arith.MulfOp: ("*", PRODUCT),
    arith.DivfOp: ("/", PRODUCT),
}
SPREADS = ", propagate_nan=tl.PropagateNan.ALL"
CALLS: dict[type[Operation], tuple[str, str]] = {
    arith.CeilDivSIOp: ("tl.cdiv", ""),
    arith.MaxSIOp: ("tl.maximum", ""),
    arith.MinSIOp: ("tl.minimum", ""),
    arith.MaximumfOp: ("tl.maximum", SPREADS),
    arith.MinimumfOp: ("tl.minimum", SPREADS),
    arith.MaxnumfOp: ("tl.maximum", ""),
    arith.MinnumfOp: ("tl.minimum", ""),
    math.ExpOp: ("tl.exp", ""),
    math.Exp2Op: ("tl.exp2", ""),
    math.LogOp: ("tl.log", ""),
    math.Log2Op: ("tl.log2", ""),
    math.SqrtOp: ("tl.sqrt", ""),
    math.RsqrtOp: ("tl.rsqrt", ""),
    math.SinOp: ("tl.sin", ""),
    math.CosOp: ("tl.cos", ""),
    math.ErfOp: ("tl.erf", ""),
    math.FloorOp: ("tl.floor", ""),
    math.CeilOp: ("tl.ceil", ""),
    math.AbsFOp: ("tl.abs", ""),
    math.AbsIOp: ("tl.abs", ""),
    math.FmaOp: ("tl.fma", ""),
}
"""Functions, with what stands behind their arguments."""
ORDERS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
HELPERS = {
    "aic_prod": "a * b",
    "aic_max": "tl.maximum(a, b)",
    "aic_min": "tl.minimum(a, b)",
}
"""Functions of two elements that a kernel may need beside itself."""
SCANS = {Reduction.PROD: "aic_prod", Reduction.MAX: "aic_max", Reduction.MIN: "aic_min"}


def infix(text: Text, op: Operation) -> Expr:
    """`a + b`, in parentheses where it must be."""
    sign, level = INFIX[type(op)]
    lhs, rhs = _operands(text, op)
    made = Expr(f"{lhs.at(level)} {sign} {rhs.at(level + 1)}", level, joined([lhs.shape, rhs.shape]))
    return _typed(op, [lhs, rhs], made)


def call(text: Text, op: Operation) -> Expr:
    """`f(a, b)`"""
    name, rest = CALLS[type(op)]
    given = _operands(text, op)
    made = Expr(f"{name}({', '.join(e.text for e in given)}{rest})", shape=joined([e.shape for e in given]))
    narrow = name in ("tl.maximum", "tl.minimum") and dtype(kind(op.results[0])).name == "bfloat16"
    return _cast(made, op) if narrow else _typed(op, given, made)


def _operands(text: Text, op: Operation) -> list[Expr]:
    """The operands' texts; the first one spelled out where there would be literals alone."""
    given = [text.of(v) for v in op.operands]
    return [text.exact(op.operands[0]), *given[1:]] if all(e.literal for e in given) else given


def _typed(op: Operation, given: list[Expr], made: Expr) -> Expr:
    """A literal beside a narrow scalar widens it, beside a block it does not."""
    widens = any(e.literal for e in given) and not made.shape and dtype(kind(op.results[0])).name not in WIDE
    return _cast(made, op) if widens else made


def _cast(made: Expr, op: Operation) -> Expr:
    return Expr(f"{made.at(CALL)}.to({type_name(op.results[0])})", shape=made.shape)


def negation(text: Text, op: arith.NegfOp) -> Expr:
    """`-a`"""
    source = text.of(op.operand)
    return Expr(f"-{source.at(UNARY)}", UNARY, source.shape, source.literal)


def pid(text: Text, op: PidOp) -> Expr:
    """`tl.program_id(0)`"""
    return Expr(f"tl.program_id({op.axis.value.data})")


def nprog(text: Text, op: NprogOp) -> Expr:
    """`tl.num_programs(0)`"""
    return Expr(f"tl.num_programs({op.axis.value.data})")


def arange(text: Text, op: ArangeOp) -> Expr:
    """`tl.arange(0, 128)`"""
    return Expr(f"tl.arange(0, {op.size.value.data})", shape=dims(op.res))


def expand(text: Text, op: ExpandOp) -> Expr:
    """`a[:, None]`"""
    source, axis = text.of(op.block), op.axis.value.data
    if not source.shape:
        return source
    parts = [":"] * len(source.shape)
    parts.insert(axis, "None")
    shape = (*source.shape[:axis], 1, *source.shape[axis:])
    return Expr(f"{source.at(CALL)}[{', '.join(parts)}]", shape=shape)


def broadcast(text: Text, op: BroadcastOp) -> Expr:
    """Nothing: blocks broadcast where they meet."""
    return text.of(op.source)


def compare(text: Text, op: CmpOp) -> Expr:
    """`a < b`"""
    lhs, rhs = _operands(text, op)
    sign = ORDERS[op.order.data]
    return Expr(f"{lhs.at(COMPARE + 1)} {sign} {rhs.at(COMPARE + 1)}", COMPARE, joined([lhs.shape, rhs.shape]))


def select(text: Text, op: SelectOp) -> Expr:
    """`tl.where(c, a, b)`; one of two literals says its type."""
    condition, yes, no = (text.of(v) for v in op.operands)
    if condition.literal:
        condition = text.exact(op.condition)
    if yes.literal and no.literal:
        yes = text.exact(op.yes)
    given = [condition, yes, no]
    made = Expr(f"tl.where({', '.join(e.text for e in given)})", shape=joined([e.shape for e in given]))
    return _typed(op, [yes, no], made)


def cast(text: Text, op: CastOp) -> Expr:
    """`a.to(tl.float16)`"""
    source = text.exact(op.source) if text.of(op.source).literal else text.of(op.source)
    return Expr(f"{source.at(CALL)}.to({type_name(op.res)})", shape=source.shape)


def trans(text: Text, op: TransOp) -> Expr:
    """`tl.trans(a)`, or `tl.permute`"""
    source, order = text.exact(op.block).text, ints(op.order)
    made = f"tl.trans({source})" if order == (1, 0) else f"tl.permute({source}, {order})"
    return Expr(made, shape=dims(op.res))


def reshape(text: Text, op: ReshapeOp) -> Expr:
    """`tl.reshape(a, (64, 32))`"""
    return Expr(f"tl.reshape({text.exact(op.block).text}, {dims(op.res)})", shape=dims(op.res))


def join(text: Text, op: JoinOp) -> Expr:
    """`tl.join(a, b)`"""
    return Expr(f"tl.join({text.exact(op.lhs).text}, {text.exact(op.rhs).text})", shape=dims(op.res))


def dot(text: Text, op: DotOp) -> Expr:
    """`tl.dot(a, b, acc)`; nothing is added to zero."""
    given = [text.exact(op.lhs).text, text.exact(op.rhs).text]
    acc = text.of(op.acc)
    if not (acc.literal and acc.text in ("0", "0.0")):
        given.append(text.exact(op.acc).text)
    if op.precision is not None:
        given.append(f'input_precision="{op.precision.data}"')
    return Expr(f"tl.dot({', '.join(given)})", shape=dims(op.res))


def reduce(text: Text, op: ReduceOp) -> Expr:
    """`tl.sum(a, axis=1)`"""
    source, axis, combine = text.exact(op.block).text, op.axis.value.data, op.combine.data
    if combine is Reduction.PROD:
        text.helpers.add("aic_prod")
        return Expr(f"tl.reduce({source}, {axis}, aic_prod)", shape=dims(op.res))
    return Expr(f"tl.{combine}({source}, axis={axis})", shape=dims(op.res))


def scan(text: Text, op: ScanOp) -> Expr:
    """`tl.cumsum(a, axis=0)`, or `tl.associative_scan`"""
    source, axis, combine = text.exact(op.block).text, op.axis.value.data, op.combine.data
    reverse = "" if op.reverse is None else ", reverse=True"
    if combine is Reduction.SUM:
        return Expr(f"tl.cumsum({source}, axis={axis}{reverse})", shape=dims(op.res))
    text.helpers.add(helper := SCANS[combine])
    return Expr(f"tl.associative_scan({source}, {axis}, {helper}{reverse})", shape=dims(op.res))


EXPRESSIONS: dict[type[Operation], Callable[..., Expr]] = {
    **dict.fromkeys(INFIX, infix),
    **dict.fromkeys(CALLS, call),
    arith.NegfOp: negation,
    PidOp: pid,
    NprogOp: nprog,
    ArangeOp: arange,
    ExpandOp: expand,
    BroadcastOp: broadcast,
    CmpOp: compare,
    SelectOp: select,
    CastOp: cast,
    TransOp: trans,
    ReshapeOp: reshape,
    JoinOp: join,
    ReduceOp: reduce,
    ScanOp: scan,
    DotOp: dot,
}
"""By op, its text."""
