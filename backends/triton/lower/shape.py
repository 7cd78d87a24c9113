"""What form a kernel has: which template it is made by, and its dims by role, outermost first.

y[n,oc,oh,ow] = relu(sum x[n, ic, oh + kh, ow + kw] w[oc, ic, kh, kw])    contraction: M n,oh,ow  N oc  K kh,kw,ic
m = max over j of x[i,j]; e = exp(x - m); s = sum over j of e; y = e / s  rows: X i  R j
y = x + b                                                                 pointwise: X all
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, prod

from xdsl.dialects import arith
from xdsl.dialects.builtin import Float32Type, MemRefType, TensorType
from xdsl.ir import Attribute, Operation

from ....dialects._generic import Access, Generic
from ....dialects._layout import strides_of
from ....dialects._shape import element
from ....dialects._stages import Kernel, Member, Stage
from .body import Unsupported
from .flash import Attention, attention

Dims = tuple[int, ...]
Operand = tuple[Member, Access, Attribute]
"""An access to memory, and the type of what it accesses."""
COMBINE: dict[type[Operation], tuple[str, float]] = {
    arith.AddfOp: ("sum", 0.0),
    arith.AddiOp: ("sum", 0),
    arith.MulfOp: ("prod", 1.0),
    arith.MuliOp: ("prod", 1),
    arith.MaximumfOp: ("max", -inf),
    arith.MinimumfOp: ("min", inf),
    arith.MaxSIOp: ("max", -inf),
    arith.MinSIOp: ("min", inf),
}
"""By combiner: how tile.reduce names it, and what it ignores."""


@dataclass(frozen=True)
class Pointwise:
    """Nothing is reduced."""

    x: Dims


@dataclass(frozen=True)
class Rows:
    """Stage after stage runs over rows of R for each X, and reduces them, or not."""

    x: Dims
    r: tuple[Dims, ...]
    """By stage; empty where it runs over X alone."""
    one_by_one: bool
    """Whether R is walked place by place: it is a window, or what combines its elements is no op of `COMBINE`."""
    along: bool
    """Whether neighbours along R lie side by side."""


@dataclass(frozen=True)
class Product:
    """One sum of products of blocks, and what becomes of it."""

    member: Member
    batch: Dims
    m: Dims
    n: Dims
    k: Dims


def form(found: Kernel) -> Pointwise | Rows | Product | Attention:
    """The form of a kernel; Unsupported if it has none of these."""
    reducing = [s for s in found.stages if s.reduced]
    if not reducing:
        return Pointwise(_by_stride(_space(found.stages), _written(found)))
    if (flash := attention(found)) is not None:
        return flash
    if len(found.stages) == 1 and (product := _product(found, found.stages[0])) is not None:
        return product
    common = found.common if len(found.stages) > 1 else found.stages[0].space - found.stages[0].reduced
    rows: list[Dims] = []
    for stage in found.stages:
        rest = stage.space - common
        if stage.reduced and stage.reduced != rest:
            raise Unsupported("a stage reduces some of the dims that others share, and keeps some")
        rows.append(_by_stride(rest, _read(found, stage.members)))
    reducers = [m.generic for s in reducing for m in s.of("reduce")]
    slow = any(_slides(g) or type(g.combiner) not in COMBINE for g in reducers)
    return Rows(_by_stride(common, _written(found)), tuple(rows), slow, _is_along(found, rows, common))


def _slides(seen: Generic) -> bool:
    """Whether a window has several positions: of one position it is a row like any other."""
    indices = [index for access in seen.inputs for index in access.indices]
    return any(sum(seen.sizes[d] > 1 for d, _ in index.terms) > 1 for index in indices)


def _product(found: Kernel, stage: Stage) -> Product | None:
    """The dims of a contraction if its blocks are worth a dot: no batch of vectors, no products of single numbers."""
    reducers = stage.of("reduce")
    if len(reducers) != 1 or (roles := reducers[0].generic.contraction) is None:
        return None
    member = reducers[0]
    if not isinstance(element(member.results[0]), Float32Type):
        return None
    batch, m, n, k = (_named(member, dims) for dims in (roles.batch, roles.m, roles.n, roles.k))
    rows, columns, depth = (prod(found.sizes[d] for d in dims) for dims in (m, n, k))
    if min(rows, 16) * min(columns, 16) * min(depth, 16) < 256 or columns < 4 or depth < 4:
        return None
    return Product(
        member,
        _by_stride(batch, _written(found)),
        _by_stride(m, _written(found)),
        _by_stride(n, _written(found)),
        _by_stride(k, [o for side in member.generic.inputs for o in _sources(found, member, side)]),
    )


def _sources(found: Kernel, member: Member, side: Access) -> list[Operand]:
    """How an operand lies; of one that is computed on the way nothing is known."""
    pad = found.pads.get(side.value)
    place = found.places.get(side.value if pad is None else pad.source)
    return [] if place is None else [(member, side, place.type)]


def _named(member: Member, dims: Dims) -> frozenset[int]:
    return frozenset(member.dims[d] for d in dims if member.generic.sizes[d] > 1)


def _space(stages: Iterable[Stage]) -> frozenset[int]:
    return frozenset[int]().union(*(s.space for s in stages))


def _written(found: Kernel) -> list[Operand]:
    """How results are written, the largest first."""
    places: list[Operand] = []
    for value, buffers in found.outputs.items():
        if (member := found.maker.get(value)) is not None:
            access = member.generic.outputs[list(member.results).index(value)]
            places += [(member, access, type) for _, type in buffers]
    return _largest_first(places)


def _read(found: Kernel, members: Iterable[Member]) -> list[Operand]:
    """How arguments are read, the largest first."""
    return _largest_first([o for m in members for a in m.generic.inputs for o in _sources(found, m, a)])


def _largest_first(operands: list[Operand]) -> list[Operand]:
    return sorted(operands, key=lambda o: -prod(_dims(o[2])))


def _dims(type: Attribute) -> Dims:
    return type.get_shape() if isinstance(type, MemRefType | TensorType) else ()


def _steps(operand: Operand) -> dict[int, int]:
    """Elements between neighbours along each dim."""
    member, access, type = operand
    if (placed := strides_of(type)) is None:
        raise Unsupported(f"expected strides, found {type}")
    steps: dict[int, int] = {}
    for step, index in zip(placed[1], access.indices, strict=True):
        for dim, coefficient in index.terms:
            steps[member.dims[dim]] = steps.get(member.dims[dim], 0) + abs(step * coefficient)
    return steps


def _by_stride(dims: Iterable[int], operands: Iterable[Operand]) -> Dims:
    """The dims from the widest stride to the narrowest, as the first operand that tells has it."""
    steps = [_steps(operand) for operand in operands]
    return tuple(sorted(dims, key=lambda d: (*(-s.get(d, 0) for s in steps), d)))


def _is_along(found: Kernel, rows: list[Dims], common: Iterable[int]) -> bool:
    reads = [_steps(o) for o in _read(found, found.members)]
    largest = next((s for s in reads if any(d in s for r in rows for d in r)), {})
    inner = [d for d, step in largest.items() if step == 1]
    return not any(d in inner for d in common)
