"""A report as one HTML page that needs nothing else: totals, stalls, the layers in a table that sorts by a click."""

from html import escape

from .columns import COLUMNS, cell, totals_text
from .picture import report_svg
from .report import Report, Row
from .stalls import CLASSES
from .turns import Part, parts

SHADES = {
    "useful": "#2ca02c",
    "padded": "#98df8a",
    "shift": "#9467bd",
    "weights": "#d62728",
    "input": "#ff7f0e",
    "sync": "#8c564b",
    "idle": "#c7c7c7",
}
STYLE = """
body { font: 14px system-ui, sans-serif; margin: 2em; color: #222; }
table { border-collapse: collapse; font-size: 12px; }
th { cursor: pointer; position: sticky; top: 0; background: #f4f4f4; text-align: right; padding: 4px 8px; }
td { padding: 2px 8px; border-top: 1px solid #eee; text-align: right; white-space: nowrap; }
th.t, td.t { text-align: left; max-width: 260px; overflow: hidden; text-overflow: ellipsis; }
tr.sum td { font-weight: bold; border-bottom: 1px solid #bbb; }
.wide { overflow-x: auto; }
tr:hover td { background: #f0f6ff; }
.bar { display: flex; height: 18px; width: 860px; max-width: 100%; }
.key { display: inline-block; width: 10px; height: 10px; margin: 0 4px 0 12px; }
"""
SCRIPT = """
document.querySelectorAll("th").forEach((head, at) => head.addEventListener("click", () => {
  const body = document.querySelector("#layers tbody"), up = head.dataset.up !== "1";
  document.querySelectorAll("th").forEach(other => delete other.dataset.up);
  if (up) head.dataset.up = "1";
  const number = !head.classList.contains("t");
  const value = row => number ? parseFloat(row.cells[at].dataset.v) : row.cells[at].dataset.v;
  const compare = (x, y) => x > y ? 1 : x < y ? -1 : 0;
  const sorted = [...body.rows].sort((a, b) => compare(value(a), value(b)) * (up ? 1 : -1));
  sorted.forEach(row => body.appendChild(row));
}));
"""


def html_of(report: Report) -> str:
    """The page."""
    title = escape(f"{report.model or 'program'} on {report.machine.name}")
    heads = "".join(
        f'<th class="{"" if c.number else "t"}" title="{escape(c.definition)}">{escape(c.title)}</th>' for c in COLUMNS
    )
    rows = "\n".join(map(_rows, parts(report)))
    picture = report_svg(report, "layers as they ran; those that take turns are one")
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n'
        f"<body><h1>{title}</h1>\n<p>{escape(totals_text(report)).replace(chr(10), '<br>')}</p>\n{_stalls(report)}\n"
        f'<h2>Layers</h2>\n<div class="wide"><table id="layers"><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>\n"
        f"<h2>Roofline</h2>\n{picture}\n<script>{SCRIPT}</script></body></html>\n"
    )


def _rows(part: Part) -> str:
    """Layers, and their sum if they take turns."""
    lines = [f"<tr>{_cells(row, part.whole is None)}</tr>" for row in part.rows]
    return "\n".join([*lines, *([] if part.whole is None else [f'<tr class="sum">{_cells(part.whole)}</tr>'])])


def _cells(row: Row, alone: bool = True) -> str:
    return "".join(
        f'<td class="{"" if c.number else "t"}" data-v="{escape(_key(row, c.key))}"{_title(row, c.key)}>'
        f"{escape(cell(c, row, alone=alone))}</td>"
        for c in COLUMNS
    )


def _title(row: Row, key: str) -> str:
    """The whole of what may be cut."""
    return f' title="{escape(", ".join(row.onnx))}"' if key == "onnx" and row.onnx else ""


def _key(row: Row, key: str) -> str:
    """What a cell is sorted by."""
    value = getattr(row, key)
    return "-1" if value is None else " ".join(value) if isinstance(value, tuple) else str(value)


def _stalls(report: Report) -> str:
    """A bar of the array's cycles by class."""
    whole = sum(report.stalls.values()) or 1
    shares = {name: 100 * count / whole for name, count in report.stalls.items()}
    bar = "".join(
        f'<div style="width:{s:.3f}%;background:{SHADES[n]}" title="{n} {s:.1f} %"></div>' for n, s in shares.items()
    )
    keys = "".join(
        f'<i class="key" style="background:{SHADES[n]}"></i><span title="{escape(CLASSES[n])}">{n} {s:.1f} %</span>'
        for n, s in shares.items()
    )
    return f'<h2>Cycles of the array</h2>\n<div class="bar">{bar}</div>\n<p>{keys}</p>'
