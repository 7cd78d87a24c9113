"""A stage's addresses: what each member reads and where its results go, neighbouring dims merged where they can be.

y[n,h,w,c] = relu(x[n,h,w,c]), both dense    (n, h, w, c) -> one dim of n*h*w*c
1x1 convolution, channels last               (oh, ow) -> one dim; 3x3: (kw, ic) -> one dim
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xdsl.dialects.builtin import IndexType, IntegerType
from xdsl.ir import Attribute, SSAValue

from ...dialects._access import Access, axis_steps, located, panel
from ...dialects._generic import Access as View
from ...dialects._shape import dtype, element
from ...dialects._stages import Kernel, Member, Stage
from .body import barred, indexed
from .problem import Load, Problem, Tile

Homes = dict[SSAValue, tuple[SSAValue, Attribute]]
"""A tensor that passes between stages -> the buffer it is kept in, and the type that tells its addresses."""


@dataclass
class Walk:
    """A stage's dims (without the common ones) and addresses."""

    stage: Stage
    sizes: dict[int, int]
    reduced: frozenset[int]
    reads: dict[tuple[Member, int], Access]
    writes: dict[SSAValue, list[Access]]

    @property
    def addresses(self) -> list[Access]:
        """All of them."""
        return [*self.reads.values(), *(a for places in self.writes.values() for a in places)]


def walk(
    found: Kernel,
    stage: Stage,
    homes: Homes,
    scratch: frozenset[SSAValue],
    row: int | None,
    lanes: int,
    tile: Tile | None = None,
) -> Walk:
    """The addresses of a stage. Buffers in `scratch` hold one point of the common dims (`lanes` of the dim `row`). The
    dims that a `tile` names stay, even if another one could take them over."""

    def kept(access: Access) -> Access:
        if access.buffer not in scratch:
            return replace(access, fixed=True)
        steps = {d: (o * lanes, i * lanes) for d, (o, i) in access.steps.items() if d not in found.common}
        if row is not None:
            steps[row] = (0, 1)
        return Access(access.buffer, steps, access.offset * lanes, True)

    reads: dict[tuple[Member, int], Access] = {}
    writes: dict[SSAValue, list[Access]] = {}
    for member in stage.members:
        unused = member.generic.unused
        views = (*member.generic.inputs, *member.generic.outputs)
        for i, view in enumerate(views):
            if i in unused or view.value in found.inits:
                continue
            if view.value in found.places:
                buffer = found.places[view.value]
                reads[member, i] = located(buffer, buffer.type, view.indices, member.dims)
            elif view.value in homes and found.maker[view.value].stage != member.stage:
                reads[member, i] = kept(located(*homes[view.value], view.indices, member.dims))
        for view, value in zip(member.generic.outputs, member.results, strict=True):
            places = [located(dest, type, view.indices, member.dims) for dest, type in found.outputs.get(value, [])]
            whole, start = found.parts.get(value, (value, 0))
            if whole in homes and homes[whole][0] in scratch:
                place = located(*homes[whole], view.indices, member.dims)
                places.append(kept(replace(place, offset=place.offset + start * axis_steps(homes[whole][1])[0][1])))
            if places:
                writes[value] = places
    sizes = {d: n for d, n in found.sizes.items() if d in stage.space and d not in found.common}
    named = (
        frozenset[int]() if tile is None else frozenset(d for d in (tile.vector, tile.row, tile.join) if d is not None)
    )
    return _merged(Walk(stage, sizes, stage.reduced, reads, writes), _panelled(found, stage), named)


def _panelled(found: Kernel, stage: Stage) -> frozenset[int]:
    """Dims that a packed layout splits, and dims whose index a body asks for: neither can be merged."""
    asked = (indexed(member) | barred(member) for member in stage.members)
    return frozenset(panels(found, stage)).union(*asked)


def split_dims(found: Kernel, member: Member, view: View) -> dict[int, int]:
    """The dims along which an operand's layout is packed in panels -> the panels' width."""
    type = found.places[view.value].type
    axes = [(index.dim, panel(type, axis)) for axis, index in enumerate(view.indices)]
    return {member.dims[dim]: width for dim, width in axes if dim is not None and width is not None}


def panels(found: Kernel, stage: Stage) -> dict[int, int]:
    """The dims of a stage that packed layouts split -> the panels' width."""
    widths: dict[int, int] = {}
    for member in stage.members:
        for view in member.generic.inputs:
            if view.value in found.places:
                widths |= split_dims(found, member, view)
    return widths


def _merged(walk: Walk, kept: frozenset[int], named: frozenset[int]) -> Walk:
    while (pair := next(_mergeable(walk, kept, named), None)) is not None:
        outer, inner = pair
        walk.reads = {k: a.without(outer) for k, a in walk.reads.items()}
        walk.writes = {v: [a.without(outer) for a in places] for v, places in walk.writes.items()}
        walk.sizes[inner] *= walk.sizes.pop(outer)
        walk.reduced -= {outer}
    return walk


