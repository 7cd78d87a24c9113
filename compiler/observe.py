"""Observers of a pipeline: print the IR round a pass, dump it, count its ops, note when it ran."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass

from ..dialects.kernel import FuncOp as KernelOp
from .files import write_whole
from .ir_diff import line_diff
from .ir_text import elided_text
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
    `diff` prints what they changed only. Constants of more than `larger` elements show their type alone."""

    wanted_before: Wanted = never
    wanted_after: Wanted = never
    change: bool = False
    diff: bool = False
    failure: bool = False
    stream: IO[str] = field(default_factory=lambda: sys.stderr)
    larger: int = 16
    _text: str = ""

    def before(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        self._text = self._told(module) if self.change or self.diff else ""
        if self.wanted_before(step.name):
            print(f"// -----// IR before {step.name} //----- //\n{self._told(module)}", file=self.stream)

    def after(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        if not (self.wanted_after(step.name) or self.diff):
            return
        text = self._told(module)
        if (self.change or self.diff) and text == self._text:
            print(f"// -----// {step.name} changed nothing //----- //", file=self.stream)
            return
        if self.diff:
            text = "\n".join(line_diff(self._text.splitlines(), text.splitlines()))
        print(f"// -----// IR after {step.name} //----- //\n{text}", file=self.stream)

    def _told(self, module: ModuleOp) -> str:
        return elided_text(module, self.larger)

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
    """Writes 00-input.mlir, 01-<pass>.mlir, ... and index.json into a folder. The index names each stage's functions
    and tells which of them the pass changed. Files parse back unless constants above `larger` elements are elided."""

    folder: Path
    larger: int | None = None
    _entries: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    _texts: dict[str, int] = field(default_factory=dict[str, int])

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
        text = str(module) if self.larger is None else elided_text(module, self.larger)
        write_whole(self.folder / file, f"{text}\n")
        ops = sum(1 for _ in module.walk())
        self._entries.append(
            {"file": file, "pass": name, "spec": spec, "ops": ops, "functions": self._functions(module)}
        )
        index = {"schema": "aic.dump/1", "stages": self._entries}
        write_whole(self.folder / "index.json", json.dumps(index, indent=2) + "\n")

    def _functions(self, module: ModuleOp) -> list[dict[str, object]]:
        """Name, ops, and whether it differs from the function of that name one stage before."""
        functions = [op for op in module.ops if isinstance(op, FuncOp | KernelOp)]
        before, self._texts = self._texts, {f.sym_name.data: hash(str(f)) for f in functions}
        return [
            {
                "name": (name := f.sym_name.data),
                "ops": sum(1 for _ in f.walk()) - 1,
                "changed": before.get(name) != self._texts[name],
            }
            for f in functions
        ]


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


@dataclass(frozen=True)
class Span:
    """One run of a pass: when it began and ended on the clock of `time.perf_counter`, and the ops after it."""

    name: str
    began: float
    ended: float
    ops: int


@dataclass
class Tracing(Observer):
    """When each pass ran; the time of its check is in it."""

    start: float = field(default_factory=time.perf_counter)
    spans: list[Span] = field(default_factory=list[Span])
    _began: float = 0.0

    def before(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        self._began = time.perf_counter()

    def after(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        ended = time.perf_counter()
        self.spans.append(Span(step.name, self._began, ended, sum(1 for _ in module.walk())))
