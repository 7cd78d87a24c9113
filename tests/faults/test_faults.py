"""Each fault that a copy of the sources gets is seen by the tests named for it, and `aic bisect` names its pass."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import aic
import pytest

from .mutants import MUTANTS, Mutant, seeded
from .subjects import SUBJECTS

ROOT = Path(aic.__file__).parent
SAMPLE = 8
"""One of so many is tried where not all are asked for."""
IGNORED = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "demo-out", "aic-crash-*")


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources in a folder that may be spoilt."""
    root = tmp_path_factory.mktemp("faults") / "aic"
    shutil.copytree(ROOT, root, ignore=IGNORED, symlinks=True)
    return root


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    paths = [str(copy.parent), *(p for p in sys.path if p.endswith("site-packages"))]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    env["AIC_CACHE_DIR"] = str(copy.parent / "cache")
    argv = [sys.executable, "-m", *command]
    return subprocess.run(argv, cwd=copy, env=env, capture_output=True, text=True, timeout=600)


def bisected(copy: Path, mutant: Mutant) -> dict[str, object]:
    """What `aic bisect` says of the mutant's subject."""
    file = copy.parent / f"{mutant.subject}.mlir"
    file.write_text(SUBJECTS[mutant.subject]())
    done = run(copy, "aic", "bisect", str(file), "-p", mutant.passes, "--json", "-q")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_there_are_twenty_of_three_kinds_each_in_its_place():
    assert len(MUTANTS) >= 20 and {m.kind for m in MUTANTS} == {"wrong sign", "dropped guard", "swapped operand"}
    for mutant in MUTANTS:
        assert (ROOT / mutant.file).read_text(encoding="utf8").count(mutant.old) == 1, mutant
        assert all((ROOT / test).exists() for test in mutant.tests) and mutant.subject in SUBJECTS


@pytest.mark.parametrize("index", range(len(MUTANTS)), ids=[m.name for m in MUTANTS])
def test_a_fault_is_seen_and_its_pass_is_named(copy: Path, index: int, request: pytest.FixtureRequest):
    if index % SAMPLE and not request.config.getoption("--all-faults", default=False):
        pytest.skip("one of eight is tried; --all-faults tries all")
    mutant = MUTANTS[index]
    with seeded(mutant, copy):
        found = bisected(copy, mutant)
        tests = run(copy, "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests)
    assert tests.returncode == 1, f"not seen by {mutant.tests}: {tests.stdout[-500:]}"
    assert found["culprit"] and found["culprit"]["pass"] == mutant.step, found
    if not mutant.file.startswith("passes/graph"):
        assert found["culprit"]["rewrite"] is not None, found


@pytest.mark.parametrize("name", SUBJECTS)
def test_without_a_fault_nothing_is_found(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from aic.__main__ import main

    file = tmp_path / f"{name}.mlir"
    file.write_text(SUBJECTS[name]())
    for passes in dict.fromkeys(m.passes for m in MUTANTS if m.subject == name):
        assert main(["bisect", str(file), "-p", passes, "--json", "-q"]) == 0
        assert json.loads(capsys.readouterr().out)["culprit"] is None
