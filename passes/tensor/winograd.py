"""3x3 convolutions by Winograd's minimal filtering, where fewer multiplications are worth more memory traffic.

    %y = linalg.generic (n, oc, oh, ow, ic, 3, 3) ins(%x, %w)
    %z = linalg.generic (n, oc, oh, ow) ins(%y, %bias)               // what follows point by point
-->
    %v:36 = linalg.generic (n, th, tw, ic) ins(%x at 4 th + i, 4 tw + j, for i, j in 0 .. 5)
    %m = linalg.generic (36, tile, oc, ic) ins(concat %v, %u)        // %u: %w transformed
    %y:16 = linalg.generic (n, oc, th, tw) ins(%m at 0 .. 35, %bias)
    %z = concat %y, tile by tile

After `lower-graph-to-tensor`, because it needs padding and epilogues told apart; before `fold-views`. Values change by
rounding (see `_winograd.py`), and an infinity or a NaN reaches all outputs of the tiles that it is read for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod

from xdsl.context import Context
from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import Float32Type, FloatAttr, ModuleOp, TensorType, f32
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from ...dialects._generic import Access, Generic, generic
from ...dialects._report import missed, rewriting
from ...dialects._shape import element, shape
from ...dialects._xdsl import GenericOp, IndexOp, YieldOp
from ...dialects.graph.weight import AicContext, WeightOp, WeightStore, recipe
from ._dead import erase_dead
from ._lower._body import Body
from ._lower._views import Views
from ._margins import margin_of
from ._outline import Outliner
from ._winograd import FILTERINGS, Arithmetic, Filtering, Matrix, transformed

DRAM = 5
"""Bytes that a core reads a cycle of weights that no cache holds."""
CACHE = 8
"""Bytes that a core moves a cycle between kernels."""
CACHES = 4
"""Times the second cache that a block of tiles and of products may take."""
GAIN = 1.1
"""The least factor that makes it worth its rounding."""


@dataclass(frozen=True)
class Winograd(ModulePass):
    """Options: bytes of a vector register and of the second cache; outputs of a tile along a dimension (2 or 4; 0: by
    cost, or not at all)."""

    name = "winograd"
    vector_bytes: int = 32
    l2: int = 512 * 1024
    tile: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if not isinstance(ctx, AicContext):
            return
        if self.tile not in (0, *FILTERINGS):
            raise PassFailedException(f"winograd: tile must be 0, {', '.join(map(str, FILTERINGS))}, found {self.tile}")
        outliner = Outliner(op)
        for function in [f for f in op.ops if isinstance(f, func.FuncOp) and not f.is_declaration]:
            for generic_op in [o for o in function.walk() if isinstance(o, GenericOp)]:
                if (found := convolution(generic_op)) is not None:
                    self._rewrite(found, ctx.weights, outliner)
            for block in function.body.blocks:
                erase_dead(block)
        outliner.place()

    def _rewrite(self, found: "Convolution", weights: WeightStore, outliner: Outliner) -> None:
        direct = found.direct_cycles(self.vector_bytes // 4)
        wanted = [FILTERINGS[self.tile]] if self.tile else list(FILTERINGS.values())
        cycles, filtering = min((found.cycles(f, self.vector_bytes // 4), f.m) for f in wanted)
        if not self.tile and cycles * GAIN > direct:
            missed(found.op, "winograd", f"it would take {cycles:.3g} cycles, directly it takes {direct:.3g}")
        elif rewriting(found.op, "winograd", f"F({filtering}, 3): about {direct / cycles:.2g} times as fast"):
            found.rewrite(FILTERINGS[filtering], weights, outliner, CACHES * self.l2)


@dataclass(frozen=True)
class Convolution:
    """A 3x3 convolution of stride 1 in f32 with constant filters."""

    op: GenericOp
    x: SSAValue
    w: WeightOp
    n: int
    filters: int
    channels: int
    outputs: tuple[int, int]

    def tiles(self, m: int) -> tuple[int, int]:
        """Tiles along both dimensions."""
        return -(-self.outputs[0] // m), -(-self.outputs[1] // m)

    def direct_cycles(self, lanes: int) -> float:
        """Two fused multiply-adds a cycle."""
        return 9 * self.n * prod(self.outputs) * self.filters * self.channels / (2 * lanes)

    def cycles(self, by: Filtering, lanes: int) -> float:
        """The products; the transforms' loads, stores and arithmetic; what both sides of the products move; what more
        weights there are to read."""
        planes, tiles = by.points**2, self.n * prod(self.tiles(by.m))
        products = planes * tiles * self.filters * self.channels / (2 * lanes)
        arithmetic = (self.channels * _operations(by.inputs) + self.filters * _operations(by.outputs)) * tiles
        moved = 4 * 2 * planes * tiles * (self.channels + self.filters)
        more = 4 * (planes - 9) * self.filters * self.channels
        return products + arithmetic / (2 * lanes) + moved / CACHE + more / DRAM

    def rewrite(self, by: Filtering, weights: WeightStore, outliner: Outliner, cache: int) -> None:
        """Replace the convolution and what follows it point by point."""
        chain = followers(self)
        last = chain[-1] if chain else self.op
        block = Block()
        b = Views(weights, block)
        b.location = self.op.location
        inside, result = _Expansion(self, by, b, cache).expand(chain)
        for new in list(block.ops):
            new.detach()
            Rewriter.insert_op(new, InsertPoint.before(last))
        result.name_hint = last.results[0].name_hint
        last.results[0].replace_all_uses_with(result)
        for old in (*reversed(chain), self.op):
            Rewriter.erase_op(old)
        outliner.outline(inside, common=(0, 1))


def convolution(op: GenericOp) -> Convolution | None:
    """The convolution that a generic is, if it is one that can be filtered."""
    view = generic(op)
    if view.iterators != "pppprrr" or not view.is_contraction or view.sizes[5:] != (3, 3):
        return None
    x, w = view.inputs
    d = [AffineDimExpr(i) for i in range(7)]
    reads = (d[0], d[4], d[2] + d[5], d[3] + d[6])
    same = x.map.results == reads and w.map.results == (d[1], d[4], d[5], d[6])
    plain = view.outputs[0].map.results == tuple(d[:4]) and len(list(op.body.block.ops)) == 3
    floats = all(isinstance(element(v), Float32Type) for v in op.operands)
    if not (same and plain and floats and isinstance(w.value.owner, WeightOp)):
        return None
    n, filters, high, wide, channels, _, _ = view.sizes
    return Convolution(op, x.value, w.value.owner, n, filters, channels, (high, wide))


def followers(found: Convolution) -> list[GenericOp]:
    """The pointwise generics behind the result that can be computed with it, so that only the last one's result is read
    elsewhere."""
    made: set[SSAValue] = {found.op.results[0]}
    chain, best = list[GenericOp](), 0
    op = found.op.next_op
    while op is not None:
        if isinstance(op, GenericOp) and not made.isdisjoint(op.inputs) and _follows(generic(op), made):
            chain.append(op)
            made.add(op.results[0])
            inside = {found.op, *chain}
            if all(use.operation in inside for o in inside if o is not op for use in o.results[0].uses):
                best = len(chain)
        op = op.next_op
    return chain[:best]


def _follows(view: Generic, made: set[SSAValue]) -> bool:
    mine = [a for a in view.inputs if a.value in made]
    if not mine or not view.is_pointwise or len(view.outputs) != 1 or len(view.sizes) != 4:
        return False
    if not isinstance(element(view.op.results[0]), Float32Type) or any(
        isinstance(op, IndexOp | tensor.ExtractOp) or op.regions for op in view.op.body.block.ops
    ):
        return False
    whole = AffineMap.identity(4)
    return all(a.map == whole for a in mine)


@dataclass
class _Expansion:
    """The ops that a convolution becomes, appended to a block."""

    found: Convolution
    by: Filtering
    b: Views
    cache: int

    def expand(self, chain: Sequence[GenericOp]) -> tuple[Sequence[Operation], SSAValue]:
        """The ops of the kernel, and the image that its results make up."""
        sums = self._products(self.b.concat(self._inputs(), 0))
        high, wide = (list(bands(size, self.by.m)) for size in self.found.outputs)
        made = [[self._outputs(sums, rows, columns, chain) for columns in wide] for rows in high]
        inside = [op for op in self.b.block.ops if isinstance(op, GenericOp | tensor.ConcatOp)]
        return inside, self.b.concat([self.b.concat([self._assembled(part) for part in row], 3) for row in made], 2)

    @property
    def blocks(self) -> tuple[int, int]:
        """How many blocks of how many rows of tiles; one, if the first row of tiles is cut."""
        if self.found.outputs[0] % self.by.m:
            return 1, self.found.tiles(self.by.m)[0]
        high, wide = self.found.tiles(self.by.m)
        row = 4 * self.by.points**2 * wide * (self.found.channels + self.found.filters)
        most = max(1, self.cache // row)
        rows = max(d for d in range(1, high + 1) if high % d == 0 and (d <= most or d == 1))
        return high // rows, rows

    def _inputs(self) -> Sequence[SSAValue]:
        """The tiles of the input, transformed: points x points tensors (1, n, block, th, tw, c)."""
        found, m, b = self.found, self.by.m, self.b
        blocks, rows = self.blocks
        n, block, h, w, c = (AffineDimExpr(i) for i in range(5))
        x, high = _padded(b, found.x, [-size % m for size in found.outputs]), block * (rows * m) + h * m
        reads = [(x, AffineMap(5, 0, (n, c, high + i, w * m + j))) for i, j in _square(self.by.points)]
        dims = (1, found.n, blocks, rows, found.tiles(m)[1], found.channels)
        outs = [(b.empty(dims, f32), AffineMap(5, 0, (AffineConstantExpr(0), n, block, h, w, c)))] * len(reads)
        made = b.generic(reads, outs, "ppppp", lambda t, *read: _flat(t, self.by.inputs, read[: len(reads)]))
        assert isinstance(made, tuple)
        return made

    def _products(self, v: SSAValue) -> SSAValue:
        """For each point the product of tiles and filters, summed over channels: (point, n, block, th, tw, oc)."""
        found, by, b = self.found, self.by, self.b
        name = f"{found.w.weight}.f{by.m}"
        if (make := recipe(found.w.res, b.weights)) is not None:
            name = b.weights.fresh(name, lambda: by.filtered(make()))
        p, n, block, h, w, o, c = (AffineDimExpr(i) for i in range(7))
        u = b.one(WeightOp(name, TensorType(f32, [by.points**2, found.channels, found.filters])))
        maps = [AffineMap(7, 0, e) for e in ((p, n, block, h, w, c), (p, c, o), (p, n, block, h, w, o))]
        start = b.fill(0, (*shape(v)[:-1], found.filters), f32)
        add = lambda t, x, y, so_far: t.add(so_far, t.mul(x, y))  # noqa: E731
        return b.generic1([(v, maps[0]), (u, maps[1])], (start, maps[2]), "ppppppr", add)

    def _outputs(self, sums: SSAValue, rows: "Band", columns: "Band", chain: Sequence[GenericOp]) -> "Pixels":
        """What some tiles hold at each of their places, after the chain: tensors (n, oc, block, th, tw)."""
        by, b, places = self.by, self.b, [(i, j) for i in range(rows.places) for j in range(columns.places)]
        n, o, block, h, w = (AffineDimExpr(i) for i in range(5))
        at = n, block, rows.tile(h), columns.tile(w), o
        reads = [(sums, AffineMap(5, 0, (AffineConstantExpr(k), *at))) for k in range(by.points**2)]
        pixels = [(rows.pixel + i, columns.pixel + j) for i, j in places]
        more: dict[tuple[SSAValue, AffineMap], int] = {}
        for pixel in pixels:
            for op in chain:
                for access in self._others(op, chain):
                    more.setdefault((access.value, self._at(access.map, pixel)), len(reads) + len(more))

        def body(t: Body, *read: SSAValue) -> list[SSAValue]:
            plain, made = _flat(t, by.outputs, read[: len(reads)]), list[SSAValue]()
            for (i, j), pixel in zip(places, pixels, strict=True):
                elements: dict[SSAValue, SSAValue] = {
                    self.found.op.results[0]: plain[(rows.skipped + i) * by.m + columns.skipped + j]
                }
                for op in chain:
                    others = {a: read[more[a.value, self._at(a.map, pixel)]] for a in self._others(op, chain)}
                    elements[op.results[0]] = _inlined(t, op, elements, others)
                made.append(elements[(chain[-1] if chain else self.found.op).results[0]])
            return made

        blocks, tiles = self.blocks[0], rows.tiles // self.blocks[0]
        dims = (self.found.n, self.found.filters, blocks, tiles, columns.tiles)
        outs = [(b.empty(dims, f32), AffineMap.identity(5))] * len(places)
        made = b.generic([*reads, *more], outs, "ppppp", body)
        return dict(zip(places, made if isinstance(made, tuple) else (made,), strict=True))

    def _others(self, op: GenericOp, chain: Sequence[GenericOp]) -> list[Access]:
        mine = {self.found.op.results[0], *(o.results[0] for o in chain)}
        return [a for a in generic(op).inputs if a.value not in mine]

    def _at(self, map: AffineMap, pixel: tuple[int, int]) -> AffineMap:
        """The map over the tiles' dims, for the pixel there of the first of them."""
        m, rows = self.by.m, self.blocks[1]
        n, o, block, h, w = (AffineDimExpr(i) for i in range(5))
        return map.replace_dims_and_symbols((n, o, block * (rows * m) + h * m + pixel[0], w * m + pixel[1]), (), 5, 0)

    def _assembled(self, made: "Pixels") -> SSAValue:
        """The part of the image that some tiles make up."""
        b, (high, wide) = self.b, max(made)
        _, _, blocks, th, tw = shape(made[0, 0])
        lead = (self.found.n, self.found.filters)
        whole = {place: b.reshape(value, (*lead, blocks * th, tw)) for place, value in made.items()}
        single = {place: b.reshape(value, (*lead, blocks * th, 1, tw, 1)) for place, value in whole.items()}
        rows = [b.concat([single[i, j] for j in range(wide + 1)], 5) for i in range(high + 1)]
        return b.reshape(b.concat(rows, 3), (*lead, blocks * th * (high + 1), tw * (wide + 1)))


