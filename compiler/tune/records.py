"""Measurements as JSON lines, to hand on: `aic tune db export` writes them, `import` looks closely at each."""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import MISSING, fields
from pathlib import Path

from ...passes._nest.legality import ScheduleError
from ...passes._nest.schedule import parse_schedule, schedule_text
from ..errors import UsageError
from .database import Row, document

KNOBS = re.compile(r"[A-Za-z]+=\d{1,9}(,[A-Za-z]+=\d{1,9})*")
"""A schedule that is numbers by name, without stages."""
KINDS = {"str": str, "float": float, "int": int}


def exported(rows: Iterable[Row]) -> str:
    """A line for each row, sorted, so that equal databases have equal texts."""
    return "".join(sorted(json.dumps(document(row)) + "\n" for row in rows))


def read(path: Path) -> list[Row]:
    """The rows of a file; UsageError names the first line that is none."""
    try:
        lines = path.read_text(encoding="utf8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}", code="no-file") from error
    found: list[Row] = []
    for number, line in enumerate(filter(str.strip, lines), 1):
        try:
            found.append(_row(json.loads(line)))
        except (ValueError, TypeError, RecursionError) as error:
            raise UsageError(f"{path}, line {number}: {error}", code="bad-record") from error
    return found


def _row(told: object) -> Row:
    if not isinstance(told, dict) or told.pop("schema", None) != "aic.tune-record/1":
        raise ValueError("expected an object with schema aic.tune-record/1")
    values: list[object] = []
    for field in fields(Row):
        kind = KINDS[str(getattr(field.type, "__name__", field.type))]
        value = told.pop(field.name, None if field.default is MISSING else field.default)
        value = float(value) if kind is float and isinstance(value, int) and not isinstance(value, bool) else value
        if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError(f"expected {field.name} to be {kind.__name__}, found {value!r}")
        values.append(value)
    if told:
        raise ValueError(f"no field {min(told)!r}")
    row = Row(*values)  # pyright: ignore[reportArgumentType]  checked field by field above
    try:
        is_written = bool(KNOBS.fullmatch(row.schedule)) or schedule_text(parse_schedule(row.schedule)) == row.schedule
    except ScheduleError as error:
        raise ValueError(str(error)) from error
    if not is_written:
        raise ValueError(f"schedule {row.schedule!r} is not as it is written")
    return row
