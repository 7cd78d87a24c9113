"""Runs the RUN lines of `.mlir` tests in this process: `// RUN: [not] aic opt %s -p ... | filecheck %s`.

What hypothesis finds is told as it was found; `--hypothesis-profile=default` makes it small, which may take minutes.
"""

import io
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest
from aic.__main__ import main
from filecheck.finput import FInput
from filecheck.matcher import Matcher
from filecheck.options import Options
from filecheck.parser import Parser as Checks
from filecheck.parser import pattern_for_opts
from hypothesis import Phase, settings

settings.register_profile("found", deadline=None, phases=[p for p in Phase if p not in (Phase.shrink, Phase.explain)])
settings.load_profile("found")


@pytest.fixture(scope="session", autouse=True)
def untuned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is compiled does not depend on what the user has tuned."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AIC_TUNE_DB", str(tmp_path_factory.mktemp("tune") / "none.db"))
        yield


def aic(args: list[str], stdin: str, expect_failure: bool = False) -> str:
    """stdout of `aic ARGS`, and its stderr too where a failure (`not aic`) is expected."""
    out, err, pipe = io.StringIO(), io.StringIO(), io.TextIOWrapper(io.BytesIO(stdin.encode()))
    with redirect_stdout(out), redirect_stderr(err), patch("sys.stdin", pipe):
        code = main(args)
    if (code != 0) != expect_failure:
        raise AssertionError(f"aic {shlex.join(args)}: exit {code}\n{err.getvalue()}")
    return out.getvalue() + (err.getvalue() if expect_failure else "")


def filecheck(file: Path, args: list[str], text: str) -> None:
    """The CHECK lines of `file` against `text`."""
    prefix = next((a.split("=")[1] for a in args if a.startswith("--check-prefix=")), "CHECK")
    options = Options(match_filename=str(file), check_prefixes=[prefix])
    checks = Checks(options, io.StringIO(file.read_text()), *pattern_for_opts(options))
    complaint = io.StringIO()
    with redirect_stdout(complaint), redirect_stderr(complaint):
        code = Matcher(options, FInput("<stdin>", text), checks).run()
    if code != 0:
        raise AssertionError(f"{complaint.getvalue()}\n{prefix} in:\n{text}")


class RunLine(pytest.Item):
    """One RUN line."""

    command = ""

    def runtest(self) -> None:
        text = ""
        for stage in re.split(r"\s\|\s", self.command):
            match shlex.split(stage.replace("%s", str(self.path))):
                case ["aic", *args]:
                    text = aic(args, text)
                case ["not", "aic", *args]:
                    text = aic(args, text, expect_failure=True)
                case ["filecheck", *args]:
                    filecheck(self.path, args, text)
                case other:
                    raise ValueError(f"RUN line: expected aic or filecheck, found {shlex.join(other)}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        told = excinfo.value if isinstance(excinfo.value, AssertionError) else excinfo.getrepr(style="short")
        return f"{self.command}\n{told}"

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.command


class IrFile(pytest.File):
    """A `.mlir` test; `\\` at the end of a RUN line continues it on the next."""

    def collect(self) -> Iterator[RunLine]:
        text = re.sub(r"\\\n\s*//\s*RUN:\s*", "", self.path.read_text())
        for number, line in enumerate(text.splitlines(), 1):
            if found := re.match(r"\s*//\s*RUN:\s*(.*)", line):
                item = RunLine.from_parent(self, name=f"RUN@{number}")
                item.command = found[1]
                yield item


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> IrFile | None:
    """A `.mlir` file with a RUN line is a test."""
    return IrFile.from_parent(parent, path=file_path) if file_path.suffix == ".mlir" else None
