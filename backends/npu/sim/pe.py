"""Systolic arrays register by register: what the closed forms of `cost.py` are compared with, values and cycles.

Weight-stationary: activations move right, partial sums down. Weights move down a chain, and either shift in before a
tile while nothing else happens (serial), or enter skewed by column, tagged with their row, into shadow registers that
go live with the wavefront of the next tile's first activation.

Output-stationary: both operands move, sums stay. They either shift out at the end of a tile (serial), or are copied to
result registers that shift down while the next tile is summed up.

Cube: every cycle `depth` rows of the left operand meet the whole right one; products go down a tree of adders and into
the accumulators.

`ready`, of each tile, is the cycle at which its operands are there; by default all are from the start.
"""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.int64]
Tile = tuple[Array, Array]
"""Left and right operand, integers."""


def _right(edge: Array, register: Array) -> Array:
    """Registers one step later, `edge` entering at the left."""
    return np.hstack([edge[:, None], register[:, :-1]])


def _down(edge: Array, register: Array) -> Array:
    """Registers one step later, `edge` entering at the top."""
    return np.vstack([edge[None], register[:-1]])


def _skewed(A: Array, step: int) -> Array:
    """What enters the rows at `step` when row r of A's transpose starts r steps late: A[step - r, r], or 0."""
    k = np.arange(A.shape[1])
    at = step - k
    inside = (at >= 0) & (at < len(A))
    edge = np.zeros(A.shape[1], np.int64)
    edge[inside] = A[at[inside], k[inside]]
    return edge


def ws_serial(R: int, C: int, tiles: list[Tile], ready: Sequence[int] = ()) -> tuple[list[Array], int]:
    """Weight-stationary, one set of weight registers; tiles = [(A[M, R], W[R, C])] -> products, cycles."""
    outs, cycle = [], 0
    for (A, W), there in zip(tiles, ready or [0] * len(tiles), strict=True):
        cycle = max(cycle, there)
        a, p, w = (np.zeros((R, C), np.int64) for _ in range(3))
        for row in W[::-1]:  # R cycles: the chain is the weight registers themselves
            w = _down(row, w)
            cycle += 1
        out, steps = np.zeros((len(A), C), np.int64), len(A) + R + C - 2
        for step in range(steps):
            a = _right(_skewed(A, step), a)
            p = _down(np.zeros(C, np.int64), p) + a * w
            m = step - (R - 1) - np.arange(C)
            done = (m >= 0) & (m < len(A))
            out[m[done], done.nonzero()[0]] = p[-1, done]
            cycle += 1
        outs.append(out)
    return outs, cycle


class _Shadowed:
    """Registers of the weight-stationary array with shadow weights. a, p: activations and partial sums; q: weight
    chain with row tag qr; s, w: shadow and live weights; at, qt, st, wt: the tile that each of them belongs to."""

    def __init__(self, R: int, C: int):
        self.a, self.p, self.q, self.w, self.s = (np.zeros((R, C), np.int64) for _ in range(5))
        self.at, self.qr, self.qt, self.wt, self.st = (np.full((R, C), -1) for _ in range(5))
        self.first = np.zeros((R, C), np.int64)

    def step(self, activations: tuple[Array, Array, Array], weights: tuple[Array, Array, Array]) -> None:
        """One cycle; at the edges enter (value, tile, first of its tile) and (value, row, tile)."""
        self.a, self.at, self.first = map(_right, activations, (self.a, self.at, self.first))
        self.q, self.qr, self.qt = map(_down, weights, (self.q, self.qr, self.qt))
        flip = self.first > 0
        assert (self.st[flip] == self.at[flip]).all(), "flip before the shadow weight arrived"
        self.w, self.wt = np.where(flip, self.s, self.w), np.where(flip, self.st, self.wt)
        latch = self.qr == np.arange(len(self.q))[:, None]
        assert not (latch & (self.st > self.wt)).any(), "shadow overwritten before use"
        self.s, self.st = np.where(latch, self.q, self.s), np.where(latch, self.qt, self.st)
        busy = self.at >= 0
        assert (self.wt == self.at)[busy].all(), "weights of another tile"
        self.p = np.where(busy, _down(np.zeros(self.p.shape[1], np.int64), self.p) + self.a * self.w, 0)


