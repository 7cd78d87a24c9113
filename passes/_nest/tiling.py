"""Vector dim, register tile and order of loops of a stage: the analytic default (the rules of BLIS, Low et al. 2016,
for the tile; measured rules for the order).

    matmul 128x768 by 768x3072, 16 registers of 8 lanes:   vector n = 2 x 8, rows m = 6, order [n, m], reduce [k]
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import gcd, prod

from ...dialects._access import Access
from .problem import Machine, Problem, Tile, Tiling

PAGE, LINE = 4096, 64
"""Bytes of a way of the first cache, and of one of its lines."""
SHORTEST = 96
"""Steps of a chunk at least: below, loading and storing the sums costs more than it saves."""
PACE = 0.4
"""Vectors that come from the second cache in a cycle, in the long run (measured: 12 to 14 bytes with AVX2)."""


def choose(problem: Problem, machine: Machine, wanted: Tile | None = None) -> Tiling:
    """The default tiling, or the one with the tile that was asked for."""
    plain = _plain(problem, machine, wanted)
    if wanted is not None and wanted.join is not None:
        return plain if wanted.join < 0 else _joined(problem, machine, wanted.join, wanted)
    if plain.row is None or plain.vector is None or plain.flat == len(plain.reduction):
        return plain
    best, least = plain, (1 - LINES_AT_LEAST) * _total(problem, machine, plain)
    for outer, inner in _pairs(problem, plain):
        mine = wanted or Tile(plain.vector, plain.vectors, rows=plain.rows)
        found = _joined(problem, machine, outer, replace(mine, row=inner))
        other = _total(problem.joined(outer, inner), machine, found)
        if other < least:
            best, least = found, other
    return best


LINES_AT_LEAST = 0.04
"""The part of a stage's cycles that walking two dims as one has to save."""
DIVIDED = 10
"""Cycles to find a row's place in both dims."""


def _pairs(problem: Problem, plain: Tiling) -> Iterator[tuple[int, int]]:
    """The dims that could be walked as one with the rows', as (outer, inner)."""
    order = [d for d in plain.order if d != plain.vector and d not in problem.barred | problem.whole]
    if plain.row in order:
        at = order.index(plain.row)
        yield from ((order[i], order[i + 1]) for i in (at - 1, at) if 0 <= i < len(order) - 1)


def _joined(problem: Problem, machine: Machine, outer: int, wanted: Tile) -> Tiling:
    """The tiling in which the rows run over `outer` as well."""
    assert wanted.row is not None
    return replace(_plain(problem.joined(outer, wanted.row), machine, wanted), join=outer)


