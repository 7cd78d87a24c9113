"""Loads, stores, vectors' lanes and views of buffers in C. A buffer is a pointer to its first element."""

from collections.abc import Sequence
from typing import cast

from xdsl.dialects import memref, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType
from xdsl.ir import Operation, SSAValue

from ...dialects import loop
from ...dialects._layout import strides_of
from ...dialects.graph.weight import WeightOp
from .types import code, lanes, number, pointer, stored
from .values import Rule, Text


def address(t: Text, terms: Sequence[tuple[int, SSAValue]], offset: int) -> str:
    """The affine address of an access, in elements."""
    parts = [t.name(i) if c == 1 else f"{t.name(i)} * {c}" for c, i in terms]
    if offset or not parts:
        parts.append(str(offset))
    return " + ".join(parts)


def load(t: Text, op: Operation) -> None:
    """loop.load."""
    access = cast(loop.LoadOp, op)
    place = address(t, access.terms, access.offset.value.data)
    if _is_shared(access):
        raw = t.helpers.vector("f32", lanes(access.res.type))
        t.define(access.res, f"AIC_KEPT({raw}, *(const {raw} *)({t.name(access.memref)} + {place}))")
        return
    _load(t, access.res, access.memref, place, access.step)


def _is_shared(access: loop.LoadOp) -> bool:
    """Whether several products of one round of a reduction read this vector: it had better be loaded once. Left alone,
    gcc makes the load a part of each multiply-add, and with 16 registers the loads take longer than these (3 by 4
    vectors: 477 us, kept 351)."""
    around = access.parent_op()
    if lanes(access.res.type) == 1 or access.step != 1 or code(number(access.res.type)) != "f32":
        return False
    return isinstance(around, scf.ForOp) and bool(around.iter_args) and len(list(access.res.uses)) > 1


def _load(t: Text, result: SSAValue, buffer: SSAValue, place: str, step: int) -> None:
    base, kind = t.name(buffer), number(result.type)
    short, count = code(kind), lanes(result.type)
    if count == 1:
        t.define(result, f"{base}[{place}] != 0" if short == "b1" else f"{base}[{place}]")
        return
    raw = t.helpers.vector({"b1": "i8", "bf16": "i16"}.get(short, short), count)
    if step == 1:
        text = f"*(const {raw} *)({base} + {place})"
    else:
        member = ".bits" if short == "bf16" else ""
        elements = ", ".join(f"{base}[{place} + {i * step}]{member}" for i in range(count))
        text = f"({raw}){{{elements}}}"
    if short == "b1":
        t.masks[result] = 8
        text = f"{text} != 0"
    t.define(result, text)


def store(t: Text, op: Operation) -> None:
    """loop.store."""
    access = cast(loop.StoreOp, op)
    _store(t, access.value, access.memref, address(t, access.terms, access.offset.value.data), access.step)


def prefetch(t: Text, op: Operation) -> None:
    """loop.prefetch, for reading, into the second cache."""
    access = cast(loop.PrefetchOp, op)
    place = address(t, access.terms, access.offset.value.data)
    t.line(f"__builtin_prefetch({t.name(access.memref)} + {place}, 0, 2);")


def _store(t: Text, value: SSAValue, buffer: SSAValue, place: str, step: int) -> None:
    base = t.name(buffer)
    short, count = code(number(value.type)), lanes(value.type)
    if count == 1:
        t.line(f"{base}[{place}] = {t.name(value)};")
        return
    text = f"({t.mask(value, 8)} & 1)" if short == "b1" else t.name(value)
    raw = t.helpers.vector({"b1": "i8", "bf16": "i16"}.get(short, short), count)
    if step == 1:
        t.line(f"*({raw} *)({base} + {place}) = {text};")
        return
    member = ".bits" if short == "bf16" else ""
    t.line(
        f"{{ const {raw} lane = {text}; "
        + " ".join(f"{base}[{place} + {i * step}]{member} = lane[{i}];" for i in range(count))
        + " }"
    )


def splat(t: Text, op: Operation) -> None:
    """One scalar in all lanes."""
    result = cast(loop.SplatOp, op).res
    name, short, count = t.name(op.operands[0]), code(number(result.type)), lanes(result.type)
    if short == "b1":
        t.masks[result] = 32
        t.define(result, f"({t.helpers.vector('i32', count)}){{0}} - (int32_t){name}")
        return
    if short[0] == "f":
        t.define(result, f"({t.type(result)}){{{', '.join([name] * count)}}}")
        return
    member = ".bits" if short == "bf16" else ""
    t.define(result, f"({t.type(result)}){{{', '.join([name + member] * count)}}}")


