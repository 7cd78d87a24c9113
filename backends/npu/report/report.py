"""What a program did on a machine, layer by layer: time, utilisation, traffic, energy, and why it was not faster.

report = report_of(program, timeline.times, timeline.cycles, "resnet50.onnx")
report.layers[3].bound_by -> "dram"      report.document() -> {"schema": "aic.npu/1", ..}
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from ..machine import Machine
from ..program import Program
from ..sim.event import Timeline
from .mapping import mapping_of
from .occupancy import Occupancy, occupancy
from .stalls import CLASSES, Stalls, stalls
from .tally import ArrayTime, Tally, bytes_once, groups, mark_of, tallies

SCHEMA = "aic.npu/1"
UNITS = ("array", "vector", "dma")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A layer; the columns are defined in `columns.py`. None where there is nothing to divide by."""

    layer: str
    onnx: tuple[str, ...]
    kind: str
    unit: str
    mapping: str
    macs: int
    start: int
    span: int
    cycles: int
    ideal: float
    util: float | None
    array_active: float | None
    mapping_eff: float | None
    dram_rd: int
    dram_wr: int
    x_min: float | None
    spad_peak: int
    vpu: int
    bound_by: str
    of_bound: float | None
    energy_uj: float
    busy: dict[str, int] = field(default_factory=dict[str, int])
    """Cycles of array, dram, vector, shift and sync: what `bound_by` is the largest of."""
    stalls: dict[str, int] = field(default_factory=dict[str, int])
    """Cycles of the array by class, those before its products included."""
    group: str = ""
    """The first of the layers that it takes turns with: its own name where it runs alone."""


@dataclass(frozen=True)
class Wait:
    """Cycles in which the array waited for a token, last of all those it needed."""

    layer: str
    semaphore: str
    producer: str
    cycles: int


@dataclass(frozen=True)
class Report:
    """Layers in order, and the whole."""

    model: str
    machine: Machine
    layers: tuple[Row, ...]
    totals: dict[str, int | float | None]
    stalls: dict[str, int]
    """Cycles of the array by class; they add up to all cycles."""
    waits: tuple[Wait, ...]
    """The longest first."""

    def document(self) -> dict[str, object]:
        """As JSON."""
        m, cycles = self.machine, sum(self.stalls.values())
        shares = {name: percent(count, cycles) for name, count in self.stalls.items()}
        return {
            "schema": SCHEMA,
            "machine": m.name,
            "hash": m.hash.hex(),
            "model": self.model,
            "totals": self.totals,
            "layers": [{**asdict(row), "onnx": list(row.onnx)} for row in self.layers],
            "stalls": {"cycles": self.stalls, "percent": shares, "waits": [asdict(wait) for wait in self.waits]},
        }


def report_of(program: Program, ran: Timeline, model: str = "") -> Report:
    """What is to be told of a program and its timeline."""
    times, layers = ran.times, program.layers()
    counted = tallies(program, times, layers)
    ideal = {n: ideal_cycles(program, n, tally) for n, tally in counted.items()}
    lost = stalls(program, ran, {n: ideal[n] for n, tally in counted.items() if tally.products}, layers)
    once, spad, array = bytes_once(program, layers), occupancy(program, times), ArrayTime.of(program, times)
    rows: list[Row] = []
    now, leaders = 0, groups(program)
    for number, tally in sorted(counted.items()):
        then, now = now, max(now, tally.last)
        active = percent(array.within(then, now), now - then)
        losses = lost.layers.get(number, dict.fromkeys(CLASSES, 0))
        row = _row(program, number, tally, now - then, ideal[number], active, losses, once, spad)
        rows.append(replace(row, group=mark_of(program, leaders.get(number, number)).layer))
    waits = [
        Wait(mark_of(program, number).layer, *program.sems[semaphore - 1][:2], count)
        for (number, semaphore), count in sorted(lost.waited.items(), key=lambda item: (-item[1], item[0]))
    ]
    totals = _totals(program, rows, ran.cycles, lost, counted) | {"bank_conflicts": ran.conflicts}
    return Report(model, program.machine, tuple(rows), totals, lost.total, tuple(waits))


def ideal_cycles(program: Program, number: int, tally: Tally) -> float:
    """MACs of a layer over the peak of its type: that of its products, else the machine's first."""
    machine = program.machine
    return mark_of(program, number).macs / machine.peak(tally.type or machine.dtypes[0])


def percent(part: float, whole: float) -> float | None:
    """None of nothing."""
    return 100 * part / whole if whole else None


def _row(
    program: Program,
    number: int,
    tally: Tally,
    cycles: int,
    ideal: float,
    active: float | None,
    losses: dict[str, int],
    once: Mapping[int, int],
    spad: Occupancy,
) -> Row:
    mark, machine = mark_of(program, number), program.machine
    array, vector, dram = tally.queues[2], tally.queues[3], tally.dram_cycles(machine)
    waits = losses["weights"] + losses["input"] + losses["sync"]
    busy = {"array": array - tally.shift, "dram": dram, "vector": vector, "shift": losses["shift"], "sync": waits}
    units = (array, vector, max(tally.queues[i] for i in (0, 1, 4)))
    return Row(
        layer=mark.layer,
        onnx=mark.nodes,
        kind=mark.kind,
        unit=UNITS[units.index(max(units))],
        mapping=mapping_of(program, tally.products),
        macs=mark.macs,
        start=tally.first,
        span=tally.last - tally.first,
        cycles=cycles,
        ideal=ideal,
        util=percent(ideal, cycles),
        array_active=active,
        mapping_eff=percent(ideal, array),
        dram_rd=tally.read,
        dram_wr=tally.written,
        x_min=tally.moved / once[number] if once.get(number) else None,
        spad_peak=spad.peak(tally.first, tally.last),
        vpu=vector,
        bound_by=max(busy, key=lambda name: busy[name]),
        of_bound=percent(max(array, dram, vector), cycles),
        energy_uj=tally.energy(machine, mark.macs),
        busy=busy,
        stalls=losses,
    )


def _totals(
    program: Program, rows: Sequence[Row], cycles: int, lost: Stalls, counted: Mapping[int, Tally]
) -> dict[str, int | float | None]:
    machine = program.machine
    ideal, array = sum(row.ideal for row in rows), sum(tally.queues[2] for tally in counted.values())
    seconds = cycles / (machine.clock_ghz * 1e9)
    read, written = sum(row.dram_rd for row in rows), sum(row.dram_wr for row in rows)
    macs = sum(row.macs for row in rows)
    return {
        "instructions": len(program.text),
        "macs": macs,
        "cycles": cycles,
        "ideal": ideal,
        "seconds": seconds,
        "runs_per_second": 1 / seconds if seconds else None,
        "tops": 2e-12 * macs / seconds if seconds else None,
        "util": percent(ideal, cycles),
        "array_active": percent(array, cycles),
        "mapping_eff": percent(lost.total["useful"], array),
        "dram_rd": read,
        "dram_wr": written,
        "intensity": macs / (read + written) if read + written else None,
        "dram_active": percent(max((t for t in _ports(machine, counted)), default=0), cycles),
        "vpu_active": percent(sum(row.vpu for row in rows), cycles),
        "spad_peak": max((row.spad_peak for row in rows), default=0),
        "energy_uj": sum(row.energy_uj for row in rows),
    }


def _ports(machine: Machine, counted: Mapping[int, Tally]) -> list[float]:
    """Cycles that each port moves bytes."""
    return [
        sum(tally.ports.get(port.name, 0) for tally in counted.values()) / port.bytes_per_cycle
        for port in machine.ports
    ]
