"""The choice of groups, strips and residents, by closed form.

Groups are runs of layers in order, found by dynamic programming; each is costed with every number of strips that fits.
A tensor between groups stays in SPAD if all groups that it lives through have room for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from ..layer import Network
from ..machine import Machine
from ..runs import LowerError
from .cost import Costs, records_of, window_bytes
from .geometry import Halo, halos
from .plan import Group, Keep, Plan
from .row_strips import by_rows, separable
from .run import Facts, Run
from .strips import Strips, UnitStrips, units, whole
from .tiling import Shares

COUNTS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 56, 112)
"""Numbers of strips that are tried."""
RINGS = (0.08, 0.16, 0.3, 0.45)
"""Parts of SPAD for passing weights that are tried on machines without a weight memory."""


PATIENCE = 3
"""So many numbers of strips that are no better than one before end the trying."""


class Work(NamedTuple):
    """Cycles of the array and of the vector unit."""

    array: float
    vector: float


@dataclass(frozen=True)
class Knobs:
    """What may be varied between plans of one network: the part of SPAD that is planned with, layers in a group, parts
    of ACC."""

    budget: float = 0.9
    longest: int = 12
    parts: int = 4
    dram: float = 0.1
    """What a cycle of transfers costs that is hidden under computation: others may be waiting for it."""


@dataclass(frozen=True)
class Choice:
    """A group as costed: tensors that have to be in DRAM for it to fit, and its cycles."""

    first: int
    last: int
    strips: Strips
    keep: str
    shares: Shares
    away: frozenset[int]
    streamed: frozenset[int]
    cycles: float


class Search:
    """One network on one machine."""

    def __init__(self, network: Network, machine: Machine, knobs: Knobs = Knobs()):
        self.network, self.machine, self.knobs = network, machine, knobs
        self.halos: dict[int, Halo] = halos(network)
        rings = (0,) if machine.wmem.bytes else tuple(int(machine.spad.bytes * r) for r in RINGS)
        self.rings = tuple((ring, Shares.of(machine, ring, knobs.parts)) for ring in rings)
        self.room = machine.spad.bytes * knobs.budget
        self.facts, self.costs = Facts(network, machine, self.halos), Costs(machine, self.halos)
        self.rate = {q: machine.port_of(q)[1] for q in ("lda", "ldw", "st")}
        self.shared = machine.port_of("lda")[0] == machine.port_of("ldw")[0]

    def plan(self) -> Plan:
        """The cheapest partition; LowerError if some layer has no room at all."""
        layers = self.network.layers
        best: list[tuple[float, Choice | None]] = [(0.0, None), *((inf, None) for _ in layers)]
        for i in range(len(layers)):
            if best[i][0] == inf:
                continue
            for j in range(i + 1, min(len(layers), i + self.knobs.longest) + 1):
                run = Run(self.facts, i, j)
                if best[i][0] + self.least(run) >= best[j][0]:
                    continue
                found = self.choose(run, None)
                if found is not None and best[i][0] + found.cycles < best[j][0]:
                    best[j] = (best[i][0] + found.cycles, found)
        choices: list[Choice] = []
        at = len(layers)
        while at:
            found = best[at][1]
            if found is None:
                raise LowerError(f"{layers[self._stuck(best)].name}: its tensors have no room in SPAD")
            choices.insert(0, found)
            at = found.first
        return self._settled(choices)

    @staticmethod
    def _stuck(best: Sequence[tuple[float, Choice | None]]) -> int:
        return max((i for i, (cycles, _) in enumerate(best[:-1]) if cycles < inf), default=0)

    def _settled(self, choices: list[Choice]) -> Plan:
        """Residents as all groups agree on them, and each group's strips chosen again for them."""
        away = frozenset[int]().union(*(c.away for c in choices))
        groups: list[Group] = []
        inside: set[int] = set()
        for choice in choices:
            run = Run(self.facts, choice.first, choice.last)
            again = self.choose(run, away) or choice
            kept = again.strips.count > 1 and records_of(run.layers, self.machine) <= 40960
            groups.append(Group(tuple(run.layers), again.strips, Keep(again.keep, kept), again.shares, again.streamed))
            inside |= run.touched.keys() - run.crossing
        resident = {id(t) for t in self.network.tensors} - away - inside
        return Plan(self.network, self.halos, groups, resident)

    def least(self, run: Run) -> float:
        """Cycles that a run takes at least."""
        vector = sum(map(self.costs.vector, run.layers))
        return max(vector, self._dram(sum(map(self.costs.weights, run.layers)), run.traffic(frozenset())))

    def choose(self, run: Run, away: frozenset[int] | None) -> Choice | None:
        """The best number of strips for a run; `away`: what is in DRAM, if that is settled. Strips of single rows where
        nothing else has room."""
        return self._best(run, away, self._strips(run)) or self._best(run, away, self._finest(run))

    def _best(self, run: Run, away: frozenset[int] | None, families: Iterator[Iterator[Strips]]) -> Choice | None:
        best: Choice | None = None
        for family in families:
            worse = 0
            for strips in family:
                found = min(
                    (
                        c
                        for ring, shares in self.rings
                        if (c := self._cost(run, strips, away, shares, ring)) is not None
                    ),
                    key=lambda c: c.cycles,
                    default=None,
                )
                if found is not None and (best is None or found.cycles < best.cycles):
                    best, worse = found, 0
                elif found is not None:
                    worse += 1
                if worse >= PATIENCE:
                    break
        return best

    @staticmethod
    def _strips(run: Run) -> Iterator[Iterator[Strips]]:
        """Ways to cut a run: not at all, into images, into rows; each with more and more strips."""
        layers = run.layers
        yield iter([whole(layers)])
        parts = units(layers)
        yield (UnitStrips(layers, count, parts) for count in COUNTS if count <= parts > 1)
        if separable(layers):
            rows = max(layer.out.size[1] for layer in layers)
            counts = (count for count in ((1, *COUNTS) if parts > 1 else COUNTS) if count <= rows)
            found = (by_rows(layers, run.outside, count) for count in counts)
            yield (strips for strips in found if strips is not None)

    @staticmethod
    def _finest(run: Run) -> Iterator[Iterator[Strips]]:
        """As many strips as there are rows."""
        if separable(run.layers):
            found = by_rows(run.layers, run.outside, max(layer.out.size[1] for layer in run.layers))
            yield iter([] if found is None else [found])

    def _cost(
        self, run: Run, strips: Strips, settled: frozenset[int] | None, shares: Shares, ring: int
    ) -> Choice | None:
        windows = self._windows(run, strips)
        passes = run.streamable(shares)
        windows |= {k: min(windows[k], self._blocks(shares)) for k in passes}
        away = self._away(run, windows, settled, self.room - ring)
        if away is None:
            return None
        try:
            array = [self.costs.array(layer, strips, i, shares) for i, layer in enumerate(run.layers)]
        except LowerError:
            return None
        work = [Work(a, self.costs.vector(layer)) for a, layer in zip(array, run.layers, strict=True)]
        weights = sum(map(self.costs.weights, run.layers))
        keep = self._keep(strips.count, weights, self._taken(run, windows, away))
        traffic = run.traffic(away)
        if settled is None:
            traffic += sum(2 * self.facts.bytes[k] for k in away & run.passing)
        dram = self._dram(weights * (1 if keep else strips.count), traffic)
        cycles = max(compute(work, strips.count), dram) + self.knobs.dram * dram
        return Choice(run.first, run.last, strips, keep, shares, away, frozenset(passes) & away, cycles + 100)

    def _blocks(self, shares: Shares) -> int:
        """Bytes of the few blocks of results that are on their way at once."""
        return 4 * shares.block * self.machine.cols * 2

    def _keep(self, strips: int, weights: int, taken: float) -> str:
        """The memory in which a group's weights can stay for all strips, if there is one."""
        if strips == 1 or not weights:
            return ""
        if self.machine.wmem.bytes and weights <= 0.7 * self.machine.wmem.bytes:
            return "wmem"
        return "spad" if taken + weights <= self.room else ""

    def _windows(self, run: Run, strips: Strips) -> dict[int, int]:
        """Bytes that each tensor takes if it is there strip by strip."""
        if strips.count == 1:
            return {k: self.facts.size[k] for k in run.touched}
        return {
            key: window_bytes(tensor, self.machine, self.halos[key], strips) * min(run.copies[key], strips.count)
            for key, tensor in run.touched.items()
        }

    def _away(
        self, run: Run, windows: dict[int, int], settled: frozenset[int] | None, room: float
    ) -> frozenset[int] | None:
        """What has to be in DRAM so that the rest fits; None if it does not."""
        candidates = run.crossing | run.passing
        away: frozenset[int] = frozenset()
        if settled is not None:
            away = settled & candidates
            return away if self._taken(run, windows, away) <= room else None
        size = self.facts.size
        for key in sorted(candidates, key=lambda k: (k in run.touched, -size[k])):
            if self._taken(run, windows, away) <= room:
                return away
            if key not in run.touched or windows[key] < size[key]:
                away |= {key}
        return away if self._taken(run, windows, away) <= room else None

    def _taken(self, run: Run, windows: dict[int, int], away: frozenset[int]) -> float:
        """Bytes of SPAD in use: residents as a whole, the others by windows."""
        candidates, size = run.crossing | run.passing, self.facts.size
        inner = sum(min(windows[k], size[k]) for k in run.touched if k not in candidates or k in away)
        return inner + sum(size[k] for k in candidates - away)

    def _dram(self, weights: float, activations: float) -> float:
        if self.shared:
            return (weights + activations) / self.rate["ldw"]
        return max(weights / self.rate["ldw"], activations / self.rate["lda"])


def compute(work: Sequence[Work], strips: int) -> float:
    """Cycles of array and vector unit together: side by side within a layer; with strips, throughout the group, but for
    the first and last strips."""
    if strips == 1:
        return sum(max(w.array, w.vector) + min(w.array, w.vector) * 0.05 for w in work)
    array, vector = sum(w.array for w in work), sum(w.vector for w in work)
    return max(array, vector) + min(array, vector) * min(1.0, 1.5 / strips) + 40 * strips * len(work)
