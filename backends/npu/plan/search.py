"""The choice of groups, strips and residents, by closed form.

Groups are runs of layers in order, found by dynamic programming; each is costed with every number of strips that fits.
A tensor between groups stays in SPAD if all groups that it lives through have room for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from ..layer import Network
from ..machine import Machine
from ..runs import LowerError
from .cost import records_of
from .cuts import Cut, Cuts, Family
from .geometry import halos
from .plan import Group, Keep, Plan
from .run import Facts, Run
from .tiling import Shares

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

    run: Run
    cut: Cut
    keep: str
    shares: Shares
    away: frozenset[int]
    streamed: frozenset[int]
    cycles: float


class Search:
    """One network on one machine."""

    def __init__(self, network: Network, machine: Machine, knobs: Knobs = Knobs(), cuts: Cuts | None = None):
        """`cuts`: those of the same network and machine, as an earlier search left them."""
        self.network, self.machine, self.knobs = network, machine, knobs
        self.cuts = Cuts(Facts(network, machine, halos(network))) if cuts is None else cuts
        self.facts, self.costs = self.cuts.facts, self.cuts.costs
        rings = (0,) if machine.wmem.bytes else tuple(int(machine.spad.bytes * r) for r in RINGS)
        self.rings = tuple((ring, Shares.of(machine, ring, knobs.parts)) for ring in rings)
        self.room = machine.spad.bytes * knobs.budget
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
                run = self.cuts.run(i, j)
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
            at = found.run.first
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
            run = choice.run
            again = self.choose(run, away) or choice
            kept = again.cut.count > 1 and records_of(run.layers, self.machine) <= 40960
            groups.append(
                Group(
                    tuple(run.layers),
                    again.cut.strips(),
                    Keep(again.keep, kept),
                    again.shares,
                    again.streamed,
                    again.cut.ahead,
                )
            )
            inside |= run.touched.keys() - run.crossing
        resident = {id(t) for t in self.network.tensors} - away - inside
        return Plan(self.network, self.facts.halos, groups, resident)

    def least(self, run: Run) -> float:
        """Cycles that a run takes at least."""
        vector = sum(map(self.costs.vector, run.layers))
        return max(vector, self._dram(sum(map(self.costs.weights, run.layers)), run.traffic(frozenset())))

    def choose(self, run: Run, away: frozenset[int] | None) -> Choice | None:
        """The best cut of a run; `away`: what is in DRAM, if that is settled."""
        best: Choice | None = None
        *usual, finest, tightest = self.cuts.families(run)
        for family in usual:
            best = self._best(run, away, family, best)
        return best or self._best(run, away, finest, None) or self._best(run, away, tightest, None)

    def _best(self, run: Run, away: frozenset[int] | None, family: Family, best: Choice | None) -> Choice | None:
        worse = 0
        for cut in family:
            tried = (self._cost(run, cut, away, shares, ring) for ring, shares in self.rings)
            found = min((c for c in tried if c is not None), key=lambda c: c.cycles, default=None)
            if found is not None and (best is None or found.cycles < best.cycles):
                best, worse = found, 0
            elif found is not None:
                worse += 1
            if worse >= PATIENCE:
                break
        return best

    def _cost(self, run: Run, cut: Cut, settled: frozenset[int] | None, shares: Shares, ring: int) -> Choice | None:
        passes = run.streamable(shares)
        windows = cut.windows | {k: min(cut.windows[k], self._blocks(shares)) for k in passes}
        away = self._away(run, windows, settled, self.room - ring)
        if away is None or (array := cut.array(shares)) is None:
            return None
        work = [Work(a, self.costs.vector(layer)) for a, layer in zip(array, run.layers, strict=True)]
        weights = sum(map(self.costs.weights, run.layers))
        keep = self._keep(cut.count, weights, self._taken(run, windows, away))
        traffic = run.traffic(away)
        if settled is None:
            traffic += sum(2 * self.facts.bytes[k] for k in away & run.passing)
        dram = self._dram(weights * (1 if keep else cut.count), traffic)
        cycles = max(busy := compute(work, cut.count), dram) + self.knobs.dram * dram
        if not cut.ahead:
            cycles += min(busy, self._dram(0, traffic))
        return Choice(run, cut, keep, shares, away, frozenset(passes) & away, cycles + 100)

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
