"""The package of docs/passes.md, installed where aic is: its pass runs by name, in `aic opt` and in a pipeline."""

import re
import subprocess
import sys
import venv
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import aic
import pytest

ROOT = Path(aic.__file__).parent
TEXT = ROOT / "docs" / "passes.md"
pytestmark = [
    pytest.mark.skipif(not TEXT.is_file(), reason="needs the sources"),
    pytest.mark.skipif(find_spec("setuptools") is None, reason="needs setuptools"),
]


MODEL = """
import onnx
from onnx import helper as h
nodes = [h.make_node("Relu", ["x"], ["r"]), h.make_node("Relu", ["r"], ["y"])]
ports = [h.make_tensor_value_info(name, 1, [2]) for name in "xy"]
graph = h.make_graph(nodes, "g", ports[:1], ports[1:])
onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)]), "relus.onnx")
"""


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Without this run's environment; nothing is fetched. A folder called aic with the sources is found by its name."""
    env = {"PATH": "/usr/bin:/bin", "PIP_NO_INDEX": "1", "AIC_CACHE_DIR": str(folder / "cache")}
    if ROOT.name == "aic":
        env["PYTHONPATH"] = str(ROOT.parent)
    return subprocess.run([*map(str, command)], cwd=folder, env=env, capture_output=True, text=True, timeout=300)


def installing(site: Path) -> list[str | Path]:
    """The command that installs the package of the working folder; without wheels, setuptools by itself."""
    if find_spec("wheel") or int(version("setuptools").split(".")[0]) >= 71:
        return [sys.executable, "-m", "pip", "install", ".", "--no-build-isolation", "--no-deps", "--target", site]
    plain = "import setuptools; setuptools.setup()"
    options = ["--single-version-externally-managed", "--record", "installed.txt", "--install-lib", site]
    return [sys.executable, "-W", "ignore", "-c", plain, "install", *options]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the package installed, and beside it what this run has."""
    folder = tmp_path_factory.mktemp("plugin")
    for name, block in re.findall(r"^```\w+\n(?:#|//) ([\w.]+)\n(.*?)^```$", TEXT.read_text("utf8"), re.M | re.S):
        (folder / name).write_text(block)
    venv.create(folder / "env", with_pip=False)
    (site,) = (folder / "env").rglob("site-packages")
    shared = [p for p in sys.path if p.endswith("site-packages")]
    (site / "shared.pth").write_text("".join(f"import site; site.addsitedir({p!r})\n" for p in shared))
    done = run(*installing(site), folder=folder)
    assert done.returncode == 0, done.stderr
    (folder / "relus.py").unlink()
    return folder / "env" / "bin" / "python"


def test_the_plugin_is_listed_with_its_options(python: Path):
    done = run(python, "-m", "aic", "list", "passes", "relus-early", folder=python.parents[2])
    assert done.returncode == 0, done.stderr
    assert "Relus go before transposes" in done.stdout and "most: int = 100" in done.stdout
    assert "\nrelus-early " in run(python, "-m", "aic", "list", "passes", folder=python.parents[2]).stdout
    assert "relus:relus_early" in run(python, "-m", "aic", "list", "plugins", folder=python.parents[2]).stdout


def test_the_plugin_runs_by_name_and_in_a_pipeline(python: Path):
    folder = python.parents[2]
    alone = run(python, "-m", "aic", "opt", "file.mlir", "-p", "relus-early{most=2}", folder=folder)
    assert alone.returncode == 0 and alone.stdout.count("graph.relu") == 1, alone.stderr
    chain = run(python, "-m", "aic", "opt", "file.mlir", "-p", "relus-early,cancel-inverse,dce", folder=folder)
    assert chain.returncode == 0 and chain.stdout.count("graph.") == 1, chain.stderr


def test_the_plugin_runs_in_a_models_pipeline(python: Path):
    folder = python.parents[2]
    assert run(python, "-c", MODEL, folder=folder).returncode == 0
    argv = ["compile", "relus.onnx", "--pipeline", "graph=relus-early,dce", "--emit", "mlir=graph", "-o", "-"]
    done = run(python, "-m", "aic", *argv, folder=folder)
    assert done.returncode == 0 and done.stdout.count("graph.relu") == 1, done.stderr


def test_a_plugin_that_does_not_load_is_warned_of(python: Path):
    folder = python.parents[2]
    (site,) = (folder / "env").rglob("site-packages")
    source = (site / "relus.py").read_text()
    (site / "relus.py").write_text("1 / 0")
    try:
        done = run(python, "-m", "aic", "opt", "file.mlir", "-p", "cse", folder=folder)
    finally:
        (site / "relus.py").write_text(source)
    assert done.returncode == 0 and "plugin relus-early" in done.stderr and "left out" in done.stderr
