"""`aic profile`: times by launch, kernel and node, a timeline, a picture; and shipped code without timers."""

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from aic.__main__ import main

from .schemas import checked
from .test_models import told

FAST = ("--warmup", "0", "--repeat", "2", "--min-time", "0", "-t", "c,gflops=100,bandwidth=10")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)


def test_times_add_up(capsys):
    code, out, _ = told(capsys, "profile", "small.onnx", *FAST, "--json")
    found = checked(out)
    assert code == 0 and found["runs"] == 2 and found["machine"]["flops"] == 100e9
    spent = sum(launch["seconds"] for launch in found["launches"])
    assert 0 < spent <= 1.5 * found["seconds"]
    for part in ("kernels", "nodes"):
        assert sum(row["seconds"] for row in found[part]) == pytest.approx(spent)
    macs = {tuple(launch["nodes"]): launch["flops"] for launch in found["launches"]}
    assert any(flops for flops in macs.values()) and all(launch["calls"] == 1 for launch in found["launches"])
    assert all(x["of_peak"] == pytest.approx(x["gflops"] / 100) for x in found["launches"])


def test_a_timeline_and_a_picture(capsys):
    code, out, _ = told(capsys, "profile", "small.onnx", *FAST, "--trace", "t.json", "--roofline", "r.svg")
    events = [e for e in checked(Path("t.json").read_text())["traceEvents"] if e["ph"] == "X"]
    assert code == 0 and "of peak" in out and "ONNX node" in out
    assert events and all(a["ts"] + a["dur"] <= b["ts"] + 1e-3 for a, b in pairwise(events))
    circles = [e for e in ElementTree.parse("r.svg").getroot() if e.tag.endswith("circle")]
    assert circles and len(circles) <= len(events)


def test_one_table(capsys):
    out = told(capsys, "profile", "small.onnx", *FAST, "--by", "onnx-node", "--no-peak")[1]
    assert "conv1" in out and "calls" not in out


def test_what_ships_has_no_timer(capsys):
    assert main(["compile", "small.onnx", "-o", "out", "--emit", "c", "--no-cache"]) == 0
    text = Path("out/model.c").read_text()
    assert "aic_begin" not in text and "time.h" not in text


def test_targets_without_timed_code(capsys):
    assert told(capsys, "profile", "small.onnx", *FAST[:-2], "-t", "npu", "--no-peak")[0] == 2
