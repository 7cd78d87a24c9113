"""The arith dialect in C: operators where C has them, the runtime's functions where C leaves something undefined."""

from typing import cast

from xdsl.dialects import arith
from xdsl.dialects.builtin import IndexType, IntegerAttr, IntegerType
from xdsl.ir import Operation, SSAValue

from ...dialects.loop import LANEWISE, LanesOp
from .types import bits, code, lanes, number, scalar
from .values import Rule, Text, is_plain_number, literal, mask_width


def infix(symbol: str) -> Rule:
    """`a symbol b`, the result wrapped to its type."""

    def rule(t: Text, op: Operation) -> None:
        a, b = map(t.name, op.operands)
        result = op.results[0]
        kind = number(result.type)
        wrap = f"({t.type(result)})" if isinstance(kind, IntegerType) and kind.width.data < 32 else ""
        t.define(result, f"{wrap}({a} {symbol} {b})" if wrap else f"{a} {symbol} {b}")

    return rule


def logic(symbol: str) -> Rule:
    """Bits of integers, or masks; the masks of both sides are brought to one width."""

    def rule(t: Text, op: Operation) -> None:
        result = op.results[0]
        if code(number(result.type)) != "b1":
            infix(symbol)(t, op)
            return
        if lanes(result.type) == 1:
            t.define(result, " ".join((t.name(op.operands[0]), symbol, t.name(op.operands[1]))))
            return
        width = t.masks.get(op.operands[0], 32)
        t.masks[result] = width
        t.define(result, f" {symbol} ".join(t.mask(o, width) for o in op.operands))

    return rule


def each(name: str, *, arguments: int = 2) -> Rule:
    """A function of the runtime on scalars; on vectors the same lane by lane."""

    def rule(t: Text, op: Operation) -> None:
        call(t, op.results[0], name, list(op.operands)[:arguments])

    return rule


def call(t: Text, result: SSAValue, name: str, operands: list[SSAValue]) -> None:
    """`name_f32(a, b)`, or `name_f32x8(a, b)` made of it."""
    short = code(number(result.type))
    function = f"{name}_{short}"
    if (count := lanes(result.type)) > 1:
        function = lanewise(t, function, short, count, len(operands))
    t.define(result, f"{function}({', '.join(map(t.name, operands))})")


def lanewise(t: Text, function: str, short: str, count: int, arguments: int) -> str:
    """The vector form of a scalar function that takes and returns one type."""
    wide = f"{function}x{count}"
    vector = t.helpers.vector(short, count)
    t.helpers.functions[wide] = f"AIC_EACH{arguments}({wide}, {vector}, {count}, {function})"
    return wide


def extremum(which: str) -> Rule:
    """maximumf and minimumf: NaN if either operand is; one instruction if one is a known number."""

    def rule(t: Text, op: Operation) -> None:
        lhs, rhs = op.operands
        if is_plain_number(rhs):
            lhs, rhs = rhs, lhs
        name = f"aic_pick_{which}" if is_plain_number(lhs) else f"aic_{which}"
        result = op.results[0]
        if name.startswith("aic_pick") or lanes(result.type) == 1:
            call(t, result, name, [lhs, rhs])
            return
        short, count = code(number(result.type)), lanes(result.type)
        vector, mask = t.helpers.vector(short, count), t.helpers.vector(f"i{bits(short)}", count)
        pick = lanewise(t, f"aic_pick_{which}_{short}", short, count, 2)
        a, b = t.name(lhs), t.name(rhs)
        t.define(result, f"AIC_SELECT({vector}, {mask}, {a} != {a}, {a}, {pick}({a}, {b}))")

    return rule


ORDERED = {"oeq": "==", "ogt": ">", "oge": ">=", "olt": "<", "ole": "<=", "une": "!="}
FLOAT_PREDICATES = "false oeq ogt oge olt ole one ord ueq ugt uge ult ule une uno true"  # as MLIR numbers them
INT_PREDICATES = ("==", "!=", "<", "<=", ">", ">=", "<", "<=", ">", ">=")


def _predicate(op: Operation) -> int:
    return cast(IntegerAttr, op.properties["predicate"]).value.data


