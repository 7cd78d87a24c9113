"""Bundles for a machine with a GPU, and the script that checks and times there, as far as that goes without one."""

import ast
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from aic.__main__ import main
from aic.compiler import cache
from aic.compiler.gpu.bundle import random_floats
from aic.tools._gpu import measure

from ..compiler.networks import NETWORKS

HERE = Path(__file__).parent
REHEARSED = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import _interpreted
_interpreted.interpreted()
import measure
measure.child(Path(sys.argv[2], "net"), "check", Path(sys.argv[3]))
"""


@pytest.fixture(scope="module", params=["f16", "f32"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    model, inputs = NETWORKS["transformer"]()
    onnx.save(model, folder / "net.onnx")
    np.savez(folder / "net.npz", **inputs)
    cache.use(None)
    target = f"triton,arch=sm_90,precision={request.param}"
    assert main(["gpu", str(folder / "net.onnx"), "-t", target, "-o", str(folder / "bundle"), "--no-cache"]) == 0
    cache._chosen.clear()
    return folder / "bundle"


def test_a_bundle_has_all_that_the_script_wants(bundle: Path):
    assert (bundle / "measure.py").is_file()
    names = {f.name for f in (bundle / "net").iterdir()}
    assert names == {"anchor.py", "expected.npz", "manifest.json", "model.mlir", "model.py", "seeded.json"}
    launches = json.loads((bundle / "net" / "manifest.json").read_text())["launches"]
    with np.load(bundle / "net" / "expected.npz") as found:
        assert {int(key.split(".")[0]) for key in found.files if key.endswith(".is")} == set(range(len(launches)))
        assert all(np.isfinite(found[key]).all() for key in found.files if key.endswith(".is"))
    text = (bundle / "net" / "anchor.py").read_text()
    ast.parse(text)
    assert "torch.matmul(" in text and "torch.softmax(" in text


@pytest.mark.skipif(not find_spec("triton"), reason="needs triton")
def test_the_check_of_every_launch_rehearsed_under_tritons_interpreter(bundle: Path, tmp_path: Path):
    fakes = HERE.parent / "backends" / "triton"
    line = ["env", "TRITON_INTERPRET=1", sys.executable, "-c", REHEARSED, str(fakes), str(bundle), str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (row,) = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert row["ok"] and not row["moved"] and not row["bad"], row
    assert row["worst"][0] < 1e-2 and len(row["outputs"]) == 1


def test_a_part_that_takes_too_long_is_killed_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (slow := tmp_path / "slow.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(measure, "__file__", str(slow))
    measure.run(tmp_path / "net", "check", tmp_path, 0.5)
    measure.run(tmp_path / "net", "eager", tmp_path, 0.5)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [(row["part"], row["ok"], row["error"]) for row in rows] == [
        ("check", False, "took longer than 0 s"),
        ("eager", True, "took longer than 0 s"),
    ]


def test_the_table_sets_the_anchors_beside_ours():
    def row(part: str, microseconds: float) -> dict[str, object]:
        return {"model": "net", "part": part, "graph": {"median": microseconds * 1e-6}}

    rows = [{"model": "net", "part": "check", "ok": True}, row("ours", 50), row("eager", 400), row("default", 45)]
    head, line = measure.table(rows)
    assert line.split() == ["net", "True", "50.0", "8.00", "-", "0.90", "-", "-", "-"]
    assert head.split()[:2] == ["model", "ok"]


def test_random_weights_are_the_same_on_both_sides():
    for kind in (np.dtype(np.float16), np.dtype(np.float32), np.dtype(ml_dtypes.bfloat16)):
        told = {"offset": 512, "count": 5000, "dtype": kind.name, "mean": 0.1, "std": 0.7}
        ours = random_floats(512, 5000, kind, 0.1, 0.7)
        assert bytes(measure.weight(told)) == ours.tobytes()
    assert bytes(measure.weight({"offset": 0, "bytes": "00ff"})) == b"\x00\xff"