Pixels = dict[tuple[int, int], SSAValue]
"""For each place of a tile its pixels of all tiles."""


@dataclass(frozen=True)
class Band:
    """Tiles along a dimension that lie on so many places of the image each, after some that lie before it."""

    first: int
    tiles: int
    places: int
    skipped: int
    pixel: int
    """The image's pixel at the first place."""

    def tile(self, dim: AffineExpr) -> AffineExpr:
        """The number of a tile among all, `dim` among these."""
        return AffineConstantExpr(self.first) if self.tiles == 1 else dim + self.first if self.first else dim


def bands(size: int, m: int) -> Iterator[Band]:
    """The first tile if the image's edge cuts it, and the whole ones."""
    if cut := -size % m:
        yield Band(0, 1, m - cut, cut, 0)
    if size >= m:
        yield Band(min(cut, 1), size // m, m, 0, (m - cut) % m)


def _square(size: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(size) for j in range(size)]


def _flat(t: Body, matrix: Matrix, read: Sequence[SSAValue]) -> list[SSAValue]:
    """matrix * read * matrix', row after row."""
    width = len(matrix[0])
    rows = [read[i : i + width] for i in range(0, len(read), width)]
    factors = {f: t.const(float(f), f32) for f in sorted({abs(v) for line in matrix for v in line} - {0, 1})}
    factors |= {-f: t.const(-float(f), f32) for f in list(factors) if any(-f in line for line in matrix)}
    by = Arithmetic[SSAValue](t.add, t.sub, lambda x, factor: t.mul(x, factors[factor]))
    return [value for row in transformed(matrix, rows, by) for value in row]


def _inlined(t: Body, op: GenericOp, made: Mapping[SSAValue, SSAValue], others: Mapping[Access, SSAValue]) -> SSAValue:
    """What a pointwise generic makes of the elements of the tensors `made` and of its other operands."""
    view = generic(op)
    values: dict[SSAValue, SSAValue] = {
        arg: made[access.value] if access.value in made else others[access]
        for arg, access in zip(view.input_args, view.inputs, strict=True)
    }
    for inner in op.body.block.ops:
        if isinstance(inner, YieldOp):
            return values.get(inner.operands[0], inner.operands[0])
        t.append(inner.clone(values))
    raise ValueError("expected a linalg.yield at the end of a body")


def _padded(b: Views, x: SSAValue, more: Sequence[int]) -> SSAValue:
    """x with zeros before its first rows and columns: in the pad that made it, if one did."""
    if not any(more):
        return x
    pad = x.owner
    if (
        isinstance(pad, tensor.PadOp)
        and (margin := margin_of(pad)) is not None
        and margin.number == FloatAttr(0.0, f32)
    ):
        low = [size + extra for size, extra in zip(margin.low, (0, 0, *more), strict=True)]
        return b.pad(pad.source, low, margin.high, 0.0)
    return b.pad(x, (0, 0, *more), (0, 0, 0, 0), 0.0)


@cache
def _operations(matrix: Matrix) -> int:
    """Of transforming a tile: loads, stores and arithmetic."""
    count = 0

    def counted(*_: int) -> int:
        nonlocal count
        count += 1
        return 0

    rows, width = len(matrix), len(matrix[0])
    transformed(matrix, [[0] * width] * width, Arithmetic(counted, counted, lambda *_: 0))
    return count + rows * rows + width * width