def compare_floats(t: Text, op: Operation) -> None:
    """cmpf: C's comparisons are the ordered ones and `!=`; the others are negations."""
    a, b = map(t.name, op.operands)
    predicate = FLOAT_PREDICATES.split()[_predicate(op)]
    wide = lanes(op.results[0].type) > 1
    invert = "~" if wide else "!"
    match predicate:
        case _ if predicate in ORDERED:
            text = f"{a} {ORDERED[predicate]} {b}"
        case "uno":
            text = f"({a} != {a}) | ({b} != {b})"
        case "ord":
            text = f"({a} == {a}) & ({b} == {b})"
        case "one":
            text = f"({a} < {b}) | ({a} > {b})"
        case "ueq":
            text = f"{invert}(({a} < {b}) | ({a} > {b}))"
        case "ugt" | "uge" | "ult" | "ule":
            opposite = {"ugt": "<=", "uge": "<", "ult": ">=", "ule": ">"}[predicate]
            text = f"{invert}({a} {opposite} {b})"
        case _:
            raise ValueError(f"expected a comparison of floats, found {predicate}")
    if wide:
        t.masks[op.results[0]] = mask_width(op.operands[0].type)
    t.define(op.results[0], text)


def compare_integers(t: Text, op: Operation) -> None:
    """cmpi: the predicate says whether the bits count as signed."""
    which = _predicate(op)
    result, kind = op.results[0], op.operands[0].type
    short, count = code(number(kind)), lanes(kind)
    if count > 1 and short == "b1":
        width = t.masks.get(op.operands[0], 32)
        a, b = (f"(-{t.mask(o, width)})" for o in op.operands)
        t.masks[result] = width
    else:
        a, b = map(t.name, op.operands)
        if count > 1:
            t.masks[result] = bits(short)
    if which >= 6 and short != "b1":
        unsigned = t.helpers.vector(f"u{bits(short)}", count) if count > 1 else f"uint{bits(short)}_t"
        a, b = f"({unsigned}){a}", f"({unsigned}){b}"
    t.define(result, f"{a} {INT_PREDICATES[which]} {b}")


def select(t: Text, op: Operation) -> None:
    """A conditional on scalars, bits under a mask on vectors."""
    condition, yes, no = op.operands
    result = op.results[0]
    if lanes(condition.type) == 1:
        if code(number(result.type)) == "b1" and lanes(result.type) > 1:
            t.masks[result] = t.masks.get(yes, 32)
            t.define(result, f"{t.name(condition)} ? {t.name(yes)} : {t.mask(no, t.masks[result])}")
            return
        t.define(result, f"{t.name(condition)} ? {t.name(yes)} : {t.name(no)}")
        return
    short, count = code(number(result.type)), lanes(result.type)
    if short == "b1":
        width = t.masks.get(yes, 32)
        t.masks[result] = width
        m, a, b = (t.mask(o, width) for o in (condition, yes, no))
        t.define(result, f"({a} & {m}) | ({b} & ~{m})")
        return
    width = bits(short)
    mask = t.helpers.vector(f"i{width}", count)
    inner = f"{t.mask(condition, width)}, {t.name(yes)}, {t.name(no)}"
    t.define(result, f"AIC_SELECT({t.type(result)}, {mask}, {inner})")


def constant(t: Text, op: Operation) -> None:
    """A literal; booleans in all lanes are masks."""
    t.names[op.results[0]] = literal(cast(arith.ConstantOp, op).value)


def negate(t: Text, op: Operation) -> None:
    """-x."""
    t.define(op.results[0], f"-{t.name(op.operands[0])}")


def convert(*, unsigned: bool = False) -> Rule:
    """A cast between number types; `unsigned` reads the operand's bits (ext, to float) as unsigned."""

    def rule(t: Text, op: Operation) -> None:
        source, result = op.operands[0], op.results[0]
        a, b = code(number(source.type)), code(number(result.type))
        count = lanes(source.type)
        if count == 1:
            t.define(result, scalar_cast(t.name(source), a, b, unsigned, scalar(result.type)))
        elif b == "b1":
            t.masks[result] = bits(a)
            t.define(result, f"-({t.name(source)} & 1)")
        else:
            t.define(result, _vector_cast(t, source, a, b, count, unsigned))

    return rule