def ws_array(R: int, C: int, tiles: list[Tile], ready: Sequence[int] = ()) -> tuple[list[Array], int]:
    """Weight-stationary with shadow weights; tiles = [(A[M, R], W[R, C])] -> products, cycles."""
    array, rows, cols = _Shadowed(R, C), np.arange(R), np.arange(C)
    there = list(ready) or [0] * len(tiles)
    weights_at, feed_at = there[:1], [there[0] + R]  # when weights and activations of a tile enter PE(0, 0)
    for (A, _), at in zip(tiles[:-1], there[1:], strict=True):
        weights_at.append(max(feed_at[-1], at))
        feed_at.append(max(feed_at[-1] + max(len(A), R), weights_at[-1] + R))
    outs: list[list[list[int]]] = [[[] for _ in cols] for _ in tiles]
    over = [at + max(len(A) + R, C) for at, (A, _) in zip(feed_at, tiles, strict=True)]  # nothing enters any more
    left, cycle = sum(len(A) for A, _ in tiles) * C, 0
    while left:
        a, at, first = np.zeros(R, np.int64), np.full(R, -1), np.zeros(R, np.int64)
        q, qr, qt = np.zeros(C, np.int64), np.full(C, -1), np.full(C, -1)
        for i in range(bisect_right(over, cycle), bisect_right(weights_at, cycle)):
            A, W = tiles[i]
            m, k = cycle - feed_at[i] - rows, cycle - weights_at[i] - cols  # both enter skewed
            v, u = (m >= 0) & (m < len(A)), (k >= 0) & (k < R)
            a[v], at[v], first[v] = A[m[v], rows[v]], i, m[v] == 0
            q[u], qr[u], qt[u] = W[R - 1 - k[u], cols[u]], R - 1 - k[u], i
        array.step((a, at, first), (q, qr, qt))
        cycle += 1
        for c in cols[array.at[-1] >= 0]:
            outs[array.at[-1, c]][c].append(array.p[-1, c])
            left -= 1
    return [np.array(o).T for o in outs], cycle


def os_serial(
    R: int, C: int, tiles: list[Tile], drain: bool = True, ready: Sequence[int] = ()
) -> tuple[list[Array], int]:
    """Output-stationary, sums shift out at the end of a tile, or leave at once; tiles = [(A[R, K], B[K, C])]."""
    outs: list[Array] = []
    cycle = 0
    for (A, B), there in zip(tiles, ready or [0] * len(tiles), strict=True):
        cycle = max(cycle, there)
        a, b, acc = (np.zeros((R, C), np.int64) for _ in range(3))
        for step in range(A.shape[1] + R + C - 2):
            a, b = _right(_skewed(A.T, step), a), _down(_skewed(B, step), b)
            acc = acc + a * b
            cycle += 1
        if drain:
            out = np.zeros((R, C), np.int64)
            for row in reversed(range(R)):
                out[row], acc = acc[-1], _down(np.zeros(C, np.int64), acc)
                cycle += 1
            acc = out
        outs.append(acc)
    return outs, cycle


class _Results:
    """Result registers: value, the tile and the PE row it came from."""

    def __init__(self, R: int, C: int):
        self.value = np.zeros((R, C), np.int64)
        self.tile, self.row = np.full((R, C), -1), np.full((R, C), -1)

    def drain(self, outs: list[Array]) -> int:
        """Columns whose bottom register is filled move down one step, the registers of that tile and no younger ones;
        answers how many values left."""
        columns = np.arange(self.tile.shape[1])[self.tile[-1] >= 0]
        for c in columns:
            oldest = self.tile[-1, c]
            outs[oldest][self.row[-1, c], c] = self.value[-1, c]
            top = int((self.tile[:, c] == oldest).argmax())
            for register, empty in ((self.value, 0), (self.row, -1), (self.tile, -1)):
                register[top + 1 :, c] = register[top:-1, c].copy()
                register[top, c] = empty
        return len(columns)


