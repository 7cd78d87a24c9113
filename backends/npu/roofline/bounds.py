"""Bounds: the cycles that a layer or a network takes at least on a machine, and where they come from.

    bounds = [bound(machine, work) for work in resnet50(1)]         .array, .dram, .vector, .cycles, .by
    total(machine, bounds).fused                                    97.8 (% of peak)

array: products on the array, padded to its tiles. dram: bytes over bandwidth, `layerwise` every tensor once, `fused`
what does not stay in SPAD. vector: operations over lanes. A layer takes at least the largest of the three.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..machine import Machine
from .work import Work

BYTES = {"i8": (1, 1), "i16xi8": (2, 1), "i16": (2, 2), "bf16": (2, 2)}
"""Of an activation and of a weight."""
SMALL = 4
"""Input channels up to which all taps are packed side by side."""


@dataclass(frozen=True)
class Bound:
    """Least cycles of one layer."""

    work: Work
    ideal: float
    """MACs over peak."""
    array: int
    layerwise: float
    """DRAM, every tensor once."""
    dram: float
    """DRAM, activations on chip where they fit."""
    vector: float

    @property
    def worst(self) -> tuple[float, str]:
        """Cycles and what they come from; the alphabetically last of equals."""
        return max((self.array, "array"), (self.dram, "dram"), (self.vector, "vector"))

    @property
    def cycles(self) -> float:
        """The bound."""
        return self.worst[0]

    @property
    def by(self) -> str:
        """array, dram or vector."""
        return self.worst[1]

    @property
    def apart(self) -> float:
        """The bound where every tensor goes through DRAM."""
        return max(self.array, self.layerwise, self.vector)

    @property
    def utilisation(self) -> float:
        """MACs over peak at the bound, in percent."""
        return 100 * self.ideal / self.cycles if self.cycles else 0.0


class Total(NamedTuple):
    """A network: ideal cycles, and the utilisation in percent at each kind of bound."""

    ideal: float
    array: float
    layerwise: float
    fused: float
    overlap: float
    cycles: float
    """Of the fused bound."""
    rate: float
    """Runs a second at it."""


def bound(machine: Machine, work: Work, *, type: str = "i8", laid_out: bool = False) -> Bound:
    """The bound of a layer; `laid_out`: with the packing of the first layer that the memory's layout gives."""
    of_x, of_w = BYTES[type]
    across = machine.port_of("ldw")[1]
    weights, moved = work.weights * of_w, (work.inputs + work.outputs) * of_x
    over = max(0, moved - machine.spad.bytes) if work.spills else 0
    fused = weights + work.outside * of_x + min(work.outputs * of_x, over)
    return Bound(
        work,
        ideal=work.macs / machine.peak(type),
        array=array_cycles(machine, work, type, laid_out) if work.rows else 0,
        layerwise=(weights + moved) / across,
        dram=fused / across,
        vector=work.vector / machine.vpu.lanes,
    )


def array_cycles(machine: Machine, work: Work, type: str = "i8", laid_out: bool = False) -> int:
    """Cycles of the array: tiles of rows x cols, each as long as its rows, or as the array is high; weights stay or
    activations do, whichever is less."""
    steps = _tiles(machine, work, type, laid_out)
    high, wide = machine.rows, machine.cols
    if machine.kind == "cube":
        return -(-work.rows // machine.depth) * steps * -(-work.columns // wide) * work.count
    fixed_weights = -(-work.columns // wide) * max(work.rows, high)
    fixed_rows = -(-work.rows // wide) * max(work.columns, high)
    return steps * min(fixed_weights, fixed_rows) * work.count


def _tiles(machine: Machine, work: Work, type: str, laid_out: bool) -> int:
    """Tiles along K."""
    lanes = int(machine.rows * machine.rate[type])
    (high, wide), small = work.kernel, work.channels <= SMALL
    if laid_out and small and high > 1:
        row = wide * work.channels
        shared = max((p for p in (1, 2, 4) if p <= machine.feeder_groups and row * p <= lanes), default=1)
        return -(-high // shared) if shared > 1 else high * -(-row // lanes)
    group = 1 if small else packed_by(machine)
    channels = -(-work.channels // group) * group
    if channels >= lanes:
        return high * wide * -(-work.channels // lanes)
    return -(-high * wide * channels // lanes)


def packed_by(machine: Machine) -> int:
    """Channels that the bounds pack side by side: 8 in the 32 rows of a systolic array, else 16."""
    return 8 if machine.kind == "systolic" and machine.rows == 32 else 16


def total(machine: Machine, bounds: Sequence[Bound]) -> Total:
    """The network: layer after layer, or all under the one that takes longest (`overlap`)."""
    ideal = sum(b.ideal for b in bounds)
    array, fused = sum(b.array for b in bounds), sum(b.cycles for b in bounds)
    overlap = max(array, sum(b.dram for b in bounds), sum(b.vector for b in bounds))

    def used(cycles: float) -> float:
        return 100 * ideal / cycles if cycles else 0.0

    apart, rate = sum(b.apart for b in bounds), machine.clock_ghz * 1e9 / fused if fused else 0.0
    return Total(ideal, used(array), used(apart), used(fused), used(overlap), fused, rate)