def scalar_cast(text: str, a: str, b: str, unsigned: bool, wanted: str) -> str:
    """A scalar `text` of type `a` as type `b`."""
    if "bf16" in (a, b):
        return f"aic_from_bf16({text})" if a == "bf16" else f"aic_to_bf16({text})"
    if b == "b1":
        return f"({text} & 1) != 0"
    if a[0] == "i" and unsigned:
        return f"({wanted})(uint{a[1:]}_t){text}"
    if a[0] == "f" and b[0] == "i":
        if b == "i64":
            return f"aic_f64_to_{'u' if unsigned else 'i'}64({text})"
        wide = "aic_f64_to_i64" if b == "i32" and unsigned else "aic_f64_to_i32"
        return f"({wanted}){wide}({text})"
    if a == "b1" and b[0] == "i" and not unsigned:
        return f"({wanted})-{text}"
    return f"({wanted}){text}"


def _vector_cast(t: Text, source: SSAValue, a: str, b: str, count: int, unsigned: bool) -> str:
    wanted = t.helpers.vector(b, count)
    if a == "b1":
        width = bits(b) if b[0] == "i" else 32
        lane = f"({t.mask(source, width)} & 1)" if unsigned else t.mask(source, width)
        return lane if b[0] == "i" else f"__builtin_convertvector({lane}, {wanted})"
    if (a, b) in (("bf16", "f32"), ("i8", "i32"), ("i8", "f32")):
        given = f"({t.helpers.vector('u8', count)})" if unsigned and a == "i8" else ""
        whole = f"{_widening(t, a, count, unsigned)}({given}{t.name(source)})"
        return f"__builtin_convertvector({whole}, {wanted})" if (a, b) == ("i8", "f32") else whole
    if "bf16" in (a, b) or "f16" in (a, b) or (a[0] == "f" and b[0] == "i"):
        return f"{_lane_cast(t, a, b, count, unsigned)}({t.name(source)})"
    name = t.name(source)
    if unsigned and a[0] == "i":
        name = f"({t.helpers.vector(f'u{a[1:]}', count)}){name}"
    if (a, b) == ("i32", "i8"):
        name = f"__builtin_convertvector({name}, {t.helpers.vector('i16', count)})"
    return f"__builtin_convertvector({name}, {wanted})"


def _widening(t: Text, a: str, count: int, unsigned: bool) -> str:
    """A function from bf16 to f32 or from 8 to 32 bits. For eight lanes gcc has to be told the instruction: it
    joins halves by itself, or moves lane by lane."""
    sign, vector = "u" if unsigned else "", t.helpers.vector
    if a == "bf16":
        result, wide = vector("f32", count), vector("u32", count)
        name, source = f"aic_bf16_as_{result}", vector("i16", count)
        told = f"({result})(({wide})__builtin_ia32_pmovzxwd256(x) << 16)"
        plain = f"({result})(__builtin_convertvector(({vector('u16', count)})x, {wide}) << 16)"
    else:
        result, between = vector("i32", count), vector("u16" if unsigned else "i16", count)
        name, source = f"aic_{sign}i8_as_{result}", vector("u8" if unsigned else "i8", count)
        whole = f"(AIC_BYTES)(AIC_HALVES){{((union {{ {source} v; long long n; }}){{x}}).n, 0}}"
        told = f"({result})__builtin_ia32_pmov{'z' if unsigned else 's'}xbd256({whole})"
        plain = f"__builtin_convertvector(__builtin_convertvector(x, {between}), {result})"
    lines = [f"#if AIC_GCC_AVX2\n  return {told};\n#else"] if count == AVX2_LANES else []
    body = "\n".join([*lines, f"  return {plain};", *(["#endif"] if lines else [])])
    t.helpers.functions[name] = f"AIC_INLINE {result} {name}({source} x) {{\n{body}\n}}"
    return name


AVX2_LANES = 8
"""Of 32 bits each."""


