"""The legal schedules of a kernel as loops: of each stage the tiles that are worth a try, one of them its default.

matmul 128x768 by 768x3072    vector n: 1 to 8 vectors, rows 2 to 14 of m, n's tiles outside m's or inside
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from random import Random

from xdsl.ir import Attribute

from ...dialects import _schedules
from ...dialects._schedules import Features, Space
from .features import features_of
from .legality import ScheduleError, refusal
from .problem import Machine, Problem, Tile, Tiling
from .schedule import parse_schedule, schedule_text
from .schedule import schedule as attribute
from .tiling import choose, gathers, is_joinable, longest_chunk

VECTORS, ROWS = 8, 14
"""Vectors and rows of a tile that are tried at most."""
FEW_ROWS = (2, 4, 8)
"""Rows that are tried where nothing is summed."""
Schedule = tuple[tuple[int, Tile], ...]
"""Tiles by stage, in order; a stage that has none runs as by default."""


@dataclass(frozen=True)
class Choices:
    """A stage: its problem, its tiling by default, and tiles that all tile differently; the first is the default."""

    problem: Problem
    default: Tiling
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class NestSpace(Space):
    """The stages that leave a choice."""

    stages: Mapping[int, Choices]
    machine: Machine

    @property
    def size(self) -> int:
        return prod(len(choices.tiles) for choices in self.stages.values())

    def all(self) -> Iterator[Schedule]:
        numbers = list(self.stages)
        for tiles in product(*(self.stages[n].tiles for n in numbers)):
            yield tuple(zip(numbers, tiles, strict=True))

    def random(self, random: Random) -> Schedule:
        return tuple((n, random.choice(choices.tiles)) for n, choices in self.stages.items())

    def mutated(self, schedule: _schedules.Schedule, random: Random) -> Schedule:
        """A schedule that differs in one stage: there in one field if some tile does, else in any."""
        stages = staged(schedule)
        stage, tile = random.choice(stages)
        tiles = self.stages[stage].tiles
        near = [t for t in tiles if distance(t, tile) == 1] or list(tiles)
        other = random.choice(near)
        return tuple((n, other if n == stage else t) for n, t in stages)

    def crossed(self, one: _schedules.Schedule, other: _schedules.Schedule, random: Random) -> Schedule:
        return tuple(random.choice(pair) for pair in zip(staged(one), staged(other), strict=True))

    def features(self, schedule: _schedules.Schedule) -> Features:
        return features_of({n: choices.problem for n, choices in self.stages.items()}, staged(schedule), self.machine)

    def text(self, schedule: _schedules.Schedule) -> str:
        return schedule_text(dict(staged(schedule)))

    def parsed(self, text: str) -> Schedule | None:
        try:
            found = tuple(sorted(parse_schedule(text).items()))
        except ScheduleError:
            return None
        return found if all(stage in self.stages for stage, _ in found) else None

    def attribute(self, schedule: _schedules.Schedule) -> Attribute:
        return attribute(dict(staged(schedule)))


def staged(schedule: _schedules.Schedule) -> Schedule:
    """A schedule as one of ours."""
    if not isinstance(schedule, tuple):
        raise TypeError(f"expected tiles by stage, found {schedule}")
    return schedule


def distance(one: Tile, other: Tile) -> int:
    """In how many fields two tiles differ; the row dim and its rows count as one."""
    rows = (one.row, one.rows) != (other.row, other.rows)
    fields = ("vector", "vectors", "outside", "join", "chunk")
    return rows + sum(getattr(one, name) != getattr(other, name) for name in fields)


def choices_of(problem: Problem, machine: Machine) -> Choices | None:
    """The choices that a stage leaves; None if it leaves none."""
    default = choose(problem, machine)
    if default.vector is None:
        return None
    first = Tile(default.vector, default.vectors, default.row, default.rows)
    found = {default: first}
    for tile in _tiles(problem, machine):
        if refusal(problem, tile) is None:
            found.setdefault(choose(problem, machine, tile), tile)
    return Choices(problem, default, tuple(found.values())) if len(found) > 1 else None


def _tiles(problem: Problem, machine: Machine) -> Iterator[Tile]:
    for vector, size in problem.sizes.items():
        if size < 2 or problem.lanes < 2:
            continue
        most = range(1, min(VECTORS, -(-size // problem.lanes)) + 1)
        if vector in problem.reduced:
            yield from (Tile(vector, count) for count in most if is_joinable(problem, vector))
        elif vector not in problem.barred and gathers(problem, vector) is not None:
            others = len(problem.parallel) - 1
            for count, (row, rows), outside in product(most, _rows(problem, vector), range(others + 1)):
                if _held(problem, vector, count, rows) <= machine.registers:
                    for join, chunk in product(_joins(problem, row), _chunks(problem, machine, vector, count)):
                        yield Tile(vector, count, row, rows, outside, join, chunk)


def _joins(problem: Problem, row: int | None) -> tuple[int | None, ...]:
    """Whether the rows go on in the next line: as by default, and not."""
    return (None, -1) if row is not None and problem.reduced else (None,)


def _chunks(problem: Problem, machine: Machine, vector: int, vectors: int) -> list[int]:
    """Steps of a chunk of the reduction: all, and what the caches have room for of the operand along the vectors."""
    wide = sum(load.bytes for load in problem.loads if load.inside and load.access.inner(vector))
    if not problem.reduced or not wide:
        return [0]
    step = wide * vectors * problem.lanes
    return sorted({0, *(longest_chunk(problem, room // step) for room in (machine.l1 * 3 // 4, machine.l2 // 4))})


def _rows(problem: Problem, vector: int) -> Iterator[tuple[int | None, int]]:
    """The dims that rows may be of, with their number."""
    yield None, 1
    for row in problem.parallel:
        counts = range(2, ROWS + 1) if problem.reduced else FEW_ROWS
        if row != vector and row not in problem.barred:
            yield from ((row, count) for count in counts if count <= problem.sizes[row])


def _held(problem: Problem, vector: int, vectors: int, rows: int) -> int:
    """Registers that a tile takes."""
    if not problem.reduced:
        return vectors * rows
    loads = sum(vectors for load in problem.loads if load.inside and load.access.inner(vector)) or 1
    return problem.sums * vectors * rows + loads + 1
