"""What was measured: one row for each measurement, in one sqlite file.

    db = Database(path);  db.add([Row(...), ...])          on disk when it returns, whatever becomes of this process
    db.best("x86-64 ..", "0.1.0 ..")                       by signature of the kernel, the row that won

A row is known by a hash of all it says, so that merging takes nothing twice and its order does not matter. Only a
`final` measurement, made in turns with the default schedule, lets a schedule win, and only one that is clearly faster.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from statistics import median

from ...backends.target import MODEL as MODEL
from ..errors import AicError, UsageError
from ..knobs import TUNE_DB

GAIN = 0.97
"""The part of the default's time that a schedule may take at most to win: 3 % are noise."""
WAIT = 30.0
"""Seconds to wait for another process that writes."""


@dataclass(frozen=True)
class Row:
    """A measurement: of which kernel (its signature), on which machine, by which compiler, of which schedule ("" is the
    default); a `trial` or a `final` one; how it went; seconds of a call and their ratio to the default's, medians of
    `rounds`; the digest of the code; the static cost; the kernel's name and launches in `model`; what told the seconds:
    this machine's `cpu`, a device by its name, or a `model` of one."""

    kernel: str
    machine: str
    version: str
    schedule: str
    kind: str
    status: str
    seconds: float
    ratio: float
    rounds: int
    code: str
    cost: float
    name: str
    launches: int
    model: str
    at: float
    clock: str = "cpu"

    @property
    def id(self) -> str:
        """A hash of the row."""
        return hashlib.sha256(json.dumps(astuple(self)).encode()).hexdigest()[:32]


NAMES = tuple(field.name for field in fields(Row))
KINDS = {"str": "TEXT", "float": "REAL", "int": "INTEGER"}
COLUMNS = ", ".join(f"{field.name} {KINDS[str(getattr(field.type, '__name__', field.type))]}" for field in fields(Row))
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS measurement (id TEXT PRIMARY KEY, {COLUMNS}) STRICT;
CREATE INDEX IF NOT EXISTS by_kernel ON measurement (machine, version, kernel);
"""


def default_path() -> Path:
    """AIC_TUNE_DB, or a file of the user's."""
    if (named := TUNE_DB.get()) is not None:
        return named
    from platformdirs import user_data_path

    return user_data_path("aic") / "tune.db"


class Database:
    """An open database; AicError if the file is none, or cannot be had."""

    def __init__(self, path: Path):
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = FULL")
            self._file.executescript(SCHEMA)
            if "clock" not in {column[1] for column in self._file.execute("PRAGMA table_info(measurement)")}:
                self._file.execute("ALTER TABLE measurement ADD COLUMN clock TEXT DEFAULT 'cpu'")
        except (sqlite3.Error, OSError) as error:
            raise AicError(f"tuning database {path}: {error}", code="tune-db") from error

    def close(self) -> None:
        """Write what is left to the one file."""
        self._file.close()

    def add(self, rows: Iterable[Row]) -> int:
        """Enter rows, all or none; returns how many were not there before."""
        before = self._file.total_changes
        marks = ", ".join("?" * (len(NAMES) + 1))
        with self._changed():
            text = f"INSERT OR IGNORE INTO measurement (id, {', '.join(NAMES)}) VALUES ({marks})"
            self._file.executemany(text, [(row.id, *astuple(row)) for row in rows])
        return self._file.total_changes - before

    def rows(self, **wanted: str) -> list[Row]:
        """The rows with these values of columns, in an order that depends on them alone."""
        if unknown := wanted.keys() - set(NAMES):
            raise ValueError(f"no column {min(unknown)}")
        where = " AND ".join(f"{name} = ?" for name in wanted) or "1"
        text = f"SELECT {', '.join(NAMES)} FROM measurement WHERE {where} ORDER BY at, id"
        return [Row(*found) for found in self._file.execute(text, tuple(wanted.values()))]

    def best(self, machine: str, version: str) -> dict[str, Row]:
        """The schedules that win on a machine, by their kernels' signatures; what a model says of a kernel counts only
        as long as nothing of it was measured."""
        rows = self.rows(machine=machine, version=version, status="ok")
        measured = {row.kernel for row in rows if row.clock != MODEL}
        found: dict[str, dict[str, list[Row]]] = {}
        for row in rows:
            if row.kind == "final" and (row.clock != MODEL or row.kernel not in measured):
                found.setdefault(row.kernel, {}).setdefault(row.schedule, []).append(row)
        won: dict[str, Row] = {}
        for kernel, by_schedule in found.items():
            ranked = sorted((median(r.ratio for r in rows), text) for text, rows in by_schedule.items() if text)
            if ranked and ranked[0][0] <= GAIN:
                won[kernel] = by_schedule[ranked[0][1]][-1]
        return won

    def merge(self, other: Path) -> int:
        """Take over the rows of another database; returns how many are new."""
        if not other.is_file():
            raise UsageError(f"{other}: no such file", code="no-file")
        theirs = Database(other)
        try:
            return self.add(theirs.rows())
        finally:
            theirs.close()

    def prune(self, version: str) -> int:
        """Drop what no build of this compiler will use: other versions' rows, and trials; returns how many."""
        before = self._file.total_changes
        with self._changed():
            self._file.execute("DELETE FROM measurement WHERE version != ? OR kind != 'final'", (version,))
        dropped = self._file.total_changes - before
        self._file.execute("VACUUM")
        return dropped

    def integrity(self) -> str:
        """What sqlite finds wrong, or `ok`."""
        return str(self._file.execute("PRAGMA integrity_check").fetchone()[0])

    @contextmanager
    def _changed(self) -> Iterator[None]:
        try:
            self._file.execute("BEGIN IMMEDIATE")
            yield
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            raise AicError(f"tuning database {self.path}: {error}", code="tune-db") from error
        except BaseException:
            self._file.execute("ROLLBACK")
            raise


def document(row: Row) -> dict[str, object]:
    """A row as JSON has it."""
    return {"schema": "aic.tune-record/1", **asdict(row)}


def schedules_of(rows: Iterable[Row]) -> dict[str, str]:
    """What `Options.schedules` wants, of rows that won."""
    return {row.kernel: row.schedule for row in rows}


def last(rows: Sequence[Row]) -> dict[str, Row]:
    """Of each schedule the row that was measured last."""
    return {row.schedule: row for row in rows}
