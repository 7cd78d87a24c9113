"""What an NPU's machines reach on the networks they are measured by, beside what they could.

    for case in reached(): print(case.case, case.ratio)

A ratio is what the event simulator says over the fused bound of `backends/npu/roofline/bounds.py`; the gate is their
geometric mean.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from math import exp, log
from typing import NamedTuple

from onnx import ModelProto

from ...backends.npu.machine import Machine
from ...backends.npu.report.report import Report, Row
from ...backends.npu.roofline.bounds import bound, total
from ...backends.npu.roofline.networks import GOALS, NETWORKS, cases
from ...backends.npu.roofline.work import works
from ..workers import mapped
from .machines import named
from .networks import quantized_network
from .programs import compiled_programs, networks, timed

GATE = 0.85
HALF = 0.5


class Case(NamedTuple):
    """One thing to measure."""

    preset: str
    network: str
    batch: int


@dataclass(frozen=True)
class Slow:
    """A layer that takes more than twice its own bound, or several that take turns."""

    layer: str
    cycles: int
    bound: float
    bound_by: str
    reason: str


@dataclass(frozen=True)
class Reached:
    """What a case came to; percentages of peak MACs."""

    case: Case
    cycles: int
    programs: int
    runs_per_second: float
    achieved: float
    bound: float
    """The fused bound."""
    goal: float | None
    stalls: dict[str, float]
    """Percent of the array's cycles by class."""
    slow: tuple[Slow, ...]

    @property
    def ratio(self) -> float:
        """Of the bound."""
        return self.achieved / self.bound

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        return None if self.goal is None else self.achieved >= self.goal

    def document(self) -> dict[str, object]:
        """As JSON."""
        rest = asdict(self)
        del rest["case"]
        return {**self.case._asdict(), **rest, "slow": list(rest["slow"]), "ratio": self.ratio, "met": self.met}


def reached(
    preset: str | None = None, network: str | None = None, batch: int | None = None, workers: str = "1"
) -> Iterator[Reached]:
    """All cases, or those of a machine, network or batch, in the order of the goals."""
    wanted = [Case(*case) for case in cases(preset, network) if batch in (None, case[2])]
    return mapped(measure, wanted, workers)


def known() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Presets and networks that there are goals for."""
    return tuple(GOALS), tuple(NETWORKS)


def measure(case: Case) -> Reached:
    """Compile, run the clock, compare with the bound."""
    machine, layers = named(case.preset), NETWORKS[case.network](case.batch)
    best = total(machine, [bound(machine, work) for work in layers])
    model = quantized_network(case.network, case.batch)
    programs = compiled_programs(model, case.preset)
    reports = [timed(name, program).report for name, program in programs.items()]
    stalls = {name: sum(report.stalls[name] for report in reports) for name in reports[0].stalls}
    cycles = sum(stalls.values())
    return Reached(
        case,
        cycles,
        len(reports),
        runs_per_second=machine.clock_ghz * 1e9 * case.batch / cycles,
        achieved=100 * best.ideal / cycles,
        bound=best.fused,
        goal=GOALS[case.preset][case.network][case.batch],
        stalls={name: 100 * count / cycles for name, count in stalls.items()},
        slow=tuple(_slow(model, machine, case.preset, reports)),
    )


def geomean(found: Sequence[Reached]) -> float:
    """Of the ratios; 0 of none."""
    return exp(sum(log(case.ratio) for case in found) / len(found)) if found else 0.0


def _slow(model: ModelProto, machine: Machine, name: str, reports: Sequence[Report]) -> Iterator[Slow]:
    """Layers beyond twice their bound, with the reason; layers that take turns are judged together."""
    least = {w.name: bound(machine, w) for network in networks(model, machine, name) for w in works(network)}
    for report in reports:
        for _, turns in groupby(report.layers, key=lambda row: row.group):
            rows = [row for row in turns if row.layer in least]
            cycles, own = sum(row.cycles for row in rows), sum(least[row.layer].cycles for row in rows)
            if cycles and own < HALF * cycles:
                told = rows[0].layer + (f" +{len(rows) - 1}" if len(rows) > 1 else "")
                worst = max(rows, key=lambda row: row.cycles)
                yield Slow(told, cycles, own, least[worst.layer].by, reason(worst, report))


def reason(row: Row, report: Report) -> str:
    """What a layer's cycles went to."""
    told = f"{row.bound_by} {row.busy[row.bound_by]:,} of {row.cycles:,} cycles"
    if row.bound_by == "sync":
        wait = next((w for w in report.waits if w.layer == row.layer), None)
        return f"{told}, mostly for {wait.semaphore} from {wait.producer}" if wait else told
    if row.bound_by == "dram" and row.x_min is not None and row.x_min > 1.1:
        return f"{told}; tensors moved {row.x_min:.2f} times"
    if row.bound_by == "array" and row.mapping_eff is not None and row.mapping_eff < 90:
        return f"{told}, {row.mapping_eff:.0f} % of them useful"
    return told
