"""What is told of passes: statistics, times, remarks, a timeline, dumps; and the limits that stop them."""

import json
from pathlib import Path

import pytest
from aic.__main__ import main

from .schemas import checked

TEXT = """func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = graph.transpose %x {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32> loc("/t0")
  %1 = graph.transpose %0 {perm = array<i64: 1, 0>} : (tensor<3x2xf32>) -> tensor<2x3xf32> loc("/t1")
  %2 = graph.transpose %1 {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32> loc("/t2")
  %3 = graph.transpose %2 {perm = array<i64: 1, 0>} : (tensor<3x2xf32>) -> tensor<2x3xf32> loc("/t3")
  func.return %3 : tensor<2x3xf32>
}
"""
LONG = "\n".join(
    [
        "func.func @main() -> tensor<20xi64> {",
        f"  %0 = graph.constant dense<{list(range(20))}> : tensor<20xi64>",
        "  func.return %0 : tensor<20xi64>",
        "}",
    ]
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("f.mlir").write_text(TEXT)
    Path("long.mlir").write_text(LONG)


def opt(capsys, *argv: str) -> tuple[str, str]:
    assert main(["opt", *argv, "f.mlir", "-p", "cancel-inverse,cse"]) == 0
    out, err = capsys.readouterr()
    return out, err


def test_a_flag_with_an_optional_value_leaves_the_file_alone(capsys):
    assert "cancel-inverse" in opt(capsys, "--stats")[1]
    assert main(["opt", "--stats=yaml", "f.mlir"]) == 2


def test_statistics_count_the_rewrites_of_each_rule(capsys):
    assert "        2 x  transpose-back" in opt(capsys, "--stats")[1]
    passes = checked(opt(capsys, "--stats=json")[1])["passes"]
    assert [p["rewrites"] for p in passes] == [{"transpose-back": 2}, {}]


def test_remarks_name_the_nodes(capsys):
    _, err = opt(capsys, "--remarks")
    assert "cancel-inverse: applied transpose-back at /t1 (graph.transpose)" in err
    assert opt(capsys, "--remarks=^cse")[1] == ""
    found = checked(opt(capsys, "--remarks", "--json")[1])["remarks"]
    assert len(found) == 2 and all(r["applied"] and r["pass"] == "cancel-inverse" for r in found)
    assert main(["opt", "f.mlir", "--remarks=("]) == 2


@pytest.mark.parametrize(("limit", "left"), [("0", 4), ("cancel-inverse:0", 4), ("cse:0", 0), ("9", 0)])
def test_rewrites_stop_at_the_limit(capsys, limit, left):
    assert opt(capsys, "--rewrite-limit", limit)[0].count("graph.transpose") == left
    assert main(["opt", "f.mlir", "--rewrite-limit", "many"]) == 2


def test_times_as_a_tree_a_list_and_a_document(capsys):
    assert "%  passes\n" in (tree := opt(capsys, "--timing")[1]) and "%    cancel-inverse\n" in tree
    assert "%  cancel-inverse\n" in opt(capsys, "--timing=list")[1]
    assert [p["stage"] for p in checked(opt(capsys, "--timing=json")[1])["passes"]] == ["passes"] * 2


def test_a_timeline_for_a_viewer(capsys):
    opt(capsys, "--trace-compile", "t.json")
    spans = [e for e in checked(Path("t.json").read_text())["traceEvents"] if e["ph"] == "X"]
    inner = {e["name"]: e for e in spans if e["tid"] == 2}
    (outer,) = (e for e in spans if e["tid"] == 1)
    assert list(inner) == ["cancel-inverse", "cse"] and inner["cancel-inverse"]["args"]["rewrites"] == 2
    assert all(outer["ts"] <= e["ts"] and e["ts"] + e["dur"] <= outer["ts"] + outer["dur"] for e in inner.values())


def test_the_index_of_a_dump_tells_which_function_changed(capsys):
    opt(capsys, "--dump-ir", "ir")
    stages = checked(Path("ir/index.json").read_text())["stages"]
    assert [s["functions"][0]["changed"] for s in stages] == [True, True, False]
    assert main(["opt", "ir/01-cancel-inverse.mlir"]) == 0


def test_printed_on_the_way_long_constants_are_left_out(capsys):
    for flags, left in ([], 1), (["--elide-larger", "20"], 0):
        assert main(["opt", "long.mlir", "-p", "cse", "--print-ir-after", *flags]) == 0
        out, err = capsys.readouterr()
        assert "18, 19" in out and err.count("dense_resource<__elided__> : tensor<20xi64>") == left


def test_a_pass_is_printed_before_and_after(capsys):
    _, err = opt(capsys, "--print-ir-before=cse", "--print-ir-after-all")
    told = [line for line in err.splitlines() if "IR " in line]
    assert [line.split("IR ")[1].split(" //")[0] for line in told] == [
        "after cancel-inverse",
        "before cse",
        "after cse",
    ]


def test_the_ladder_of_debugging(capsys, monkeypatch):
    monkeypatch.setenv("AIC_DEBUG", "6")
    assert "applied transpose" in opt(capsys)[1]


def test_compile_tells_the_same(capsys, model, monkeypatch):
    argv = [
        "compile",
        str(model),
        "--emit",
        "mlir=tensor",
        "-o",
        "out.mlir",
        "--trace-compile",
        "t.json",
        "--timing=json",
    ]
    assert main(argv) == 0
    assert {"import", "graph", "tensor"} == {p["stage"] for p in json.loads(capsys.readouterr().err)["passes"]}
    names = {e["name"] for e in checked(Path("t.json").read_text())["traceEvents"]}
    assert {"import", "graph", "tensor", "fuse-kernels", "fold-batch-norm"} <= names
    monkeypatch.setenv("AIC_DEBUG", "4")
    assert main(["compile", str(model), "-o", "art"]) == 0
    err = capsys.readouterr().err
    assert "IR at the loop level" in err and "// -----// model.c //----- //" in err
