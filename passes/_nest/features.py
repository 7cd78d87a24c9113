"""What a schedule is like in numbers, and its cost as a weighted sum of some of them, without a run.

    cycles    multiply-adds and loads of the innermost loops, two of each a cycle
    first     bytes that the first cache has to be given, each as often as its reuse is too far apart
    second    the same of the second cache
    spilled   partial results beyond the registers, stored and loaded at every step
    strided   loads and stores of a vector whose elements do not lie side by side

Traffic is counted as by Wolf & Lam (A Data Locality Optimizing Algorithm, 1991): a loop that an operand does not depend
on brings it again unless all that the loop's body touches fits the cache.
"""

from collections.abc import Mapping, Sequence
from math import log2, prod

import numpy as np

from ...dialects._schedules import Features
from .problem import Machine, Problem, Tile, Tiling
from .tiling import choose

WEIGHTS = np.array([1.0, 1 / 40, 1 / 10, 2.0, 4.0])
"""Cycles of each feature: of a byte to the first and to the second cache, of a spill, of a strided vector."""
CLOCK = 3e9
"""Cycles a second, to guess by."""


def features_of(problems: Mapping[int, Problem], schedule: Sequence[tuple[int, Tile]], machine: Machine) -> Features:
    """The features of a schedule, of all its stages together."""
    summed, learned = np.zeros(len(WEIGHTS)), []
    for stage, tile in schedule:
        problem = problems[stage]
        tiling = choose(problem, machine, tile)
        costs = _costs(problem, tiling, machine)
        summed += costs
        learned += [*np.log2(1 + costs), *_shape(problem, tiling)]
    return Features(float(summed @ WEIGHTS) / CLOCK, tuple(map(float, learned)))


def _shape(problem: Problem, tiling: Tiling) -> list[float]:
    """What the tile looks like: logarithms of its sides, its last column's waste, how deep its loop lies; how its
    reduction runs."""
    vector = tiling.vector
    size = problem.sizes[vector] if vector is not None else 1
    waste = -(-size // tiling.width) * tiling.width / size
    along = float(vector in problem.reduced)
    depth = tiling.order.index(vector) / len(tiling.order) if vector in tiling.order else 1.0
    held = log2(problem.sums * tiling.vectors * tiling.rows)
    step = max((abs(a.inner(tiling.row)) for a in problem.stores if tiling.row is not None), default=0)
    steps = [float(tiling.flat), log2(1 + tiling.chunk)]
    return [log2(tiling.vectors), log2(tiling.rows), held, waste, along, depth, log2(1 + step), *steps]


def _costs(problem: Problem, tiling: Tiling, machine: Machine) -> np.ndarray:
    vector, sizes = tiling.vector, problem.sizes
    along = vector in problem.reduced
    tiles = {d: sizes[d] for d in sizes}
    if vector is not None:
        tiles[vector] = -(-sizes[vector] // tiling.width)
    if tiling.row is not None:
        tiles[tiling.row] = -(-sizes[tiling.row] // tiling.rows)
    steps = prod(tiles.values())
    accesses = [load.access for load in problem.loads]
    wide = [tiling.vectors if vector is not None and a.inner(vector) else 1 for a in accesses]
    down = [tiling.rows if tiling.row is not None and a.inner(tiling.row) else 1 for a in accesses]
    inside = [load.inside or not problem.reduced for load in problem.loads]
    loads = sum(w * d for w, d, i in zip(wide, down, inside, strict=True) if i)
    sums = problem.sums * tiling.vectors * tiling.rows
    work = sums if problem.reduced else sums * max(problem.ops, 1)
    chain = 4.0 if problem.reduced else 0.0
    cycles = steps * max(work / 2, loads / 2, chain)
    loops = [(d, tiles[d]) for d in (*(d for d in tiling.order if d in tiles), *tiling.reduction)]
    inner = [prod((w * tiling.lanes if w > 1 or (vector is not None and a.inner(vector)) else 1, d))
             for w, d, a in zip(wide, down, accesses, strict=True)]  # fmt: skip
    touched = [n * load.bytes for n, load in zip(inner, problem.loads, strict=True)]
    depends = [load.access.dims for load in problem.loads]
    first, second = (_traffic(loops, touched, depends, size) for size in (machine.l1, machine.l2))
    spilled = max(0, (0 if along else sums) + max(wide, default=0) + 1 - machine.registers) * steps
    strided = sum(load.step(vector) not in (0, 1) for load in problem.loads) if vector is not None else 0
    strided += sum(store.inner(vector) != 1 for store in problem.stores) if vector is not None and not along else 0
    return np.array([cycles, first, second, spilled, strided * steps * tiling.vectors * tiling.rows])


def _traffic(
    loops: Sequence[tuple[int, int]], touched: Sequence[float], depends: Sequence[frozenset[int]], size: int
) -> float:
    """Bytes that come into a cache of that size; `loops` from the outermost inwards, `touched` by one step."""
    footprint, moved = list(touched), list(touched)
    for dim, count in reversed(loops):
        fits = sum(footprint) <= size
        for i, dims in enumerate(depends):
            if dim in dims:
                footprint[i] *= count
                moved[i] *= count
            elif not fits:
                moved[i] *= count
    return sum(moved)