def _mergeable(walk: Walk, kept: frozenset[int], named: frozenset[int]) -> Iterator[tuple[int, int]]:
    accesses = walk.addresses
    for outer in walk.sizes:
        for inner in walk.sizes:
            if (
                outer == inner
                or outer in named
                or {outer, inner} & kept
                or (outer in walk.reduced) != (inner in walk.reduced)
            ):
                continue
            size = walk.sizes[inner]
            if all(a.steps.get(outer, (0, 0)) == tuple(size * s for s in a.steps.get(inner, (0, 0))) for a in accesses):
                yield outer, inner


def strip(walk: Walk, dim: int, width: int) -> tuple[Walk, int]:
    """The same addresses with `dim` in strips of `width`, which divides its size: within them it goes on as `dim`, the
    strips are counted by a new dim."""
    outer = 1 + max((d for a in walk.addresses for d in a.dims), default=max(walk.sizes))
    sizes = walk.sizes | {dim: width, outer: walk.sizes[dim] // width}
    reduced = walk.reduced | {outer} if dim in walk.reduced else walk.reduced

    def parted(access: Access) -> Access:
        if (step := access.steps.get(dim)) is None:
            return access
        return replace(access, steps={**access.steps, outer: (step[0] * width, step[1] * width)})

    reads = {at: parted(access) for at, access in walk.reads.items()}
    writes = {value: [parted(access) for access in places] for value, places in walk.writes.items()}
    return Walk(walk.stage, sizes, reduced, reads, writes), outer


def join(walk: Walk, outer: int, inner: int) -> Walk:
    """The same addresses with two dims walked as one, under the number of the inner. Addresses that are not linear in
    it keep the steps of both, zeros too: they are found by division."""
    size = walk.sizes[inner]

    def joined(access: Access) -> Access:
        steps = access.steps.get(outer, (0, 0)), access.steps.get(inner, (0, 0))
        if steps[0] == (size * steps[1][0], size * steps[1][1]):
            return access.without(outer)
        return replace(access, steps={**access.steps, outer: steps[0], inner: steps[1]})

    reads = {at: joined(access) for at, access in walk.reads.items()}
    writes = {value: [joined(access) for access in places] for value, places in walk.writes.items()}
    sizes = {d: n for d, n in walk.sizes.items() if d != outer} | {inner: walk.sizes[outer] * size}
    return Walk(walk.stage, sizes, walk.reduced, reads, writes)


def problem(found: Kernel, walk: Walk, vector_bytes: int, free: frozenset[SSAValue] = frozenset()) -> Problem:
    """The stage as the choice of tiles sees it; `free` arguments are weights still to be laid out."""
    reducers = walk.stage.of("reduce")
    inner = {*walk.stage.of("pre"), *reducers}
    loads = tuple(
        Load(access, _bytes(found, member, i), member in inner, access.buffer in free)
        for (member, i), access in walk.reads.items()
    )
    stores = tuple(a for value, places in walk.writes.items() for a in places)
    widest = max((_width(member) for member in walk.stage.members), default=4)
    unmergeable = frozenset[int]().union(*(barred(member) for member in walk.stage.members))
    ops = sum(len(list(member.generic.op.body.block.ops)) for member in walk.stage.members)
    return Problem(
        sizes=walk.sizes,
        reduced=walk.reduced,
        loads=loads,
        stores=stores,
        sums=max(1, sum(len(m.results) for m in reducers)),
        ops=ops,
        lanes=max(1, vector_bytes // widest),
        barred=unmergeable,
        panels=panels(found, walk.stage),
        whole=_panelled(found, walk.stage),
        joinable=all(m.generic.combiner is not None and m.generic.combiner.name in JOINS for m in reducers),
    )


JOINS = {
    "arith.addf": "add",
    "arith.addi": "add",
    "arith.mulf": "mul",
    "arith.muli": "mul",
    "arith.maximumf": "max",
    "arith.minimumf": "min",
    "arith.maxsi": "max",
    "arith.minsi": "min",
    "arith.maxui": "umax",
    "arith.minui": "umin",
    "arith.andi": "and",
    "arith.ori": "or",
    "arith.xori": "xor",
}
"""Ops that join partial results in any order -> loop.reduce's name for it."""


def _bytes(found: Kernel, member: Member, operand: int) -> int:
    views = (*member.generic.inputs, *member.generic.outputs)
    return dtype(element(views[operand].value)).itemsize


def _width(member: Member) -> int:
    """Bytes of the widest number that the body computes with; 64-bit integers count only where they are results."""
    types: list[Attribute] = [element(value) for value in member.results]
    for op in member.generic.op.body.walk():
        for value in op.results:
            if not isinstance(value.type, IndexType):
                wide = isinstance(value.type, IntegerType) and value.type.width.data == 64
                types += [] if wide else [value.type]
    return max(dtype(t).itemsize for t in types)
