"""The wheel holds one package with all that it needs, and nothing of the workshop; the sdist brings the tests along."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import aic
import pytest

ROOT = Path(aic.__file__).parent
ROOMS = ("backends", "compiler", "dialects", "passes", "tools")
BUILD = "import sys; from setuptools import build_meta as b; out = sys.argv[1]; b.build_wheel(out); b.build_sdist(out)"

pytest.importorskip("setuptools", minversion="77")
pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="needs the sources")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, built in a copy."""
    folder = tmp_path_factory.mktemp("package")
    skipped = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "demo-out", "aic-crash-*")
    shutil.copytree(ROOT, folder / "source", ignore=skipped)
    command = [sys.executable, "-W", "ignore", "-c", BUILD, str(folder)]
    subprocess.run(command, cwd=folder / "source", check=True, timeout=300, capture_output=True)
    return folder


def test_the_wheel_is_one_package(built: Path):
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"aic", f"aic_compiler-{aic.__version__}.dist-info"}
    inside = {name.removeprefix("aic/") for name in names if name.startswith("aic/")}
    for room in ROOMS:
        files = (
            Path(folder, f) for folder, _, names in os.walk(ROOT / room) for f in names if "__pycache__" not in folder
        )
        assert {str(f.relative_to(ROOT)) for f in files if not f.name.startswith(".")} <= inside
    assert {"py.typed", "__init__.py", "__main__.py"} <= inside
    assert not {"setup.py", "pyproject.toml"} & inside and not [n for n in inside if n.startswith("tests")]


def test_the_sdist_brings_the_tests(built: Path):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"setup.py", "pyproject.toml", "Makefile", "LICENSE", "CHANGELOG.md", "tests/test_package.py"} <= names
