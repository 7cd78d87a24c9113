"""Layers that take turns, as those of a cascade do, added up: of each alone, cycles say little.

conv1  |  93,160       for part in parts(report):  part.rows, part.whole
dw1    |   3,770
pw1    |   2,398       part.whole.cycles -> 99,328, of all three; None of a layer that runs alone
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from .report import Report, Row, percent


class Part(NamedTuple):
    """Layers that take turns, and their sum; a single layer has none."""

    rows: tuple[Row, ...]
    whole: Row | None


def parts(report: Report) -> Iterator[Part]:
    """The layers in order, those that take turns together."""
    for _, turns in groupby(report.layers, key=lambda row: row.group):
        rows = tuple(turns)
        yield Part(rows, _sum(rows) if len(rows) > 1 else None)


def _sum(rows: tuple[Row, ...]) -> Row:
    macs, cycles, ideal = (sum(getattr(row, key) for row in rows) for key in ("macs", "cycles", "ideal"))
    start, end = min(row.start for row in rows), max(row.start + row.span for row in rows)
    on_array = [row for row in rows if row.mapping_eff]
    array = sum(100 * row.ideal / (row.mapping_eff or 1) for row in on_array)
    busy, stalls = _added(row.busy for row in rows), _added(row.stalls for row in rows)
    moved, once = sum(map(_moved, rows)), sum(_moved(row) / row.x_min for row in rows if row.x_min)
    return Row(
        layer=f"= {len(rows)} in turns",
        onnx=(),
        kind="group",
        unit=max((array, "array"), (busy["vector"], "vector"), (busy["dram"], "dma"))[1],
        mapping="",
        macs=macs,
        start=start,
        span=end - start,
        cycles=cycles,
        ideal=ideal,
        util=percent(ideal, cycles),
        array_active=percent(sum((row.array_active or 0) * row.cycles for row in rows) / 100, cycles),
        mapping_eff=percent(sum(row.ideal for row in on_array), array),
        dram_rd=sum(row.dram_rd for row in rows),
        dram_wr=sum(row.dram_wr for row in rows),
        x_min=moved / once if once else None,
        spad_peak=max(row.spad_peak for row in rows),
        vpu=sum(row.vpu for row in rows),
        bound_by=max(busy, key=lambda name: busy[name]),
        of_bound=percent(max(array, busy["dram"], busy["vector"]), cycles),
        energy_uj=sum(row.energy_uj for row in rows),
        busy=busy,
        stalls=stalls,
        group=rows[0].group,
    )


def _moved(row: Row) -> int:
    return row.dram_rd + row.dram_wr


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for count in counts:
        found = {name: found.get(name, 0) + value for name, value in count.items()}
    return found
