"""Observers of a pipeline: print the IR round a pass, dump it, count its ops."""

import difflib
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from .files import write_whole
from .pipeline import Observer

Wanted = Callable[[str], bool]


def never(_: str) -> bool:
    """No pass."""
    return False


def always(_: str) -> bool:
    """Every pass."""
    return True


@dataclass
class Printing(Observer):
    """Prints the IR before and after the passes that are wanted; `change` leaves out passes that changed nothing,
    `diff` prints what they changed only."""

    wanted_before: Wanted = never
    wanted_after: Wanted = never
    change: bool = False
    diff: bool = False
    failure: bool = False
    stream: IO[str] = field(default_factory=lambda: sys.stderr)
    _text: str = ""

    def before(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        self._text = str(module) if self.change or self.diff else ""
        if self.wanted_before(step.name):
            print(f"// -----// IR before {step.name} //----- //\n{module}", file=self.stream)

    def after(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        if not (self.wanted_after(step.name) or self.diff):
            return
        text = str(module)
        if (self.change or self.diff) and text == self._text:
            print(f"// -----// {step.name} changed nothing //----- //", file=self.stream)
            return
        if self.diff:
            lines = difflib.unified_diff(self._text.splitlines(), text.splitlines(), "before", step.name, lineterm="")
            text = "\n".join(lines)
        print(f"// -----// IR after {step.name} //----- //\n{text}", file=self.stream)

    def failed(self, index: int, step: ModulePass, module: ModuleOp, error: Exception) -> None:
        if self.failure or self.wanted_after(step.name):
            print(f"// -----// IR after {step.name} failed //----- //\n{_generic(module)}", file=self.stream)


def _generic(module: ModuleOp) -> str:
    """The text of IR that may be broken; a line in its stead if it cannot even be printed."""
    try:
        return str(module)
    except Exception as error:  # broken IR can fail in any printer
        return f"// cannot be printed: {type(error).__name__}: {error}"


@dataclass
class Dumping(Observer):
    """Writes 00-input.mlir, 01-<pass>.mlir, ... and index.json into a folder."""

    folder: Path
    _entries: list[dict[str, object]] = field(default_factory=list[dict[str, object]])

    def before(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        if not self._entries:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write("input", "", module)

    def after(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        self._write(step.name, str(step.spec()), module)

    def failed(self, index: int, step: ModulePass, module: ModuleOp, error: Exception) -> None:
        write_whole(self.folder / f"{len(self._entries):02}-{step.name}.failed.mlir", _generic(module))

    def _write(self, name: str, spec: str, module: ModuleOp) -> None:
        file = f"{len(self._entries):02}-{name}.mlir"
        write_whole(self.folder / file, f"{module}\n")
        ops = sum(1 for _ in module.walk())
        self._entries.append({"file": file, "pass": name, "spec": spec, "ops": ops})
        index = {"schema": "aic.dump/1", "stages": self._entries}
        write_whole(self.folder / "index.json", json.dumps(index, indent=2) + "\n")


@dataclass
class Counting(Observer):
    """Ops of each kind before and after each pass."""

    rows: list[tuple[str, Counter[str], Counter[str]]] = field(
        default_factory=list[tuple[str, Counter[str], Counter[str]]]
    )
    _before: Counter[str] = field(default_factory=Counter[str])

    def before(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        self._before = Counter(op.name for op in module.walk())

    def after(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        self.rows.append((step.name, self._before, Counter(op.name for op in module.walk())))

    def text(self) -> str:
        """A line for each pass, and one for each kind of op whose number it changed."""
        lines = ["ops before  ops after  pass"]
        for name, before, after in self.rows:
            lines.append(f"{before.total():10}  {after.total():9}  {name}")
            changed = sorted(k for k in before | after if before[k] != after[k])
            lines += [f"{before[k]:10}  {after[k]:9}    {k}" for k in changed]
        return "\n".join(lines)

    def to_json(self) -> dict[str, object]:
        """The document `aic.stats/1`."""
        passes = [
            {"pass": n, "before": dict(sorted(b.items())), "after": dict(sorted(a.items()))} for n, b, a in self.rows
        ]
        return {"schema": "aic.stats/1", "passes": passes}


def timing_text(times: list[tuple[str, float]]) -> str:
    """A line for each pass in order, with its share, and the total."""
    total = sum(seconds for _, seconds in times)
    lines = [f"{seconds:9.4f} s  {100 * seconds / (total or 1):5.1f} %  {name}" for name, seconds in times]
    return "\n".join([*lines, f"{total:9.4f} s  100.0 %  total"])


def timing_json(times: list[tuple[str, float]]) -> dict[str, object]:
    """The document `aic.timing/1`."""
    return {"schema": "aic.timing/1", "passes": [{"pass": name, "seconds": seconds} for name, seconds in times]}
