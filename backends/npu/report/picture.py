"""The layers of a report in the roofline, as they ran; layers that take turns are one dot."""

from ..roofline.picture import Dot, roofline_svg
from .report import Report
from .turns import parts


def report_svg(report: Report, title: str) -> str:
    """A picture; what has no MACs, no cycles or no traffic has no place in it."""
    return roofline_svg(report.machine, dots_of_report(report), title)


def dots_of_report(report: Report) -> list[Dot]:
    """A dot for each group of layers."""
    found: list[Dot] = []
    for rows, _ in parts(report):
        macs, cycles = sum(row.macs for row in rows), sum(row.cycles for row in rows)
        moved = sum(row.dram_rd + row.dram_wr for row in rows)
        busy = {name: sum(row.busy[name] for row in rows) for name in rows[0].busy}
        if macs and cycles and moved:
            name = rows[0].layer + (f" to {rows[-1].layer}" if len(rows) > 1 else "")
            found.append(Dot(name, macs / moved, macs / cycles, cycles, max(busy, key=lambda n: busy[n])))
    return found
