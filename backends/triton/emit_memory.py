"""Loads and stores in Triton: logical indices become a pointer and, where the view's bounds may be left, a mask.

%a = tile.load %x[%i, %j] other 0.0 : f16 bounds ["upper", "none"]
    a = tl.load(x + rm[:, None] * 768 + rk[None, :], mask=rm[:, None] < M, other=0.0)
"""

from collections.abc import Sequence

from xdsl.ir import SSAValue

from ...dialects._shape import dtype
from ...dialects.tile._block import kind
from ...dialects.tile.kernel import KernelOp
from ...dialects.tile.memory import Access, AtomicOp, LoadOp, StoreOp
from ...dialects.tile.view import Extent
from .emit_values import AND, COMPARE, PRODUCT, SUM, Expr, Text, joined, literal

LONG = 80
"""Characters of an access's arguments, at most."""
FAR = 1 << 31
"""Offsets from which on they need 64 bits."""


def load(text: Text, op: LoadOp) -> None:
    """A named block: loads keep their order."""
    mask = _mask(text, op)
    pointer = _pointer(text, op, mask)
    rest = [] if mask is None or op.other is None else [f"other={literal(op.other).text}"]
    shape = joined([pointer.shape, () if mask is None else mask.shape])
    arguments = _arguments(text, [pointer.text], mask, [*rest, *_hints(op)])
    text.line(f"{text.name(op.res, shape)} = tl.load({arguments})")


def store(text: Text, op: StoreOp) -> None:
    """A line without a name."""
    mask = _mask(text, op)
    value, pointer = text.of(op.value), _pointer(text, op, mask)
    text.line(f"tl.store({_arguments(text, [pointer.text, value.text], mask, _hints(op))})")


def atomic(text: Text, op: AtomicOp) -> None:
    """Named if the old values are read."""
    mask = _mask(text, op)
    value, pointer = text.exact(op.value), _pointer(text, op, mask)
    call = f"tl.atomic_{op.update.data}({_arguments(text, [pointer.text, value.text], mask, [])})"
    text.line(f"{text.name(op.res, pointer.shape)} = {call}" if op.res.uses else call)


def _arguments(text: Text, given: list[str], mask: Expr | None, rest: list[str]) -> str:
    """The arguments of an access; a long mask has a line of its own."""
    if mask is None:
        return ", ".join([*given, *rest])
    name = mask.text
    if sum(map(len, (*given, *rest, name))) > LONG:
        text.line(f"{(name := text.fresh('mask'))} = {mask.text}")
    return ", ".join([*given, f"mask={name}", *rest])


def _hints(op: Access) -> list[str]:
    cache = [] if op.cache is None else [f'cache_modifier="{op.cache.data}"']
    return cache + ([] if op.evict is None else [f'eviction_policy="{op.evict.data}"'])


def _extent(text: Text, op: Access, extent: Extent) -> Expr:
    """A size or stride: a number, or the kernel's arguments that it names."""
    if extent.static is not None:
        return Expr(str(extent.static), literal=True)
    func = op.parent_op()
    while not isinstance(func, KernelOp):
        assert func is not None
        func = func.parent_op()
    factor = [] if extent.factor == 1 else [str(extent.factor)]
    names = [text.of(func.scalars[s]).text for s in extent.symbols]
    return Expr(" * ".join([*factor, *names]), PRODUCT if len(factor + names) > 1 else Expr("").level)


def _pointer(text: Text, op: Access, mask: Expr | None) -> Expr:
    base, type = text.of(op.view), op.type
    reach = [s.static and (n.static or 1) * s.static for n, s in zip(type.sizes, type.strides, strict=True)]
    far = sum(r or 0 for r in reach) >= FAR
    terms: list[str] = []
    shapes: list[tuple[int, ...]] = []
    for value, stride in zip(op.indices, type.strides, strict=True):
        index = text.of(value)
        shapes.append(index.shape)
        if index.literal and index.text == "0":
            continue
        terms.append(_term(text, op, value, stride, far))
    shape = joined(shapes)
    made = Expr(" + ".join([base.text, *terms]), SUM if terms else base.level, shape)
    wider = mask is not None and joined([mask.shape, shape]) != shape
    if wider or (shape != op.shape() and not isinstance(op, LoadOp)):
        return Expr(f"tl.broadcast_to({made.text}, {op.shape()})", shape=op.shape())
    return made


def _term(text: Text, op: Access, value: SSAValue, stride: Extent, far: bool) -> str:
    index, step = text.of(value), _extent(text, op, stride)
    if far and dtype(kind(value)).itemsize < 8 and not index.literal:
        index = Expr(f"{index.at(Expr('').level)}.to(tl.int64)", shape=index.shape)
    if stride.static == 1:
        return index.at(SUM + 1)
    return f"{index.at(PRODUCT)} * {step.at(PRODUCT + 1)}"


def _mask(text: Text, op: Access) -> Expr | None:
    parts: list[Expr] = []
    for value, size, check in zip(op.indices, op.type.sizes, op.checks, strict=True):
        parts += _checks(text, op, value, size, check)
    if op.mask is not None:
        parts.append(text.of(op.mask))
    return conjunction(parts)


def conjunction(parts: Sequence[Expr]) -> Expr | None:
    """`(a < b) & (c < d)`"""
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    return Expr(" & ".join(p.at(AND + 1) for p in parts), AND, joined([p.shape for p in parts]))


def _checks(text: Text, op: Access, value: SSAValue, size: Extent, check: str) -> list[Expr]:
    index, limit = text.of(value), _extent(text, op, size)
    fixed = int(index.text) if index.literal else None
    found: list[Expr] = []
    if check in ("both", "lower") and (fixed is None or fixed < 0):
        found.append(Expr(f"{index.at(COMPARE + 1)} >= 0", COMPARE, index.shape))
    if check in ("both", "upper") and (fixed is None or size.static is None or fixed >= size.static):
        found.append(Expr(f"{index.at(COMPARE + 1)} < {limit.at(COMPARE + 1)}", COMPARE, index.shape))
    return found
