"""The columns of a report: what each means, how a number is written; the table as text and as CSV.

text_table(report)     layer  unit   mapping          macs   start  ..
                       conv1  array  ws 448x147x64 ..
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .report import Report, Row
from .stalls import CLASSES
from .turns import parts


@dataclass(frozen=True)
class Column:
    """`key` is the row's field and the CSV's head, `title` the table's."""

    key: str
    title: str
    definition: str
    write: Callable[[Row], str]
    number: bool = True
    """Written to the right; sorted by size."""


def _whole(key: str) -> Callable[[Row], str]:
    return lambda row: f"{round(getattr(row, key)):,}"


def _tenths(key: str) -> Callable[[Row], str]:
    def write(row: Row) -> str:
        value = getattr(row, key)
        return "-" if value is None else f"{value:.1f}"

    return write


def _util(row: Row) -> str:
    star = "*" if row.kind == "depthwise" else ""
    return "-" if row.util is None else f"{row.util:.1f}{star}"


COLUMNS = (
    Column("layer", "layer", "the mark's name", lambda row: row.layer, False),
    Column("onnx", "onnx", "names of the ONNX nodes fused into it", lambda row: ", ".join(row.onnx), False),
    Column("unit", "unit", "the unit with the most busy cycles: array, vector, dma", lambda row: row.unit, False),
    Column(
        *(
            "mapping",
            "mapping",
            "dataflow; rows x depth x columns of the largest product; loop order; places in memory",
        ),
        *(lambda row: row.mapping, False),
    ),
    Column("macs", "macs", "multiply-accumulates by the network's definition, without padding", _whole("macs")),
    Column("start", "start", "cycle in which its first instruction starts", _whole("start")),
    Column("span", "span", "cycles from there until its last result is visible", _whole("span")),
    Column(
        *("cycles", "cycles", 'growth of the running maximum of "last result visible" over layers in order; adds up'),
        _whole("cycles"),
    ),
    Column("ideal", "ideal", "macs / peak MACs in a cycle of the type", _whole("ideal")),
    Column("util", "util %", "ideal / cycles; with an asterisk where the vector unit does the MACs", _util),
    Column(
        *("array_active", "array active %", "cycles within the layer's cycles in which the array is busy / cycles"),
        _tenths("array_active"),
    ),
    Column(
        *(
            "mapping_eff",
            "mapping eff %",
            "ideal / busy cycles of its products: padding of M, K, N, and M below the rows",
        ),
        _tenths("mapping_eff"),
    ),
    Column("dram_rd", "dram rd", "bytes read, in whole bursts", _whole("dram_rd")),
    Column("dram_wr", "dram wr", "bytes written, in whole bursts", _whole("dram_wr")),
    Column(
        *("x_min", "x min", "bytes moved / bytes touched: weights, and inputs and outputs not kept in SPAD, each once"),
        lambda row: "-" if row.x_min is None else f"{row.x_min:.2f}",
    ),
    Column("spad_peak", "spad peak", "most bytes of SPAD live during the span", _whole("spad_peak")),
    Column("vpu", "vpu", "busy cycles of the vector unit", _whole("vpu")),
    Column(
        *(
            "bound_by",
            "bound by",
            "the largest of: array (rows enter it), dram (bytes / bandwidth), vector, shift, sync (waits)",
        ),
        *(lambda row: row.bound_by, False),
    ),
    Column(
        *(
            "of_bound",
            "of bound %",
            "the largest of array busy, dram and vector / cycles; above 100 where layers overlap",
        ),
        _tenths("of_bound"),
    ),
    Column(
        *("energy_uj", "energy uJ", "macs, bytes of each memory and vector operations, times the machine's energies"),
        lambda row: f"{row.energy_uj:,.2f}",
    ),
)
NARROW = ("onnx", "mapping", "start", "span", "spad_peak", "vpu")
"""Columns that the table leaves out unless it is wide."""
SHARES = ("util", "array_active", "of_bound")
"""Shares of a layer's cycles."""


