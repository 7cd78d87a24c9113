"""Which schedules of a kernel to try next, by what is known of those that were tried.

    tuner = tuner_named("learned")(space, Random(0))
    tuner.told(schedule, seconds);  tuner.propose(8)          schedules that were neither told nor proposed

The kinds are AutoTVM's (Chen et al., Learning to Optimize Tensor Programs, 2018): random, grid, genetic, and a learned
cost model that ranks the offspring of the best.
"""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from random import Random
from typing import ClassVar

import numpy as np

from ...dialects._schedules import Features, Schedule, Space
from ..errors import UsageError
from .learned import Ridge

PARENTS = 8
"""The fastest schedules, whose offspring is tried."""
POOL = 192
"""Schedules that a cost model ranks to propose a few."""
ENOUGH = 8
"""Measurements from which on the learned cost is trusted more than the static one."""
EXPLORED = 0.2
"""The part of the proposals that no model chooses."""


class Tuner(ABC):
    """Knows what was tried of one kernel; `None` seconds of a schedule that could not be measured."""

    name: ClassVar[str]

    def __init__(self, space: Space, random: Random):
        self.space, self.random = space, random
        self.seconds: dict[Schedule, float | None] = {}
        self.proposed: set[Schedule] = set()

    def told(self, schedule: Schedule, seconds: float | None) -> None:
        """A schedule was measured."""
        self.seconds[schedule] = seconds
        self.proposed.add(schedule)

    def propose(self, count: int) -> list[Schedule]:
        """Up to so many new schedules; none once all have been tried."""
        found: list[Schedule] = []
        for schedule in self.candidates(count):
            if schedule not in self.proposed:
                self.proposed.add(schedule)
                found.append(schedule)
            if len(found) == count:
                break
        return found

    @abstractmethod
    def candidates(self, count: int) -> Iterator[Schedule]:
        """Schedules to try, the best first; known ones among them do not matter."""

    def fastest(self, count: int = PARENTS) -> list[Schedule]:
        """The schedules that took the least time."""
        timed = [(s, schedule) for schedule, s in self.seconds.items() if s is not None]
        return [schedule for _, schedule in sorted(timed, key=lambda pair: pair[0])[:count]]

    def anything(self, count: int) -> Iterator[Schedule]:
        """Random schedules; of a small space all, in random order."""
        if self.space.size <= 4 * (count + len(self.proposed)):
            every = list(self.space.all())
            self.random.shuffle(every)
            yield from every
        else:
            yield from (self.space.random(self.random) for _ in range(8 * count))


class RandomTuner(Tuner):
    """Any schedule is as good as any other."""

    name = "random"

    def candidates(self, count: int) -> Iterator[Schedule]:
        return self.anything(count)


class GridTuner(Tuner):
    """All schedules, one after the other."""

    name = "grid"

    def candidates(self, count: int) -> Iterator[Schedule]:
        return self.space.all()


class GeneticTuner(Tuner):
    """Offspring of the fastest schedules: stages of two of them, and one field changed."""

    name = "ga"

    def candidates(self, count: int) -> Iterator[Schedule]:
        parents = self.fastest()
        for _ in range(8 * count if len(parents) > 1 else 0):
            one, other = self.random.sample(parents, 2)
            child = self.space.crossed(one, other, self.random)
            if self.random.random() > EXPLORED:
                yield self.space.mutated(child, self.random)
            else:
                yield self.space.random(self.random)
        yield from self.anything(count)


class LearnedTuner(GeneticTuner):
    """Of random schedules and of offspring those that a model thinks fast: the static cost until enough is measured."""

    name = "learned"

    def __init__(self, space: Space, random: Random):
        super().__init__(space, random)
        self._known: dict[Schedule, Features] = {}

    def candidates(self, count: int) -> Iterator[Schedule]:
        pool = [s for s in dict.fromkeys(self._pool()) if s not in self.proposed]
        if not pool:
            return
        timed = [(schedule, s) for schedule, s in self.seconds.items() if s is not None]
        told = [self._features(schedule) for schedule in pool]
        if len(timed) >= ENOUGH:
            rows = [np.array(self._features(schedule).learned) for schedule, _ in timed]
            costs = Ridge(rows, [s for _, s in timed]).predicted([np.array(f.learned) for f in told]).tolist()
        else:
            costs = [f.cost for f in told]
        ranked = [pool[i] for i in sorted(range(len(pool)), key=lambda i: costs[i])]
        while ranked:
            yield ranked.pop(0 if self.random.random() > EXPLORED else self.random.randrange(len(ranked)))

    def _features(self, schedule: Schedule) -> Features:
        if schedule not in self._known:
            self._known[schedule] = self.space.features(schedule)
        return self._known[schedule]

    def _pool(self) -> Iterator[Schedule]:
        yield from super().candidates(POOL // 8)
        yield from self.anything(POOL // 8)


TUNERS = {kind.name: kind for kind in (RandomTuner, GridTuner, GeneticTuner, LearnedTuner)}


def tuner_named(name: str) -> type[Tuner]:
    """The kind of tuner; UsageError names the nearest one if there is none."""
    if name not in TUNERS:
        near = difflib.get_close_matches(name, TUNERS, 1)
        hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(TUNERS)}"
        raise UsageError(f"no tuner {name!r}; {hint}", code="unknown-tuner")
    return TUNERS[name]
