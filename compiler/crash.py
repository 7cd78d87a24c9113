"""The crash directory: what it takes to replay a fault of ours.

aic-crash-x1/  report.txt (command, versions, knobs, traceback)   before.mlir   pipeline.txt

`before.mlir` is the IR that the failing pass was given, without weights; `pipeline.txt` that pass and those after it.
"""

import platform
import shlex
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .._version import VERSION
from .errors import UsageError
from .knobs import knobs

COMMAND = "command: aic "
PACKAGES = ("xdsl", "numpy", "onnx", "ml-dtypes", "rich", "platformdirs", "lark", "islpy")


def versions() -> dict[str, str]:
    """What runs: aic, Python, the system, and the packages aic stands on."""
    found = {"aic": VERSION, "python": platform.python_version(), "system": platform.platform()}
    return found | {name: package_version(name) for name in PACKAGES}


def package_version(name: str) -> str:
    """The version of an installed distribution, or `missing`."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def write_crash(error: BaseException, command: Sequence[str]) -> Path:
    """Write the directory into the working directory, or the system's temporary one; returns its path."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="aic-crash-", dir="."))
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="aic-crash-"))
    lines = [f"{COMMAND}{shlex.join(command)}"]
    lines += [f"{name}: {found}" for name, found in versions().items()]
    lines += [f"{knob.variable}: {knob.get()} ({knob.origin()})" for knob in knobs() if knob.origin() != "default"]
    (folder / "report.txt").write_text("\n".join([*lines, "", *traceback.format_exception(error)]), encoding="utf8")
    if (before := getattr(error, "before", None)) is not None:
        (folder / "before.mlir").write_text(before, encoding="utf8")
        (folder / "pipeline.txt").write_text(f"{getattr(error, 'remaining', '')}\n", encoding="utf8")
    return folder


@dataclass(frozen=True)
class Crash:
    """What a directory holds: the command's words, and the IR with the passes to run on it where a pass failed."""

    command: list[str]
    before: str | None
    pipeline: str


def read_crash(folder: Path) -> Crash:
    """The crash of a directory; UsageError if it is none."""
    report = folder / "report.txt"
    if not report.is_file():
        raise UsageError(f"{folder}: expected a crash directory, with report.txt in it", code="no-crash")
    first = report.read_text(encoding="utf8").partition("\n")[0]
    if not first.startswith(COMMAND):
        raise UsageError(f"{report}: expected `{COMMAND}...` in its first line", code="no-crash")
    before, pipeline = folder / "before.mlir", folder / "pipeline.txt"
    if not (before.is_file() and pipeline.is_file()):
        return Crash(shlex.split(first.removeprefix(COMMAND)), None, "")
    texts = [file.read_text(encoding="utf8") for file in (before, pipeline)]
    return Crash(shlex.split(first.removeprefix(COMMAND)), texts[0], texts[1].strip())


def replay(crash: Crash, seed: int) -> str:
    """Run the passes on the IR, with random weights: how they fail, "" if they do not."""
    from xdsl.parser import Parser

    from .context import context
    from .culprit.judge import one_line
    from .pipeline import parse_pipeline, run_pipeline
    from .weights import random_weights

    ctx, steps = context(), parse_pipeline(crash.pipeline)
    module = Parser(ctx, crash.before or "", "before.mlir").parse_module()
    random_weights(ctx, module, seed)
    try:
        run_pipeline(ctx, module, steps, verify_each=True)
    except Exception as error:  # the fault that is replayed may raise anything
        return one_line(error)
    return ""