def step(t: Text, op: Operation) -> None:
    """base, base + 1, ..."""
    result = op.results[0]
    base = t.name(op.operands[0])
    t.define(result, f"({t.type(result)}){{{', '.join(f'{base} + {i}' for i in range(lanes(result.type)))}}}")


JOIN = {"add": "{} + {}", "mul": "{} * {}", "and": "{} & {}", "or": "{} | {}", "xor": "{} ^ {}"}


def reduce(t: Text, op: Operation) -> None:
    """The lanes combined by halves."""
    vector, result = op.operands[0], op.results[0]
    kind = str(cast(loop.ReduceOp, op).kind.data)
    short, count = code(number(vector.type)), lanes(vector.type)
    name = f"aic_join_{kind}_{short}x{count}"
    wide = t.helpers.vector("i32" if short == "b1" else short, count)
    if kind in JOIN:
        join = JOIN[kind].format("x[i]", "x[i + n]")
    else:
        function = f"aic_{kind}s" if kind in ("max", "min") and short[0] == "i" else f"aic_{kind}"
        function = {"umax": "aic_maxu", "umin": "aic_minu"}.get(kind, function)
        join = f"{function}_{short}(x[i], x[i + n])"
    scalar = "_Bool" if short == "b1" else stored(number(vector.type))
    t.helpers.functions[name] = (
        f"AIC_INLINE {scalar} {name}({wide} x) {{ "
        f"for (int n = {count // 2}; n; n /= 2) AIC_LANES(n) x[i] = {join}; return x[0]; }}"
    )
    argument = t.mask(vector, 32) if short == "b1" else t.name(vector)
    t.define(result, f"{name}({argument})")


def _place(t: Text, buffer: SSAValue, indices: Sequence[SSAValue]) -> str:
    found = strides_of(buffer.type)
    if found is None:
        raise TypeError(f"expected a strided buffer, found {buffer.type}")
    terms = [(s, i) for s, i in zip(found[1], indices, strict=True) if s]
    return address(t, terms, 0)


def element_load(t: Text, op: Operation) -> None:
    """memref.load: logical indices."""
    access = cast(memref.LoadOp, op)
    _load(t, access.res, access.memref, _place(t, access.memref, access.indices), 1)


def element_store(t: Text, op: Operation) -> None:
    """memref.store: logical indices."""
    access = cast(memref.StoreOp, op)
    _store(t, access.value, access.memref, _place(t, access.memref, access.indices), 1)


def alloca(t: Text, op: Operation) -> None:
    """A buffer on the stack."""
    result = op.results[0]
    type = cast(MemRefType, result.type)
    size = 1
    for n in type.get_shape():
        size *= n
    t.line(f"{stored(type.element_type)} {t.fresh(result)}[{max(size, 1)}] __attribute__((aligned(64)));")


def view(t: Text, op: Operation) -> None:
    """memref.view: bytes of the arena as a typed buffer."""
    result = op.results[0]
    kind = pointer(result.type)
    t.line(f"{kind}{t.fresh(result)} = ({kind})({t.name(op.operands[0])} + {t.name(op.operands[1])});")


def reinterpret(t: Text, op: Operation) -> None:
    """memref.reinterpret_cast: only the offset matters here, strides stand in the type."""
    cast_ = cast(memref.ReinterpretCastOp, op)
    offsets = [v for v in cast_.static_offsets.get_values()]
    dynamic = list(cast_.offsets)
    offset = t.name(dynamic[0]) if offsets[0] == DYNAMIC_INDEX and dynamic else str(offsets[0])
    kind = pointer(cast_.result.type)
    t.line(f"{kind}{t.fresh(cast_.result)} = {t.name(cast_.source)} + {offset};")


def weight(t: Text, op: Operation) -> None:
    """graph.weight: its place in the blob, which the program knows by name."""
    found = cast(WeightOp, op)
    kind = pointer(found.res.type)
    t.line(f"{kind}{t.fresh(found.res)} = ({kind})(AIC_WEIGHTS + {t.helpers.weights[found]});")


TABLE: dict[type[Operation], Rule] = {
    loop.LoadOp: load,
    loop.StoreOp: store,
    loop.PrefetchOp: prefetch,
    loop.SplatOp: splat,
    loop.StepOp: step,
    loop.ReduceOp: reduce,
    memref.LoadOp: element_load,
    memref.StoreOp: element_store,
    memref.AllocaOp: alloca,
    memref.ViewOp: view,
    memref.ReinterpretCastOp: reinterpret,
    WeightOp: weight,
}
