"""Two reports of one network compared: layers by how much their cycles changed.

diff(old, new).layers[0] -> Change("conv1", 125_440, 130_912, ..)     the largest change first
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .report import SCHEMA
from .stalls import CLASSES


class DiffError(ValueError):
    """A document that is no report."""


@dataclass(frozen=True)
class Change:
    """A layer on both sides; None where there is no such layer."""

    layer: str
    old: int | None
    new: int | None
    old_by: str
    new_by: str

    @property
    def cycles(self) -> int:
        """How many more it takes."""
        return (self.new or 0) - (self.old or 0)

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "layer": self.layer,
            "old": self.old,
            "new": self.new,
            "change": self.cycles,
            "bound_by": {"old": self.old_by or None, "new": self.new_by or None},
        }


@dataclass(frozen=True)
class Diff:
    """Layers, the largest change first; `totals` and `stalls` as (old, new); `differs`: what should be equal."""

    layers: tuple[Change, ...]
    totals: dict[str, tuple[float, float]]
    stalls: dict[str, tuple[int, int]]
    differs: tuple[str, ...]

    @property
    def change(self) -> float:
        """Of the cycles of the whole, relative: 0.05 is 5 % slower."""
        old, new = self.totals["cycles"]
        return new / old - 1 if old else 0.0


TOTALS = ("cycles", "macs", "util", "dram_rd", "dram_wr", "energy_uj", "instructions")
ALIKE = ("model", "machine", "hash")


def diff(old: Mapping[str, object], new: Mapping[str, object]) -> Diff:
    """Two documents `aic.npu/1`; DiffError."""
    a, b = _Side(old), _Side(new)
    names = dict.fromkeys([*a.layers, *b.layers])
    changes = [Change(n, a.cycles(n), b.cycles(n), a.bound(n), b.bound(n)) for n in names]
    totals = {key: (a.total(key), b.total(key)) for key in TOTALS}
    stalls = {name: (a.stalls.get(name, 0), b.stalls.get(name, 0)) for name in CLASSES}
    differs = tuple(f"{key}: {old.get(key)} -> {new.get(key)}" for key in ALIKE if old.get(key) != new.get(key))
    return Diff(tuple(sorted(changes, key=lambda c: -abs(c.cycles))), totals, stalls, differs)


class _Side:
    """A report's document; layers of one name count together."""

    def __init__(self, document: Mapping[str, object]):
        if not isinstance(document, Mapping) or document.get("schema") != SCHEMA:
            raise DiffError(f"expected a document {SCHEMA}, as `aic npu sim --report --json` writes it")
        try:
            self.totals = {key: _number(value) for key, value in _mapping(document["totals"]).items()}
            cycles = _mapping(_mapping(document["stalls"])["cycles"])
            self.stalls = {name: int(_number(count)) for name, count in cycles.items()}
            self.layers: dict[str, list[Mapping[str, object]]] = {}
            for row in _rows(document["layers"]):
                self.layers.setdefault(str(row["layer"]), []).append(row)
            for key in TOTALS:
                self.total(key)
            for name in self.layers:
                self.cycles(name)
        except (KeyError, TypeError, ValueError) as error:
            raise DiffError(f"malformed {SCHEMA}: {error!r}") from None

    def total(self, key: str) -> float:
        return self.totals[key]

    def cycles(self, name: str) -> int | None:
        rows = self.layers.get(name)
        return None if rows is None else sum(int(_number(row["cycles"])) for row in rows)

    def bound(self, name: str) -> str:
        rows = self.layers.get(name)
        return "" if rows is None else str(rows[0].get("bound_by", ""))


def _number(value: object) -> float:
    """0 for what could not be divided."""
    if not isinstance(value, int | float | None):
        raise TypeError(f"expected a number, found {type(value).__name__}")
    return value or 0


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected an object, found {type(value).__name__}")
    return value


def _rows(value: object) -> Sequence[Mapping[str, object]]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list of layers, found {type(value).__name__}")
    return [_mapping(row) for row in value]