def os_array(
    R: int, C: int, tiles: list[Tile], interval: int | None = None, ready: Sequence[int] = ()
) -> tuple[list[Array], int]:
    """Output-stationary with one result register a PE; tiles = [(A[R, K], B[K, C])] of one K, each entering at least
    `interval` (default max(K, R)) cycles after the one before -> products, cycles. AssertionError if the interval is
    too short."""
    K, n = tiles[0][0].shape[1], len(tiles)
    every, rows, cols = interval or max(K, R), np.arange(R), np.arange(C)
    enters = np.full(n, ready[0] if ready else 0)  # when a tile's operands enter PE(0, 0)
    for i in range(1, n):
        enters[i] = max(enters[i - 1] + every, ready[i] if ready else 0)
    a, b, acc = (np.zeros((R, C), np.int64) for _ in range(3))
    results, outs = _Results(R, C), [np.zeros((R, C), np.int64) for _ in tiles]
    left, cycle = n * R * C, 0
    while left:
        left -= results.drain(outs)
        t, k = _underway(enters, cycle - rows)
        left_edge = [tiles[i][0][r, j] if 0 <= j < K else 0 for r, i, j in zip(rows, t, k, strict=True)]
        t, k = _underway(enters, cycle - cols)
        top_edge = [tiles[i][1][j, c] if 0 <= j < K else 0 for c, i, j in zip(cols, t, k, strict=True)]
        a, b = _right(np.array(left_edge), a), _down(np.array(top_edge), b)
        t, k = _underway(enters, cycle - rows[:, None] - cols[None])
        acc = np.where(k == 0, 0, acc) + a * b
        last = k == K - 1
        assert (results.tile[last] == -1).all(), "result register overwritten before it drained"
        results.value = np.where(last, acc, results.value)
        results.tile, results.row = np.where(last, t, results.tile), np.where(last, rows[:, None], results.row)
        cycle += 1
    return outs, cycle


def _underway(enters: Array, cycle: Array) -> tuple[Array, Array]:
    """The tile that entered last, and how many cycles ago; -1 cycles before the first."""
    tile = np.searchsorted(enters, cycle, "right") - 1
    return np.maximum(tile, 0), np.where(tile < 0, -1, cycle - enters[tile])


def cube_array(C: int, depth: int, tiles: list[Tile], ready: Sequence[int] = ()) -> tuple[list[Array], int]:
    """A cube with registers for operands, products, sums of pairs, sums and accumulators; tiles = [(A[M, R], W[R, C])]
    -> products, cycles until the last accumulator is written."""
    feeds: dict[int, tuple[int, Array]] = {}  # by cycle: the tile and its next rows
    for tile, ((A, _), there) in enumerate(zip(tiles, ready or [0] * len(tiles), strict=True)):
        at = max(there, max(feeds, default=-1) + 1)
        feeds |= {at + n: (tile, A[n * depth : (n + 1) * depth]) for n in range(-(-len(A) // depth))}
    outs = [np.zeros((0, C), np.int64) for _ in tiles]
    steps = (lambda t, rows: rows[:, :, None] * tiles[t][1], _by_pairs, lambda _, pairs: pairs.sum(axis=1))
    registers: list[tuple[int, Array] | None] = [None] * 4
    left, cycle = sum(len(A) for A, _ in tiles), 0
    while left:
        if (done := registers[-1]) is not None:
            outs[done[0]] = np.concatenate([outs[done[0]], done[1]])
            left -= len(done[1])
        moved = (None if r is None else (r[0], step(*r)) for step, r in zip(steps, registers, strict=False))
        registers = [feeds.get(cycle), *moved]
        cycle += 1
    return outs, cycle


def _by_pairs(_: int, products: Array) -> Array:
    """The first level of the adder tree: lanes 2i and 2i + 1 of [rows, R, C] in one."""
    return np.add.reduceat(products, np.arange(0, products.shape[1], 2), axis=1)