def explanation() -> str:
    """What the columns and the classes of the stall table mean."""
    wide = max(len(column.title) for column in COLUMNS)
    lines = [f"  {column.title:{wide}}  {column.definition}" for column in COLUMNS]
    lines += [
        "",
        "layers that take turns, as in a cascade, share their cycles: their sum, `= N in turns`, tells shares",
    ]
    lines += ["", "stalls: every cycle of the array is in one class"]
    return "\n".join(lines + [f"  {name:{wide}}  {text}" for name, text in CLASSES.items()])


def text_of(report: Report, *, wide: bool = False, color: bool = False) -> str:
    """The tables for a person: layers, stalls, the whole."""
    columns = [column for column in COLUMNS if wide or column.key not in NARROW]
    rows: list[list[str]] = []
    for part in parts(report):
        rows += [[cell(column, row, alone=part.whole is None) for column in columns] for row in part.rows]
        rows += [] if part.whole is None else [[cell(column, part.whole) for column in columns]]
    layers = table([column.title for column in columns], rows, [column.number for column in columns], color=color)
    return "\n\n".join([layers, stall_text(report), totals_text(report)])


def cell(column: Column, row: Row, *, alone: bool = True) -> str:
    """What stands in a table; of a layer that takes turns no share of its cycles, which hold work of the others."""
    return column.write(row) if alone or column.key not in SHARES else ""


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], *, color: bool = False) -> str:
    """Columns side by side, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    bold, plain = ("\x1b[1m", "\x1b[0m") if color else ("", "")

    def line(cells: Sequence[str]) -> str:
        shown = (f"{c:>{w}}" if r else f"{c:{w}}" for c, w, r in zip(cells, widths, right, strict=True))
        return "  ".join(shown).rstrip()

    return "\n".join([f"{bold}{line(titles)}{plain}", *map(line, rows)])


def stall_text(report: Report) -> str:
    """The classes of the array's cycles, and for what it waited the longest."""
    whole = sum(report.stalls.values()) or 1
    rows = [[name, f"{count:,}", f"{100 * count / whole:.1f}"] for name, count in report.stalls.items()]
    lines = [table(["array", "cycles", "%"], rows, [False, True, True])]
    waits = report.waits[:5]
    if waits:
        told = [[w.layer, w.semaphore, w.producer, f"{w.cycles:,}", f"{100 * w.cycles / whole:.1f}"] for w in waits]
        lines.append(table(["waits in", "semaphore", "for", "cycles", "%"], told, [False, False, False, True, True]))
    return "\n\n".join(lines)


def totals_text(report: Report) -> str:
    """The whole in two lines."""
    t = {key: value or 0 for key, value in report.totals.items()}
    machine, counted = report.machine, report.totals["bank_conflicts"]
    conflicts = "" if counted is None else f"; bank conflicts {counted:,} cycles"
    return (
        f"{report.model or 'program'} on {machine.name}: {t['cycles']:,} cycles at {machine.clock_ghz:g} GHz,"
        f" {t['runs_per_second']:,.1f} runs/s, {t['util']:.1f} % of peak ({t['macs'] / 1e9:.2f} GMAC,"
        f" {t['tops']:.2f} TOPS), {t['instructions']:,} instructions\n"
        f"array busy {t['array_active']:.1f} %, dram {t['dram_active']:.1f} %, vector {t['vpu_active']:.1f} %;"
        f" {t['dram_rd'] / 1e6:.2f} MB read, {t['dram_wr'] / 1e6:.2f} MB written,"
        f" {t['intensity']:.1f} MAC/B;"
        f" SPAD peak {t['spad_peak']:,} bytes; {t['energy_uj']:,.1f} uJ{conflicts}"
    )


def csv_of(report: Report) -> str:
    """A line a layer: all columns, then the cycles of each class of stall."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*(column.key for column in COLUMNS), *(f"stall_{name}" for name in CLASSES)])
    for row in report.layers:
        cells = [_cell(getattr(row, column.key)) for column in COLUMNS]
        writer.writerow([*cells, *(row.stalls.get(name, 0) for name in CLASSES)])
    return out.getvalue()


def _cell(value: object) -> object:
    match value:
        case None:
            return ""
        case tuple():
            return " ".join(map(str, value))
        case float():
            return f"{value:.6g}"
        case _:
            return value
