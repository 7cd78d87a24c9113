"""What is the same for a run of layers however it is cut into strips."""

from ..layer import Network, Tensor
from ..machine import Machine
from .cost import tensor_bytes
from .geometry import Halo
from .plan import skews, streamable
from .tiling import Shares


class Facts:
    """Of a network's tensors, by id: bytes in SPAD and in DRAM, first and last use."""

    def __init__(self, network: Network, machine: Machine, halos: dict[int, Halo]):
        self.layers, self.machine, self.halos = network.layers, machine, halos
        self.size = {id(t): tensor_bytes(t, machine, halos[id(t)]) for t in network.tensors}
        self.bytes = {id(t): tensor_bytes(t, machine) for t in network.tensors}
        self.first, self.last = lifetimes(network)


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


class Run:
    """Layers [first, last) of a network, and the tensors, by id, that they touch, that live outside, too (`crossing`),
    that live through them untouched (`passing`), and that may stream through SPAD."""

    def __init__(self, facts: Facts, first: int, last: int):
        self.facts, self.first, self.last = facts, first, last
        self.layers = facts.layers[first:last]
        self.touched: dict[int, Tensor] = {
            id(v.tensor): v.tensor for layer in self.layers for v in (*layer.inputs, layer.out)
        }
        begins, ends = facts.first, facts.last
        self.crossing = {k for k in self.touched if begins[k] < first or ends[k] >= last}
        self.passing = {k for k in facts.size if begins[k] < first and ends[k] >= last and k not in self.touched}
        self.outside = frozenset(k for k in self.touched if ends[k] >= last or begins[k] < first)
        self.copies = self._copies()
        read = {id(v.tensor) for layer in self.layers for v in layer.inputs}
        made = {id(layer.out.tensor) for layer in self.layers}
        end = len(facts.layers)
        self.loaded = {k for k in read if begins[k] < first}
        self.stored = {k for k in made if ends[k] >= last}
        self.always = {k for k in self.loaded if begins[k] < 0} | {k for k in self.stored if ends[k] >= end}
        """Inputs and outputs of the network: in DRAM whatever is planned."""
        self._streamable: dict[Shares, set[int]] = {}

    def _copies(self) -> dict[int, int]:
        """How many windows of each tensor are there at once."""
        early: dict[int, int] = {}
        late: dict[int, int] = {}
        for layer, skew in zip(self.layers, skews(self.layers), strict=True):
            for view in (layer.out, *layer.inputs):
                key = id(view.tensor)
                early.setdefault(key, skew)
                late[key] = max(late.get(key, 0), skew)
        return {k: late[k] - early[k] + 1 + (k in self.crossing) for k in self.touched}

    def streamable(self, shares: Shares) -> set[int]:
        """Crossing tensors that may pass through SPAD block by block."""
        if shares not in self._streamable:
            self._streamable[shares] = streamable(self.layers, self.facts.machine, shares) & self.crossing
        return self._streamable[shares]

    def traffic(self, away: frozenset[int]) -> float:
        """Bytes of activations that the run moves if the tensors `away` are in DRAM."""
        moved = self.facts.bytes
        return sum(moved[k] for part in (self.loaded, self.stored) for k in part if k in away or k in self.always)
