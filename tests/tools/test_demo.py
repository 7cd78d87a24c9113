"""`aic demo` recognises nearly all of the digits that it ships with, and says where everything lies."""

import shutil
from pathlib import Path

import pytest
from aic.__main__ import main

from .schemas import checked

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


def test_the_demo(capsys, tmp_path: Path):
    assert main(["demo", "--out", str(tmp_path / "out"), "--json"]) == 0
    results = {found["target"]: found for found in checked(capsys.readouterr().out)["results"]}
    assert {"c", "npu"} <= set(results) and not results["c"]["numpy"] and not results["npu"]["numpy"]
    for found in results.values():
        assert found["accuracy"] >= 343 / 360  # 345 is what the network reached in training's own framework
        assert found["images"] == (24 if found["numpy"] else 360) and 0 < found["time"]["p10"] <= found["time"]["p90"]
        assert Path(found["artifact"], "manifest.json").is_file()
        assert all(Path(path).read_text().startswith("builtin.module") for path in found["ir"].values())
    assert list(results["c"]["ir"]) == ["graph", "tensor", "loop"] and results["c"]["accuracy"] >= 345 / 360
    npu = results["npu"]
    # Softmax stays in bf16
    assert npu["precision"] == "mixed" and npu["alike"] >= 350 and 500 < npu["clock"]["cycles"] < 5000
    timeline, report = map(Path, npu["files"])
    assert checked(timeline.read_text())["traceEvents"] and "<html" in report.read_text()


def test_the_demo_for_a_person(capsys, tmp_path: Path):
    assert main(["demo", "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "345 of 360 (95.8%)" in out and "@@" in out and str(tmp_path / "out" / "c") in out
    assert "% of peak" in out and "perfetto" in out