def _lane_cast(t: Text, a: str, b: str, count: int, unsigned: bool) -> str:
    """A cast that is a function of each lane."""
    name = f"aic_{a}_as_{'u' if unsigned else ''}{b}x{count}"
    source, wanted = t.helpers.vector(a, count), t.helpers.vector(b, count)
    if a == "f32" and b == "i32" and not unsigned:
        body = f"__builtin_convertvector(x, {wanted})"
        t.helpers.functions[name] = f"AIC_INLINE {wanted} {name}({source} x) {{ return {body}; }}"
        return name
    kind = {"b": "aic_bf16", "f": "float"}.get(b[0], f"int{b[1:]}_t") if b[0] != "f" else STORED_FLOAT[b]
    cast_ = scalar_cast("x[i]" if a != "bf16" else "(aic_bf16){(uint16_t)x[i]}", a, b, unsigned, kind)
    value = f"({cast_}).bits" if b == "bf16" else cast_
    t.helpers.functions[name] = (
        f"AIC_INLINE {wanted} {name}({source} x) {{ {wanted} r; AIC_LANES({count}) r[i] = {value}; return r; }}"
    )
    return name


STORED_FLOAT = {"f16": "_Float16", "f32": "float", "f64": "double"}


def index_cast(t: Text, op: Operation) -> None:
    """Between index and an integer type: signed."""
    source, result = op.operands[0], op.results[0]
    if lanes(source.type) > 1:
        t.define(result, f"__builtin_convertvector({t.name(source)}, {t.type(result)})")
        return
    kind = "int64_t" if isinstance(result.type, IndexType) else scalar(result.type)
    t.define(result, f"({kind}){t.name(source)}")


def bitcast(t: Text, op: Operation) -> None:
    """The same bits under another type of the same width."""
    source, result = op.operands[0], op.results[0]
    if lanes(source.type) > 1:
        t.define(result, f"({t.type(result)}){t.name(source)}")
        return
    a, b = t.type(source), t.type(result)
    t.define(result, f"((union {{ {a} from; {b} to; }}){{{t.name(source)}}}).to")


TABLE: dict[type[Operation], Rule] = {
    arith.ConstantOp: constant,
    arith.AddfOp: infix("+"),
    arith.SubfOp: infix("-"),
    arith.MulfOp: infix("*"),
    arith.DivfOp: infix("/"),
    arith.NegfOp: negate,
    arith.MaximumfOp: extremum("max"),
    arith.MinimumfOp: extremum("min"),
    arith.MaxnumfOp: each("aic_maxnum"),
    arith.MinnumfOp: each("aic_minnum"),
    arith.AddiOp: infix("+"),
    arith.SubiOp: infix("-"),
    arith.MuliOp: infix("*"),
    arith.DivSIOp: each("aic_divs"),
    arith.DivUIOp: each("aic_divu"),
    arith.RemSIOp: each("aic_rems"),
    arith.RemUIOp: each("aic_remu"),
    arith.MaxSIOp: each("aic_maxs"),
    arith.MinSIOp: each("aic_mins"),
    arith.MaxUIOp: each("aic_maxu"),
    arith.MinUIOp: each("aic_minu"),
    arith.AndIOp: logic("&"),
    arith.OrIOp: logic("|"),
    arith.XOrIOp: logic("^"),
    arith.ShLIOp: each("aic_shl"),
    arith.ShRUIOp: each("aic_shru"),
    arith.ShRSIOp: each("aic_shrs"),
    arith.CmpfOp: compare_floats,
    arith.CmpiOp: compare_integers,
    arith.SelectOp: select,
    arith.ExtFOp: convert(),
    arith.TruncFOp: convert(),
    arith.ExtSIOp: convert(),
    arith.ExtUIOp: convert(unsigned=True),
    arith.TruncIOp: convert(),
    arith.SIToFPOp: convert(),
    arith.UIToFPOp: convert(unsigned=True),
    arith.FPToSIOp: convert(),
    arith.FPToUIOp: convert(unsigned=True),
    arith.IndexCastOp: index_cast,
    arith.BitcastOp: bitcast,
}


def lane_by_lane(t: Text, op: Operation) -> None:
    """loop.lanes: the rules of arith take vectors."""
    TABLE[LANEWISE[cast(LanesOp, op).callee.data]](t, op)


TABLE[LanesOp] = lane_by_lane
