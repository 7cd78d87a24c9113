"""Spaces of schedules, their static cost, and the tuners that walk them."""

from random import Random

import numpy as np
import pytest
from aic.compiler.errors import UsageError
from aic.compiler.tune.learned import Ridge, rank_correlation
from aic.compiler.tune.tuners import TUNERS, tuner_named
from aic.dialects._access import Access
from aic.passes._nest.legality import refusal
from aic.passes._nest.problem import Load, Machine, Problem, Tile
from aic.passes._nest.space import NestSpace, Schedule, choices_of, distance
from aic.passes._nest.tiling import choose

MACHINE = Machine(32, 16)
M, N, K = 0, 1, 2


def product(m: int = 24, n: int = 64, k: int = 32, sums: int = 1) -> Problem:
    """y[m, n] = sum over k of x[m, k] w[k, n], rows of both dense."""
    x = Access(None, {M: (k, k), K: (1, 1)})
    w = Access(None, {K: (n, n), N: (1, 1)})
    y = Access(None, {M: (n, n), N: (1, 1)})
    loads = (Load(x, 4, True), Load(w, 4, True))
    return Problem({M: m, N: n, K: k}, frozenset({K}), loads, (y,), sums, 3, 8, frozenset(), {}, True)


def space(*problems: Problem) -> NestSpace:
    found = [choices_of(problem, MACHINE) for problem in problems or (product(),)]
    return NestSpace({i: choices for i, choices in enumerate(found) if choices is not None}, MACHINE)


def test_all_schedules_are_legal_and_differ() -> None:
    (choices,) = space().stages.values()
    assert choose(product(), MACHINE) == choose(product(), MACHINE, choices.tiles[0])  # the first is the default's
    assert all(refusal(product(), tile) is None for tile in choices.tiles)
    tilings = [choose(product(), MACHINE, tile) for tile in choices.tiles]
    assert len(set(tilings)) == len(tilings) > 30
    assert {t.vector for t in choices.tiles} == {N}  # k is not dense in w, m not in y


def test_a_stage_without_vectors_leaves_no_choice() -> None:
    assert choices_of(product(m=1, n=1, k=1), MACHINE) is None


def test_offspring_stays_within_the_space() -> None:
    both, random = space(product(), product(m=8)), Random(0)
    every = set(both.all())
    assert len(every) == both.size
    one, other = both.random(random), both.random(random)
    assert both.crossed(one, other, random) in every
    near = both.mutated(one, random)
    assert near in every and sum(distance(a, b) for (_, a), (_, b) in zip(one, near, strict=True)) <= 1


def test_the_static_cost_prefers_what_fits_the_registers() -> None:
    def cost(tile: Tile) -> float:
        return space().features(((0, tile),)).cost

    good, small, spilling = Tile(N, 2, M, 6), Tile(N, 1, M, 2), Tile(N, 4, M, 8)
    assert cost(good) < cost(small) and cost(good) < cost(spilling)


def test_rank_correlation() -> None:
    assert rank_correlation([1, 2, 3, 4], [10, 20, 25, 90]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert rank_correlation([1, 1, 2, 3], [5, 5, 7, 6]) == pytest.approx(5 / 6, abs=0.1)
    assert rank_correlation([1, 2], [1, 2]) is None and rank_correlation([1, 1, 1], [1, 2, 3]) is None


def test_a_ridge_learns_an_order() -> None:
    random = np.random.default_rng(0)
    rows = random.uniform(0, 4, (40, 5))
    seconds = np.exp(0.4 * rows[:, 0] - 0.2 * rows[:, 1] + 0.1 * rows[:, 2] ** 2)
    model = Ridge(list(rows[:30]), list(seconds[:30]))
    assert (rank_correlation(list(model.predicted(list(rows[30:]))), list(seconds[30:])) or 0) > 0.9


def measured(schedule: Schedule) -> float:
    """A machine that likes 2 vectors of 5 rows."""
    ((_, tile),) = schedule
    return 1 + abs(tile.vectors - 2) + abs(tile.rows - 5) / 4 + (tile.outside or 0) / 8


@pytest.mark.parametrize("name", sorted(TUNERS))
def test_tuners_try_each_schedule_once(name: str) -> None:
    small = space(product(m=3, n=16))
    tuner = tuner_named(name)(small, Random(0))
    seen: list[Schedule] = []
    while proposed := tuner.propose(5):
        seen += proposed
        for schedule in proposed:
            tuner.told(schedule, measured(schedule))
    assert len(seen) == len(set(seen)) and set(seen) == set(small.all())


@pytest.mark.parametrize(("name", "batches"), [("ga", 16), ("learned", 6)])
def test_a_search_that_learns_gets_further(name: str, batches: int) -> None:
    def best(kind: str, seed: int) -> float:
        two = space(product(), product(m=14, n=48))
        tuner, found = tuner_named(kind)(two, Random(seed)), 1e9
        for _ in range(batches):
            for schedule in tuner.propose(8):
                seconds = sum(measured((stage,)) for stage in schedule)
                found = min(found, seconds)
                tuner.told(schedule, seconds)
        return found

    assert sum(best(name, s) for s in range(6)) < sum(best("random", s) for s in range(6))


def test_a_seed_decides_the_proposals() -> None:
    first, again = (tuner_named("learned")(space(), Random(3)).propose(8) for _ in range(2))
    assert first == again


def test_an_unknown_tuner_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean learned"):
        tuner_named("learnt")
