"""Placing synchronisation: random operations in an order that is right one by one lose no dependence, and no token is
redundant; counters never overflow."""

from dataclasses import replace

import numpy as np
import pytest
from aic.backends.npu.isa import QUEUES
from aic.backends.npu.machine import machine_from
from aic.backends.npu.order.granules import span
from aic.backends.npu.order.run import Verdict, run
from aic.backends.npu.order.sync import Tokens, tokens
from aic.backends.npu.order.touch import NONE, Touches
from aic.backends.npu.program import Instruction, Program

EDGE = machine_from("edge")


def touches(reads: list[list[int]], writes: list[list[int]], atoms: int) -> Touches:
    arrays = [[np.array(a, np.int64) if a else NONE for a in part] for part in (reads, writes)]
    return Touches(*arrays, span(atoms, 1 << 44).array())


def random_code(rng: np.random.Generator, size: int, atoms: int) -> tuple[list[int], Touches]:
    def some(most: int) -> list[int]:
        return sorted(set(rng.integers(0, atoms, rng.integers(0, most)).tolist()))

    queues = rng.integers(0, 5, size).tolist()
    return queues, touches([some(5) for _ in queues], [some(4) for _ in queues], atoms)


def program(queues: list[int], placed: Tokens) -> Program:
    number = {pair: n for n, pair in enumerate(placed.pairs, 1)}
    sems = [(f"{p}{q}", QUEUES[p], QUEUES[q], 0) for p, q in placed.pairs]
    parts = zip(queues, placed.waits, placed.signals, strict=True)
    text = [
        Instruction("sync", f=q, waits=tuple(number[p] for p in w), signals=tuple(number[p] for p in s))
        for q, w, s in parts
    ]
    return Program(EDGE, [*text, Instruction("halt")], sems=sems)


def judge(made: Program, used: Touches, depth: int = 64) -> Verdict:
    more = Touches([*used.reads, NONE], [*used.writes, NONE], used.first)
    return run(made, more, np.ones(used.count, bool), depth)


def wrong(verdict: Verdict) -> bool:
    return bool(verdict.races or verdict.semaphores or verdict.stuck)


@pytest.mark.parametrize("seed", range(300))
def test_random_programs_have_no_finding_at_any_depth(seed: int):
    rng = np.random.default_rng(seed)
    queues, used = random_code(rng, int(rng.integers(5, 120)), int(rng.integers(1, 60)))
    placed = tokens(queues, used)
    assert max(map(len, placed.waits + placed.signals)) <= 4
    assert len(placed.pairs) <= 20
    made = program(queues, placed)
    for depth in (2, 8, 64):
        verdict = judge(made, used, depth)
        assert not wrong(verdict)
        assert not verdict.fresh


@pytest.mark.parametrize("seed", range(40))
def test_every_token_is_needed(seed: int):
    rng = np.random.default_rng(1000 + seed)
    queues, used = random_code(rng, 60, 30)
    placed = tokens(queues, used)
    sent: dict[tuple[int, int], list[int]] = {}
    for index, pairs in enumerate(placed.signals):
        for pair in pairs:
            sent.setdefault(pair, []).append(index)
    taken = {pair: 0 for pair in sent}
    for index, pairs in enumerate(placed.waits):
        for pair in pairs:
            fewer = Tokens([list(w) for w in placed.waits], [list(s) for s in placed.signals], placed.pairs)
            fewer.waits[index].remove(pair)
            fewer.signals[sent[pair][taken[pair]]].remove(pair)
            taken[pair] += 1
            assert judge(program(queues, fewer), used).races


def check_counts(queues: list[int], used: Touches) -> Tokens:
    placed = tokens(queues, used)
    for depth in (2, 64, 10_000):
        assert not wrong(judge(program(queues, placed), used, depth))
    return placed


def test_a_producer_far_ahead_asks_back():
    """Queue 0 writes ever new atoms, queue 1 reads each: nothing ever makes queue 0 wait, until its count is full."""
    size = 1000
    used = touches(
        [[i // 2] if i % 2 else [] for i in range(2 * size)], [[] if i % 2 else [i // 2] for i in range(2 * size)], size
    )
    placed = check_counts([0, 1] * size, used)
    assert placed.pairs == [(0, 1), (1, 0)]
    assert sum(map(len, placed.waits)) == pytest.approx(size, rel=0.05)


def test_what_is_loaded_long_before_is_waited_for_at_once():
    """All is written first and read after; the 256th token has no reader that the writer could ask."""
    size = 1500
    used = touches([[]] * size + [[i] for i in range(size)], [[i] for i in range(size)] + [[]] * size, size)
    placed = check_counts([0] * size + [1] * size, used)
    assert placed.pairs == [(0, 1)]


def test_several_consumers_of_one_producer():
    rng = np.random.default_rng(5)
    queues = rng.integers(0, 5, 4000).tolist()
    written = [[i] if q == 0 else [] for i, q in enumerate(queues)]
    seen = [[max(0, i - int(rng.integers(1, 900)))] if q else [] for i, q in enumerate(queues)]
    check_counts(queues, touches(seen, written, len(queues)))


def test_tokens_do_not_depend_on_the_machine():
    queues, used = random_code(np.random.default_rng(3), 50, 20)
    assert tokens(queues, used) == tokens(queues, replace(used))
