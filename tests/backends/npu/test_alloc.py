"""Placements: always valid, never below the bound, optimal where all can be tried; streams keep their distance."""

from itertools import permutations

import numpy as np
import pytest
from aic.backends.npu.code import Code, Mark, Ref
from aic.backends.npu.machine import machine_from
from aic.backends.npu.memory.alloc import AllocError, allocate, ranges
from aic.backends.npu.memory.first_fit import ORDERS, best_first_fit, first_fit
from aic.backends.npu.memory.items import Items, bound, clashes, parts, peak
from aic.backends.npu.memory.plan import place
from aic.backends.npu.memory.ring import Skyline, since
from aic.backends.npu.memory.search import search
from aic.backends.npu.memory.solver import solve
from hypothesis import given, settings
from hypothesis import strategies as st

LIVES = st.tuples(st.integers(0, 9), st.integers(1, 6), st.integers(1, 9), st.sampled_from([1, 1, 1, 2]))
EDGE = machine_from("edge")


def items_of(rows) -> Items:
    return Items.of([(first, first + length, size, align) for first, length, size, align in rows])


def least(items: Items) -> int:
    """The peak of the best placement: some order of first fit finds it."""
    return min(peak(items, first_fit(items, np.array(order))) for order in permutations(range(len(items))))


@given(st.lists(LIVES, min_size=1, max_size=12))
@settings(max_examples=80, deadline=None)
def test_first_fit_is_valid_and_above_the_bound(rows):
    items = items_of(rows)
    for order in ORDERS.values():
        offsets = first_fit(items, order(items))
        assert not list(clashes(items, offsets))
        assert peak(items, offsets) >= bound(items)


