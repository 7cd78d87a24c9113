"""The choice of groups, strips and residents, by closed form.

Groups are runs of layers in order, found by dynamic programming; each is costed with every number of strips that fits.
A tensor between groups stays in SPAD if all groups that it lives through have room for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from ..layer import Layer, Network, Tensor
from ..machine import Machine
from ..runs import LowerError
from .cost import Work, layer_work, records_of, tensor_bytes, window_bytes
from .geometry import Halo, halos
from .plan import Group, Keep, Plan, skews, streamable
from .strips import Strips, by_rows, by_units, units
from .tiling import Shares

COUNTS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 56, 112)
"""Numbers of strips that are tried."""
RINGS = (0.08, 0.16, 0.3, 0.45)
"""Parts of SPAD for passing weights that are tried on machines without a weight memory."""


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
        self.size = {id(t): tensor_bytes(t, machine, self.halos[id(t)]) for t in network.tensors}
        self.bytes = {id(t): tensor_bytes(t, machine) for t in network.tensors}
        self.first, self.last = lifetimes(network)
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
                found = self.choose(i, j, None)
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
        for choice in choices:
            again = self.choose(choice.first, choice.last, away) or choice
            layers = tuple(self.network.layers[again.first : again.last])
            kept = again.strips.count > 1 and records_of(layers, self.machine) <= 40960
            groups.append(Group(layers, again.strips, Keep(again.keep, kept), again.shares, again.streamed))
        inside = {id(t) for g, c in zip(groups, choices, strict=True) for t in g.tensors if not self.crosses(t, c)}
        resident = {id(t) for t in self.network.tensors} - away - inside
        return Plan(self.network, self.halos, groups, resident)

    def crosses(self, tensor: Tensor, choice: Choice) -> bool:
        """Whether a tensor lives outside of a group, too."""
        return self.first[id(tensor)] < choice.first or self.last[id(tensor)] >= choice.last

    def choose(self, first: int, last: int, away: frozenset[int] | None) -> Choice | None:
        """The best number of strips for the layers [first, last); `away`: what is in DRAM, if that is settled."""
        best: Choice | None = None
        for strips in self._strips(first, last):
            for ring, shares in self.rings:
                found = self._cost(first, last, strips, away, shares, ring)
                if found is not None and (best is None or found.cycles < best.cycles):
                    best = found
        return best

    def _strips(self, first: int, last: int) -> Iterator[Strips]:
        layers = self.network.layers[first:last]
        yield by_units(layers, 1)
        outside = frozenset(k for k in self.size if self.last[k] >= last or self.first[k] < first)
        whole = units(layers)
        rows = max(layer.out.size[1] for layer in layers)
        for count in COUNTS:
            if whole > 1 and count <= whole:
                yield by_units(layers, count)
        for count in (1, *COUNTS) if whole > 1 else COUNTS:
            found = by_rows(layers, outside, count) if count <= rows else None
            if found is not None:
                yield found

    def _cost(
        self, first: int, last: int, strips: Strips, settled: frozenset[int] | None, shares: Shares, ring: int
    ) -> Choice | None:
        layers = self.network.layers[first:last]
        touched = {id(v.tensor): v.tensor for layer in layers for v in (*layer.inputs, layer.out)}
        crossing = {k for k in touched if self.first[k] < first or self.last[k] >= last}
        passing = {k for k in self.size if self.first[k] < first and self.last[k] >= last and k not in touched}
        windows = self._windows(layers, strips, touched, crossing)
        passes = streamable(layers, self.machine, shares) & crossing
        windows |= {k: min(windows[k], self._blocks(shares)) for k in passes}
        away = self._away(crossing | passing, touched, windows, settled, self.room - ring)
        if away is None:
            return None
        taken = self._taken(crossing | passing, touched, windows, away)
        try:
            work = [layer_work(layer, self.machine, self.halos, strips, i, shares) for i, layer in enumerate(layers)]
        except LowerError:
            return None
        weights = sum(w.weights for w in work)
        keep = self._keep(strips.count, weights, taken)
        traffic = self._traffic(layers, first, last, away)
        if settled is None:
            traffic += sum(2 * self.bytes[k] for k in away & passing)
        loaded = weights * (1 if keep or strips.count == 1 else strips.count)
        dram = self._dram(loaded, traffic)
        cycles = max(compute(work, strips.count), dram) + self.knobs.dram * dram
        return Choice(first, last, strips, keep, shares, away, frozenset(passes) & away, cycles + 100)

    def _blocks(self, shares: Shares) -> int:
        """Bytes of the few blocks of results that are on their way at once."""
        return 4 * shares.block * self.machine.cols * 2

    def _work(self, layer: Layer, strips: Strips, i: int, shares: Shares) -> Work:
        return layer_work(layer, self.machine, self.halos, strips, i, shares)

    def _keep(self, strips: int, weights: int, taken: float) -> str:
        """The memory in which a group's weights can stay for all strips, if there is one."""
        if strips == 1 or not weights:
            return ""
        if self.machine.wmem.bytes and weights <= 0.7 * self.machine.wmem.bytes:
            return "wmem"
        return "spad" if taken + weights <= self.room else ""

    def _windows(
        self, layers: Sequence[Layer], strips: Strips, touched: dict[int, Tensor], crossing: set[int]
    ) -> dict[int, int]:
        """Bytes that each tensor takes if it is there strip by strip."""
        if strips.count == 1:
            return {k: self.size[k] for k in touched}
        behind = skews(layers)
        early: dict[int, int] = {}
        late: dict[int, int] = {}
        for layer, skew in zip(layers, behind, strict=True):
            early.setdefault(id(layer.out.tensor), skew)
            late[id(layer.out.tensor)] = max(late.get(id(layer.out.tensor), 0), skew)
            for view in layer.inputs:
                key = id(view.tensor)
                early.setdefault(key, skew)
                late[key] = max(late.get(key, 0), skew)
        found: dict[int, int] = {}
        for key, tensor in touched.items():
            one = window_bytes(tensor, self.machine, self.halos[key], strips)
            copies = late[key] - early[key] + 1 + (1 if key in crossing else 0)
            found[key] = one * min(copies, strips.count)
        return found

    def _away(
        self,
        candidates: set[int],
        touched: dict[int, Tensor],
        windows: dict[int, int],
        settled: frozenset[int] | None,
        room: float,
    ) -> frozenset[int] | None:
        """What has to be in DRAM so that the rest fits; None if it does not."""

        def fits(away: frozenset[int]) -> bool:
            return self._taken(candidates, touched, windows, away) <= room

        if settled is not None:
            return settled & candidates if fits(settled & candidates) else None
        away: frozenset[int] = frozenset()
        order = sorted(candidates, key=lambda k: (k in touched, -self.size[k]))
        for key in order:
            if fits(away):
                break
            if key not in touched or windows[key] < self.size[key]:
                away |= {key}
        if fits(away):
            return away | {
                k for k in candidates & touched.keys() if self.first[k] < 0 and self.last[k] == self.first[k]
            }
        return None

    def _taken(
        self, candidates: set[int], touched: dict[int, Tensor], windows: dict[int, int], away: frozenset[int]
    ) -> float:
        """Bytes of SPAD in use: residents as a whole, the others by windows."""
        inner = sum(min(windows[k], self.size[k]) for k in touched if k not in candidates or k in away)
        return inner + sum(self.size[k] for k in candidates - away)

    def _traffic(self, layers: Sequence[Layer], first: int, last: int, away: frozenset[int]) -> float:
        """Bytes of activations that a group moves."""
        total = 0
        read = {id(v.tensor) for layer in layers for v in layer.inputs}
        made = {id(layer.out.tensor) for layer in layers}
        for key in read:
            if self.first[key] < first and (key in away or self.first[key] < 0):
                total += self.bytes[key]
        for key in made:
            if self.last[key] >= last and (key in away or self.last[key] >= len(self.network.layers)):
                total += self.bytes[key]
        return total

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


def lifetimes(network: Network) -> tuple[dict[int, int], dict[int, int]]:
    """By id of each tensor the layer that first writes it (-1: an input) and the last that touches it (the number of
    layers: an output)."""
    first = {id(t): -1 for t in network.inputs}
    last = {id(t): -1 for t in network.inputs}
    for i, layer in enumerate(network.layers):
        first.setdefault(id(layer.out.tensor), i)
        for view in (*layer.inputs, layer.out):
            last[id(view.tensor)] = i
    last |= {id(t): len(network.layers) for t in network.outputs}
    return first, last


def plans(network: Network, machine: Machine) -> Iterator[Plan]:
    """Plans worth comparing, the most promising first."""
    base = Knobs()
    for knobs in (base, replace(base, longest=1), replace(base, longest=24)):
        try:
            yield Search(network, machine, knobs).plan()
        except LowerError:
            continue
