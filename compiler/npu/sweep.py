"""One model on machines that differ in a few keys: where the array's cycles go as the machine grows.

for row in sweep("my.toml", "resnet50", {"array.rows": ["16", "32"]}): print(row.settings, row.stalls)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import NamedTuple

from ..driver import Options
from ..errors import AicError
from ..workers import mapped
from .programs import PLAIN, measured


class Point(NamedTuple):
    """A machine to try: the text that names it, and what was changed."""

    machine: str
    model: str
    batch: int
    options: Options
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Row:
    """What a machine made of the model; only `error` if there is no such machine, or no program for it."""

    settings: dict[str, str]
    error: str = ""
    hash: str = ""
    cycles: int = 0
    runs_per_second: float = 0.0
    util: float = 0.0
    dram_bytes: int = 0
    energy_uj: float = 0.0
    stalls: dict[str, float] = field(default_factory=dict[str, float])
    """Percent of the array's cycles by class."""

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {**asdict(self), "error": None} if not self.error else {"settings": self.settings, "error": self.error}


def sweep(
    machine: str,
    model: str,
    changes: Mapping[str, Sequence[str]],
    *,
    batch: int = 1,
    options: Options = PLAIN,
    workers: str = "1",
) -> Iterator[Row]:
    """A row for every combination of values, in order; a machine that cannot be says why."""
    every = (tuple(zip(changes, values, strict=True)) for values in product(*changes.values()))
    points = [Point(machine, model, batch, options, settings) for settings in every]
    return mapped(measure, points, workers)


def measure(point: Point) -> Row:
    """Compile and run the clock on one machine."""
    settings = dict(point.settings)
    text = ",".join([point.machine, *(f"{key}={value}" for key, value in point.settings)])
    try:
        reports = [found.report for found in measured(point.model, text, point.batch, point.options)]
    except AicError as error:
        return Row(settings, error.message)
    cycles = {name: sum(report.stalls[name] for report in reports) for name in reports[0].stalls}
    whole = max(sum(cycles.values()), 1)

    def total(key: str) -> float:
        return sum(report.totals[key] or 0 for report in reports)

    return Row(
        settings,
        hash=reports[0].machine.hash.hex(),
        cycles=sum(cycles.values()),
        runs_per_second=reports[0].machine.clock_ghz * 1e9 / whole,
        util=100 * total("ideal") / whole,
        dram_bytes=int(total("dram_rd") + total("dram_wr")),
        energy_uj=total("energy_uj"),
        stalls={name: 100 * count / whole for name, count in cycles.items()},
    )
