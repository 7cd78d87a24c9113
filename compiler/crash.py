"""The crash directory: what it takes to replay a fault of ours.

aic-crash-x1/  report.txt (command, versions, knobs, traceback)   before.mlir   pipeline.txt
"""

import platform
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .._version import VERSION
from .knobs import knobs

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
    lines = [f"command: aic {' '.join(command)}"]
    lines += [f"{name}: {found}" for name, found in versions().items()]
    lines += [f"{knob.variable}: {knob.get()} ({knob.origin()})" for knob in knobs() if knob.origin() != "default"]
    (folder / "report.txt").write_text("\n".join([*lines, "", *traceback.format_exception(error)]), encoding="utf8")
    if (before := getattr(error, "before", None)) is not None:
        (folder / "before.mlir").write_text(before, encoding="utf8")
        (folder / "pipeline.txt").write_text(f"{getattr(error, 'remaining', '')}\n", encoding="utf8")
    return folder