@given(st.lists(LIVES.map(lambda r: (*r[:3], 1)), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_the_search_finds_the_optimum_and_nothing_below(rows):
    items = items_of(rows)
    best = least(items)
    found = search(items, best)
    assert found is not None and not list(clashes(items, found)) and peak(items, found) <= best
    assert search(items, best - 1) is None


@given(st.lists(LIVES, min_size=1, max_size=30), st.integers(0, 8), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_streams_and_what_lives_long_never_overlap(rows, ahead, random):
    items = items_of(rows)
    streams = np.array([random.random() < 0.6 for _ in rows])
    capacity = max(bound(items), int(peak(items, best_first_fit(items)[0]) * random.choice([1, 1.3, 2])))
    kinds = np.array([random.randrange(2) for _ in rows])
    offsets, ways = place(items, streams, since(items, streams, kinds, ahead), capacity)
    assert ways
    if offsets is not None:
        assert not list(clashes(items, offsets)) and peak(items, offsets) <= capacity


def test_clashes_are_found():
    items = Items.of([(0, 2, 8, 1), (1, 3, 8, 1), (2, 4, 8, 4)])
    assert list(clashes(items, np.array([0, 7, 0]))) == [(0, 1), (1, 2)]
    assert sorted(clashes(items, np.array([0, 8, 2]))) == [(1, 2), (2, 2)]
    assert list(clashes(items, np.array([0, 8, 0]))) == []


def test_a_place_unused_for_longest_is_found():
    line = Skyline.empty(100)
    for low, high, end in ((0, 40, 5), (40, 60, 3), (60, 80, 4), (50, 60, 9)):
        line.use(low, high, end)
    assert list(zip(line.starts, line.until, strict=False)) == [(0, 5), (40, 3), (50, 9), (60, 4), (80, -1)]
    assert line.lowest(20, 1, -1, []) == 80 and line.lowest(20, 8, -1, []) == 80 and line.lowest(21, 1, -1, []) is None
    assert line.oldest(30, 1, since=-1, now=8, blocked=[]) == 60
    assert line.oldest(30, 1, since=-1, now=8, blocked=[(85, 100)]) == 0
    assert line.oldest(30, 16, since=-1, now=8, blocked=[(0, 1)]) == 64
    assert line.oldest(41, 1, since=-1, now=5, blocked=[(0, 1), (70, 75)]) == 1
    assert line.oldest(60, 1, since=-1, now=8, blocked=[]) is None


@given(st.lists(LIVES, min_size=1, max_size=10), st.data())
@settings(max_examples=100, deadline=None)
def test_clashes_are_none_exactly_if_no_pair_clashes(rows, data):
    items = items_of([(*row[:3], 1) for row in rows])
    offsets = np.array([data.draw(st.integers(0, 25)) for _ in rows])
    pairs = {
        (i, j)
        for j in range(len(items))
        for i in range(j)
        if items.first[i] < items.end[j] and items.first[j] < items.end[i]
        if offsets[i] < offsets[j] + items.size[j] and offsets[j] < offsets[i] + items.size[i]
    }
    found = list(clashes(items, offsets))
    assert set(found) <= pairs and bool(found) == bool(pairs)


def test_parts_live_apart():
    items = Items.of([(4, 6, 1, 1), (0, 2, 1, 1), (1, 4, 1, 1), (5, 9, 1, 1)])
    assert [sorted(p.tolist()) for p in parts(items)] == [[1, 2], [0, 3]]


def test_the_search_needs_more_than_an_order():
    """First fit in all four orders leaves a hole here."""
    rows = [(0, 3, 4, 1), (2, 6, 2, 1), (5, 8, 4, 1), (0, 5, 2, 1), (3, 8, 2, 1), (2, 5, 2, 1)]
    items = Items.of(rows)
    best = least(items)
    assert search(items, best) is not None


def test_the_solver_agrees_where_it_is_installed():
    pytest.importorskip("ortools")
    items = Items.of([(0, 3, 32, 16), (2, 6, 16, 256), (5, 8, 32, 16), (0, 5, 16, 16)])
    found = solve(items, 512)
    assert found is not None and not list(clashes(items, found))
    assert solve(items, 48) is None


def test_without_the_solver_there_is_no_placement(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ortools.sat.python", None)
    assert solve(Items.of([(0, 1, 16, 16)]), 512) is None


def program(sizes: list[int], *, stream: bool = True, rounds: int = 8) -> Code:
    """Weights that are loaded and used, one after the other."""
    code = Code(EDGE.line)
    x, c = code.buffer("spad", 1024, "x"), code.buffer("acc", 1024, "c")
    for n in range(rounds):
        w = code.buffer("wmem", sizes[n % len(sizes)], f"w{n}", stream=stream)
        code.add("ld.w", x=Ref(w), dram=None, desc=("dma", {}), layer=n)
        code.add("mm", x=Ref(x), y=Ref(w), z=Ref(c), desc=("gemm", {}), layer=n)
    return code


def weights(code: Code) -> list[int]:
    return [b.address for b in code.buffers if b.space == "wmem"]


def test_a_ring_uses_all_of_the_memory():
    code = program([65536])
    used = allocate(code, EDGE)
    assert weights(code) == [0, 65536, 131072, 196608] * 2
    assert used["wmem"].peak == used["wmem"].capacity == 262144 and used["wmem"].bound == 65536


def test_streams_go_no_further_than_asked():
    code = program([16384])
    allocate(code, EDGE, ahead=2)
    assert weights(code) == [0, 16384, 32768] * 2 + [0, 16384]


def test_what_does_not_stream_lies_at_the_bottom():
    code = program([65536], stream=False)
    allocate(code, EDGE)
    assert weights(code) == [0] * 8


def test_a_ring_turns_around_what_stays():
    code = program([65536])
    kept = code.buffer("wmem", 65536, "kept")
    code.ops[0].z = code.ops[-1].z = Ref(kept)
    allocate(code, EDGE)
    assert kept.address == 0
    assert weights(code)[:-1] == [65536, 131072, 196608] * 2 + [65536, 131072]


def test_a_large_stream_has_room_among_small_ones():
    """Spread over the memory, the small ones would leave no hole for the large one that lives with the last."""
    code = program([32768, 32768, 32768, 229376])
    small, large = (next(b for b in code.buffers if b.name == name) for name in ("w2", "w3"))
    code.ops[7].z = Ref(small)
    allocate(code, EDGE)
    assert large.address is not None and small.address is not None


def test_tables_lie_at_their_alignment():
    code = Code(EDGE.line)
    records, table = code.buffer("pmem", 48, "records"), code.buffer("pmem", 256, "table", align=256)
    out = code.buffer("spad", 64, "y")
    code.add("v.act.lut", x=Ref(out), z=Ref(out), y=Ref(records), lut=Ref(table), desc=("vec", {}))
    allocate(code, EDGE)
    assert table.address is not None and table.address % 256 == 0
    assert records.address is not None and not 0 <= records.address - table.address < 256


def test_what_nobody_names_gets_no_address():
    code = program([1024], rounds=1)
    unused = code.buffer("wmem", 1024, "unused")
    allocate(code, EDGE)
    assert unused.address is None and unused not in ranges(code.ops)


def test_too_little_memory_is_told():
    code = program([65536], rounds=2)
    big = code.buffer("wmem", 229376, "big")
    code.ops[3].z = Ref(big)
    code.marks = [Mark("conv1", (), "matrix", 0), Mark("conv2", (), "matrix", 0)]
    told = r"wmem has 262144 bytes; 294912 bytes live at operation 3 \(conv2\): big \(229376\).*more wmem.bytes"
    with pytest.raises(AllocError, match=told):
        allocate(code, EDGE)
    assert big.address is None


def test_the_solver_is_offered_where_it_is_missing(monkeypatch):
    """What lives together would fit, and nobody has found how."""
    code = program([65536])
    monkeypatch.setattr("aic.backends.npu.memory.alloc.place", lambda *_: (None, {"solver"}))
    monkeypatch.setattr("aic.backends.npu.memory.alloc.missing", lambda: "pip install 'aic-compiler[solver]'")
    with pytest.raises(AllocError, match=r"no placement was found, at .*helps: pip install .*\[solver\]', or more "):
        allocate(code, EDGE)
