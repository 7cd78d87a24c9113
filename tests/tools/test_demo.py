"""`aic demo` recognises nearly all of the digits that it ships with, and says where everything lies."""

import shutil
from pathlib import Path

import pytest
from aic.__main__ import main

from .schemas import checked

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


def test_the_demo(capsys, tmp_path: Path):
    assert main(["demo", "--out", str(tmp_path / "out"), "--json"]) == 0
    (found,) = checked(capsys.readouterr().out)["results"]
    assert found["accuracy"] >= 345 / 360  # what the network reached in training's own framework
    assert found["images"] == 360 and 0 < found["time"]["p10"] <= found["time"]["p90"]
    assert Path(found["artifact"], "manifest.json").is_file()
    assert list(found["ir"]) == ["graph", "tensor", "loop"]
    assert all(Path(path).read_text().startswith("builtin.module") for path in found["ir"].values())


def test_the_demo_for_a_person(capsys, tmp_path: Path):
    assert main(["demo", "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "345 of 360 (95.8%)" in out and "@@" in out and str(tmp_path / "out" / "c") in out
