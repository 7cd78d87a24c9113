"""Is what a module computes, or what a command makes of it, right? The question of compare, bisect, reduce, verify.

judge(ctx, module)   -->   "" if it is, else what is wrong: `y: max abs 0.4, 12 of 12 differ, first [0]: ...`
"""

import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects._shape import Array
from ...dialects.graph.weight import AicContext
from ..compare import Difference, Tolerance, difference
from ..errors import UsageError
from ..interpret import interpret
from ..ir_text import ir_text
from ..pipeline import PassCrash, run_pipeline

Judge = Callable[[AicContext, ModuleOp], str]


@dataclass(frozen=True)
class Numbers:
    """Judges by a run on inputs: its outputs, by name in order, against a reference that has all or some of them."""

    inputs: Sequence[Array]
    names: Sequence[str]
    reference: Mapping[str, Array]
    tolerance: Tolerance

    def __call__(self, ctx: AicContext, module: ModuleOp) -> str:
        try:
            return self.wrong(dict(zip(self.names, interpret(ctx, module, self.inputs), strict=True)))
        except Exception as error:  # IR that a pass has broken can fail anywhere
            return f"it does not run: {one_line(error)}"

    def wrong(self, found: Mapping[str, Array]) -> str:
        """What is wrong with the first output that differs."""
        for name, value in found.items():
            if name in self.reference:
                gap = difference(value, self.reference[name], self.tolerance)
                if not self.tolerance.accepts(gap):
                    return f"{name}: {told(gap)}"
        return ""


@dataclass(frozen=True)
class Command:
    """Judges by the exit code of a command, in which `{}` stands for a file with the IR, or whatever else is judged."""

    text: str
    seconds: float = 600.0

    def __post_init__(self) -> None:
        if not any("{}" in word for word in self._words()):
            raise UsageError(f"--check {self.text}: expected {{}} where the file goes")

    def _words(self) -> list[str]:
        try:
            return shlex.split(self.text)
        except ValueError as error:
            raise UsageError(f"--check {self.text}: {error}") from error

    def __call__(self, ctx: AicContext, module: ModuleOp) -> str:
        with TemporaryDirectory(prefix="aic-") as scratch:
            file = Path(scratch) / "module.mlir"
            file.write_text(ir_text(module) + "\n", encoding="utf8")
            return self.of_file(file)[1]

    def of_file(self, file: Path) -> tuple[int, str]:
        """Exit code, and what is wrong."""
        argv = [word.replace("{}", str(file)) for word in self._words()]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=self.seconds, errors="replace")
        except subprocess.TimeoutExpired:
            return 124, f"no end after {self.seconds:g} s"
        except OSError as error:
            raise UsageError(f"--check {self.text}: {error}") from error
        lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
        return done.returncode, f"exit {done.returncode}: {lines[-1] if lines else ''}" if done.returncode else ""


def failure_of(ctx: AicContext, module: ModuleOp, steps: Sequence[ModulePass], judge: Judge) -> str:
    """How these passes fail on a copy of the module: the kind of their exception, or `wrong`; "" if they do not."""
    after = module.clone()
    for step in steps:
        try:
            run_pipeline(ctx, after, [step], verify_each=True)
        except Exception as error:  # whatever a faulty pass raises
            cause = error.__cause__ if isinstance(error, PassCrash) and error.__cause__ else error
            return f"{step.name}: {type(cause).__name__}"
    return "wrong" if judge(ctx, after) else ""


def told(gap: Difference) -> str:
    """A difference in a few words."""
    return gap.shape or f"max abs {gap.maxabs:.3g}, cosine {gap.cosine:.6f}, {gap.place}"


def one_line(error: BaseException) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
