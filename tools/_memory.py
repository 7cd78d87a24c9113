"""A report of memory as a document and as a page: by class, at the peak, and while each op runs."""

from typing import TYPE_CHECKING

from ..compiler.errors import printable

if TYPE_CHECKING:
    from ..compiler.memory import MemoryReport

LISTED = 6
"""Buffers at the peak that a person is told of."""
WIDTH = 24
"""Characters of the longest bar."""


def memory_document(report: "MemoryReport") -> dict[str, object]:
    """The part `memory` of a document; bytes throughout."""
    steps = [{"runs": s.runs, "nodes": list(s.nodes), "alive_bytes": s.alive} for s in report.steps]
    peak = [{"node": b.node, "bytes": b.bytes, "workspace": b.workspace} for b in report.at_peak]
    return {
        "arena_bytes": report.arena,
        "lower_bound_bytes": report.lower_bound,
        "weights_bytes": report.classes["parameters"],
        "classes": report.classes,
        "peak": {"step": report.peak, "buffers": peak},
        "steps": steps,
    }


def memory_page(report: "MemoryReport") -> list[str]:
    """The lines for a person, one for each op as it runs among them."""
    lines = [f"arena         {size_text(report.arena)} ({bound_text(report.arena, report.lower_bound)})"]
    lines += [f"  {name:12}{size_text(size):>12}" for name, size in report.classes.items()]
    if not report.steps:
        return lines
    top = report.steps[report.peak]
    lines.append(f"peak          {size_text(top.alive)} in {printable(_what(top.runs, top.nodes))}")
    shown = report.at_peak
    lines += [f"  {size_text(b.bytes):>12}  {printable(b.node)}{' (workspace)' * b.workspace}" for b in shown[:LISTED]]
    lines += [f"  ... {len(shown) - LISTED} more"] if len(shown) > LISTED else []
    lines.append("while it runs")
    for step in report.steps:
        bar = "#" * round(WIDTH * step.alive / max(top.alive, 1))
        lines.append(f"  {size_text(step.alive):>12}  {bar:{WIDTH}}  {printable(_what(step.runs, step.nodes))}")
    return lines


def _what(runs: str, nodes: tuple[str, ...]) -> str:
    shown = ", ".join(nodes[:3]) + (", ..." if len(nodes) > 3 else "")
    return f"{runs}  {shown}" if nodes else runs


def bound_text(arena: int, bound: int) -> str:
    """How far an arena is above what no plan can go below: `1.016 x the lower bound 1.2 MiB`."""
    return f"{arena / bound:.3f} x the lower bound {size_text(bound)}" if bound else "nothing is planned"


def size_text(size: int) -> str:
    """Bytes for a person: `303.0 KiB`."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"
