"""Reports, traces, findings and differences of NPU programs as the texts and documents that are shown and written."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from ...backends.npu.order.check import RULES, Finding, check, serial
from ...backends.npu.program import Program
from ...backends.npu.report.columns import csv_of, explanation, table, text_of
from ...backends.npu.report.diff import Diff, DiffError, diff
from ...backends.npu.report.html import html_of
from ...backends.npu.report.picture import report_svg
from ...backends.npu.report.trace import trace
from ..errors import UsageError
from ..files import write_whole
from .programs import Measured

__all__ = ["RULES", "Diff", "explanation", "table"]


def report_text(found: Measured, *, wide: bool = False, color: bool = False) -> str:
    """The tables for a person."""
    return text_of(found.report, wide=wide, color=color)


def report_document(found: Measured) -> dict[str, object]:
    """The document `aic.npu/1`."""
    return found.report.document()


def write_reports(found: Measured, stem: Path) -> list[Path]:
    """STEM.report.json, .csv and .html; returns what was written."""
    forms: dict[str, Callable[[], str]] = {
        ".report.json": lambda: json.dumps(found.report.document(), indent=1) + "\n",
        ".report.csv": lambda: csv_of(found.report),
        ".report.html": lambda: html_of(found.report),
    }
    files = [stem.with_name(stem.name + suffix) for suffix in forms]
    for file, form in zip(files, forms.values(), strict=True):
        write_whole(file, form())
    return files


def trace_document(found: Measured) -> dict[str, object]:
    """Chrome trace events."""
    return trace(found.program, found.ran)


def picture(found: Measured) -> str:
    """The layers as they ran in the roofline, as SVG."""
    return report_svg(found.report, found.name)


def findings(program: Program, found: Measured | None = None) -> list[dict[str, object]]:
    """What the checker finds, as JSON; of a program that was timed also waits that cost much."""
    told = check(program)
    if found is not None and not any(f.is_error for f in told):
        told = [*told, *serial(program, found.ran.times, found.ran.last)]
    return [_finding(f) for f in told]


def _finding(found: Finding) -> dict[str, object]:
    return {
        "class": found.rule,
        "error": found.is_error,
        "message": found.message,
        "instruction": found.instruction if found.instruction >= 0 else None,
        "other": found.other if found.other >= 0 else None,
        "space": found.space or None,
        "bytes": [found.start, found.end] if found.space else None,
        "semaphore": found.semaphore or None,
        "edge": found.edge or None,
        "layer": found.layer or None,
        "onnx": list(found.nodes),
    }


def difference(old: Mapping[str, object], new: Mapping[str, object]) -> Diff:
    """Two documents `aic.npu/1` compared; UsageError."""
    try:
        return diff(old, new)
    except DiffError as error:
        raise UsageError(str(error), code="not-a-report") from error