def _total(problem: Problem, machine: Machine, tiling: Tiling) -> float:
    """Cycles of one reduction step, over all points."""
    assert tiling.vector is not None
    others = prod(problem.sizes[d] for d in problem.parallel if d not in (tiling.row, tiling.vector))
    cycles = others * _cycles(problem, machine, tiling.vector, tiling.width, tiling.row, tiling.rows)
    if tiling.join is None:
        return cycles
    panels = -(-problem.sizes[tiling.vector] // tiling.width)
    rows = prod(problem.sizes[d] for d in problem.parallel if d != tiling.vector)
    return cycles + DIVIDED * panels * rows / prod(problem.sizes[d] for d in problem.reduced)


def _plain(problem: Problem, machine: Machine, wanted: Tile | None) -> Tiling:
    """The tiling with each dim walked by itself."""
    reduction = reduction_order(problem)
    vector = vector_dim(problem) if wanted is None else wanted.vector
    lanes = problem.lanes if vector is not None else 1
    if vector is not None and vector in problem.reduced:
        order = _by_stride(problem, [d for d in problem.parallel])
        inner = tuple(d for d in reduction if d != vector)
        spare = 4 if problem.sizes[vector] >= 4 * lanes else 1
        vectors = spare if wanted is None else wanted.vectors
        return Tiling(vector, lanes, vectors, None, 1, order, (*inner, vector), 0)
    if wanted is not None:
        row, rows, vectors = wanted.row, wanted.rows, wanted.vectors
    else:
        row, rows, vectors = _register_tile(problem, machine, vector, lanes)
    if vector is not None and vector in problem.panels:
        vectors = problem.panels[vector] // lanes
    if wanted is not None and wanted.outside is not None:
        order = placed(problem, wanted.vector, wanted.outside)
    else:
        order = _order(problem, machine, vector, lanes * vectors, row, rows)
    chunk = wanted.chunk if wanted is not None else None
    if chunk is None:
        chunk = _chunk(problem, machine, order, Tile(vector, vectors, row, rows)) if vector is not None else 0
    flat = 0 if chunk else _unrolled(problem, reduction, max(rows, 1) * vectors)
    ahead = flat < len(reduction) and is_streamed(problem, machine, vector, order)
    return Tiling(vector, lanes, vectors, row, rows, order, reduction, flat, ahead, chunk=chunk)


def _chunk(problem: Problem, machine: Machine, order: Sequence[int], tile: Tile) -> int:
    """Steps of the innermost reduction loop in a chunk, or 0: of a panel that takes much of the second cache, a part
    stays there while all rows use it; its sums' way through memory costs more than a shorter panel would save."""
    wide = sum(load.bytes for load in problem.loads if load.inside and load.access.inner(tile.vector))
    inside = prod(problem.sizes[d] for d in order[order.index(tile.vector) + 1 :])
    step = problem.lanes * tile.vectors * wide
    if inside < 3 * tile.rows or prod(problem.sizes[d] for d in problem.reduced) * step <= machine.l2 // 2:
        return 0
    steps = longest_chunk(problem, machine.l2 // 4 // step)
    return steps if steps >= SHORTEST else 0


def longest_chunk(problem: Problem, most: int) -> int:
    """A number of steps, at most so many, that divides those of the innermost reduction loop; 0 if it has to stay."""
    if not problem.reduced:
        return 0
    inner = reduction_order(problem)[-1]
    size = problem.sizes[inner]
    if inner in problem.whole or (most >= size and len(problem.reduced) == 1):
        return 0
    return next((steps for steps in range(min(most, size), 0, -1) if size % steps == 0), 0)


def _unrolled(problem: Problem, reduction: Sequence[int], points: int) -> int:
    """How many of the innermost reduction loops are straight-line code: those of few steps, as long as it is short."""
    taps, count = 1, 0
    for dim in reversed(reduction):
        taps *= problem.sizes[dim]
        if taps > 25 or taps * points * problem.sums > 128:
            break
        count += 1
    return count


def is_streamed(problem: Problem, machine: Machine, vector: int | None, order: Sequence[int]) -> bool:
    """Whether all points pass before a panel of an operand that is too large for the second cache is left for the next:
    it then comes from memory, and its lines had better be under way (7 to 8 of 57 ms of ResNet-50, by measurement)."""
    if vector is None or not problem.reduced or order[-1:] == (vector,):
        return False
    wide = [load for load in problem.loads if load.inside and load.access.inner(vector)]
    passed = order[order.index(vector) + 1 :]
    if len(wide) != 1 or any(wide[0].access.inner(d) for d in passed):
        return False
    return prod(problem.sizes[d] for d in wide[0].access.dims if d in problem.sizes) * wide[0].bytes > machine.l2


def vector_dim(problem: Problem) -> int | None:
    """The dim whose neighbours lie side by side in most addresses; a reduced one if the parallel ones gather inside."""
    best: tuple[float, int, int] | None = None
    for dim in problem.parallel:
        if dim in problem.barred or problem.sizes[dim] < 2:
            continue
        if (cost := gathers(problem, dim)) is not None:
            candidate = (cost, -min(problem.sizes[dim], problem.lanes), dim)
            best = min(best, candidate) if best is not None else candidate
    along = [d for d in problem.reduced if is_joinable(problem, d)]
    if best is not None and (best[0] < 1 or not along) and problem.lanes > 1:
        return best[2]
    if along and problem.lanes > 1:
        return max(along, key=lambda d: problem.sizes[d])
    return None


def is_joinable(problem: Problem, dim: int) -> bool:
    """Whether a reduction may run in lanes along `dim`, joined at its end."""
    if not problem.joinable or dim in problem.barred or problem.sizes[dim] < problem.lanes:
        return False
    steps = [load.step(dim) for load in problem.loads]
    return 1 in steps and all(s in (0, 1) for s in steps)


def gathers(problem: Problem, dim: int) -> float | None:
    """Strided accesses per point if `dim` is the vector dim; None if most accesses would be."""
    cost, total = 0.0, 0.0
    for load in problem.loads:
        weight = 1.0 if load.inside or not problem.reduced else 0.1
        total += weight
        cost += weight * (load.step(dim) not in (0, 1))
    for store in problem.stores:
        weight = 1.0 if not problem.reduced else 0.1
        total += weight
        cost += 1.5 * weight * (store.inner(dim) != 1)
    return cost if cost <= total / 2 else None


def _by_stride(problem: Problem, dims: Sequence[int]) -> tuple[int, ...]:
    """Widest strides outermost, as the stores have them, then as the loads do."""
    accesses = [*problem.stores, *(load.access for load in problem.loads)]
    return tuple(sorted(dims, key=lambda d: tuple(-abs(a.inner(d)) for a in accesses)))


def reduction_order(problem: Problem) -> tuple[int, ...]:
    """Widest strides of the largest load outermost."""
    inside = [load.access for load in problem.loads if load.inside]
    return tuple(sorted(problem.reduced, key=lambda d: tuple(-abs(a.inner(d)) for a in inside)))


def segments(size: int, tile: int) -> Iterator[tuple[int, int, int]]:
    """(start, count, width): `size` in tiles of at most `tile`, of nearly equal width, of at most two widths."""
    if size <= 0:
        return
    count = -(-size // tile)
    wide, extra = divmod(size, count)
    if extra:
        yield 0, extra, wide + 1
        yield extra * (wide + 1), count - extra, wide
    else:
        yield 0, count, wide


def pieces(width: int, lanes: int) -> list[tuple[int, int]]:
    """(offset, lanes) of the vectors that cover `width`: whole ones, then narrower powers of two."""
    found, at = [], 0
    while at < width:
        lane = lanes
        while lane > width - at:
            lane //= 2
        found.append((at, lane))
        at += lane
    return found


def _register_tile(problem: Problem, machine: Machine, vector: int | None, lanes: int) -> tuple[int | None, int, int]:
    """(row dim, rows, vectors) with the fewest cycles for the whole stage."""
    size = problem.sizes[vector] if vector is not None else 1
    inside = [load.access for load in problem.loads if load.inside]
    if not problem.reduced:
        wide = 4 if problem.ops <= 4 else 2 if problem.ops <= 12 else 1
        return None, 1, max(1, min(wide, size // lanes))
    rows = [d for d in problem.parallel if d != vector and problem.sizes[d] > 1 and d not in problem.barred]
    best: tuple[float, int, int | None, int, int] | None = None
    for row in (*rows, None):
        limit = problem.sizes[row] if row is not None else 1
        for vectors in range(1, min(8, -(-size // lanes)) + 1):
            for count in range(1, min(14, limit) + 1):
                if row is not None and count == 1 and limit > 1:
                    continue
                held = sum(vectors for a in inside if vector is not None and a.inner(vector)) or 1
                if problem.sums * vectors * count + held + 1 > machine.registers:
                    continue
                if row is not None and count > 2 and _collides(problem, machine, row, count):
                    continue
                cycles = _cycles(problem, machine, vector, lanes * vectors, row, count)
                others = prod(problem.sizes[d] for d in problem.parallel if d not in (row, vector))
                candidate = (cycles * others, -(count * vectors), row, count, vectors)
                if best is None or candidate[:2] < best[:2]:
                    best = candidate
    if best is None:
        return None, 1, 1
    return best[2], best[3], best[4]


def _collides(problem: Problem, machine: Machine, row: int, count: int) -> bool:
    """Whether so many rows, read side by side, fall into so few sets of the first cache (`PAGE` bytes a way) that they
    drive each other out; two ways are for what else is read."""
    for load in problem.loads:
        if load.inside and (step := abs(load.access.inner(row)) * load.bytes) >= LINE:
            places = PAGE // gcd(step, PAGE)
            if -(-count // places) + 2 > max(3, machine.l1 // PAGE):
                return True
    return False


def _cycles(problem: Problem, machine: Machine, vector: int | None, width: int, row: int | None, count: int) -> float:
    """Cycles of one reduction step over all tiles of `width` by `count`."""
    size = problem.sizes[vector] if vector is not None else 1
    lanes = problem.lanes if vector is not None else 1
    widths = [(size // width, width // lanes)]
    if rest := size % width:
        widths.append((1, len(pieces(rest, lanes))))
    total = 0.0
    for tiles, across in widths:
        for _, bands, down in segments(problem.sizes[row] if row is not None else 1, count):
            total += tiles * bands * max(_costs(problem, machine, vector, width, across, row, down).values())
    return total


def _costs(
    problem: Problem, machine: Machine, vector: int | None, width: int, across: int, row: int | None, down: int
) -> dict[str, float]:
    """Cycles that each part of the machine takes for one reduction step of a tile of so many vectors and rows: two
    multiply-adds and two loads a cycle, four cycles' latency; the vectors of a panel (of `width`) that is too long for
    the first cache come at the second's pace."""
    inside = [load for load in problem.loads if load.inside]
    wide = [load for load in inside if vector is not None and load.access.inner(vector)]
    depth = prod(problem.sizes[d] for d in problem.reduced)
    lanes = problem.lanes if vector is not None else 1
    loads = 0
    for load in inside:
        rows = down if row is not None and load.access.inner(row) else 1
        loads += rows * (across if load in wide else 1)
    far = sum(load.bytes for load in wide if depth * width * load.bytes > machine.l1 * 3 // 4)
    return {
        "arithmetic": problem.sums * across * down / 2,
        "loads": loads / 2,
        "latency": 4.0,
        "the second cache": across * lanes * far / (PACE * machine.vector_bytes),
    }


def bound(problem: Problem, machine: Machine, tiling: Tiling) -> str:
    """What the tile of a reduction waits for most: arithmetic, loads, latency, the second cache, or memory, where few
    rows use what is read."""
    seen = problem if tiling.join is None or tiling.row is None else problem.joined(tiling.join, tiling.row)
    costs = _costs(seen, machine, tiling.vector, tiling.width, tiling.vectors, tiling.row, tiling.rows)
    wide = [x for x in seen.loads if x.inside and tiling.vector is not None and x.access.inner(tiling.vector)]
    once = all(not any(x.access.inner(d) == 0 for d in seen.parallel if seen.sizes[d] > 2) for x in wide)
    size = sum(prod(seen.sizes[d] for d in x.access.dims if d in seen.sizes) * x.bytes for x in wide)
    return "memory" if once and size > machine.l2 else max(costs, key=lambda part: costs[part])


def placed(problem: Problem, vector: int, outside: int) -> tuple[int, ...]:
    """The parallel dims by stride, the vector's tiles within so many of the others."""
    plain = _by_stride(problem, [d for d in problem.parallel if d != vector])
    return (*plain[:outside], vector, *plain[outside:])


def _order(
    problem: Problem, machine: Machine, vector: int | None, width: int, row: int | None, rows: int
) -> tuple[int, ...]:
    """Outer dims by stride; the vector's tiles outside the rows' if streaming the rows again costs less."""
    plain = list(_by_stride(problem, [d for d in problem.parallel if d != vector]))
    if vector is None:
        return tuple(plain)
    if not problem.reduced:
        return (*plain, vector)
    inside = [load for load in problem.loads if load.inside]
    wide = [load for load in inside if load.access.inner(vector)]
    narrow = [load for load in inside if not load.access.inner(vector)]
    if not wide or not narrow:
        return (*plain, vector)
    shared = [d for d in plain if all(load.access.inner(d) for load in wide)]
    own = [d for d in plain if d not in shared]
    depth = prod(problem.sizes[d] for d in problem.reduced)
    panel_bytes = depth * problem.sizes[vector] * wide[0].bytes
    steps = prod(problem.sizes[d] for d in own)
    rows_bytes = min(depth * steps, _extent(problem, narrow[0].access, own)) * narrow[0].bytes
    again_rows = rows_bytes * -(-problem.sizes[vector] // width) * _per_byte(rows_bytes, machine)
    again_panels = panel_bytes * -(-steps // max(rows, 1)) * _per_byte(panel_bytes, machine)
    if again_panels <= again_rows:
        return (*shared, *own, vector)
    return (*shared, vector, *own)


def _extent(problem: Problem, access: Access, own: Sequence[int]) -> int:
    """Elements between the first and the last that a sweep over `own` and the reduction touches."""
    dims = [*own, *problem.reduced]
    return 1 + sum(abs(access.inner(d)) * (problem.sizes[d] - 1) for d in dims)


def _per_byte(size: int, machine: Machine) -> float:
    """Relative cost of reading a byte again that lies in the smallest cache that holds `size`."""
    if size <= machine.l1 * 3 // 4:
        return 1.0
    return 2.0 if size <= machine.l2 * 3 // 4 else 5.0
