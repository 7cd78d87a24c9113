"""The command line: exit codes, streams, messages, and what becomes of faults."""

import argparse
import re
from pathlib import Path

import pytest
from aic._version import VERSION
from aic.backends.target import TargetError
from aic.compiler.targets import parse_target, target_named
from aic.tools import _guard, opt
from aic.tools._arguments import add_target, target_of
from aic.tools._main import names

from .command import told
from .schemas import checked

GOOD = "func.func @f(%x: f32) -> f32 { func.return %x : f32 }"
UNUSED = "func.func @f(%x: f32) -> f32 { %0 = arith.addf %x, %x : f32 func.return %x : f32 }"
BAD = "func.func @f(%x: f32) -> f32 { %0 = arith.addf %1, %x : f32 %1 = arith.addf %x, %x : f32 func.return %0 : f32 }"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("good.mlir").write_text(GOOD)
    Path("unused.mlir").write_text(UNUSED)
    Path("bad.mlir").write_text(BAD)


def test_version_and_help(capsys):
    assert told(capsys, "--version") == (0, f"aic {VERSION}\n", "")
    assert checked(told(capsys, "--version", "--json")[1])["version"] == VERSION
    code, out, _ = told(capsys, "--help")
    assert code == 0 and re.search(r"\n  opt +run passes on IR text\n", out)
    assert told(capsys)[0] == 2


@pytest.mark.parametrize("command", names())
def test_every_command_tells_its_flags(capsys, command):
    code, out, err = told(capsys, command, "--help")
    assert (code, err) == (0, "") and out.startswith(f"usage: aic {command}")


def test_what_is_misspelt_gets_the_nearest_name(capsys):
    assert told(capsys, "optt") == (2, "", "aic: no command 'optt'; did you mean opt?\n")
    code, _, err = told(capsys, "opt", "--stat")
    assert code == 2 and "unrecognized arguments: --stat; did you mean --stats?" in err
    code, _, err = told(capsys, "opt", "good.mlir", "-p", "canonicalise")
    assert code == 2 and err == "error[unknown-pass]: no pass 'canonicalise'; did you mean canonicalize?\n"


def test_the_product_goes_to_stdout_and_the_rest_to_stderr(capsys):
    code, out, err = told(capsys, "opt", "unused.mlir", "-p", "canonicalize", "--timing", "--stats", "--print-ir-diff")
    assert code == 0 and out.startswith("builtin.module {") and "addf" not in out
    assert "100.0 %  total" in err and "1          0    arith.addf" in err and "-    %0 = arith.addf" in err


def test_statistics_and_times_as_documents(capsys):
    _, _, err = told(capsys, "opt", "unused.mlir", "-p", "canonicalize", "--stats=json")
    assert checked(err)["passes"][0]["before"]["arith.addf"] == 1
    _, _, err = told(capsys, "opt", "unused.mlir", "-p", "canonicalize", "--timing=json")
    assert checked(err)["schema"] == "aic.timing/1"


def test_the_pipeline_can_be_edited_and_printed(capsys):
    text = "canonicalize,cse,scf-parallel-loop-tiling{parallel-loop-tile-sizes=4}"
    option = "scf-parallel-loop-tiling.parallel-loop-tile-sizes=2,3"
    argv = ["opt", "good.mlir", "-p", text, "--disable-pass", "cse", "--pass-option", option, "--print-pipeline"]
    assert told(capsys, *argv)[1] == "canonicalize,scf-parallel-loop-tiling{parallel_loop_tile_sizes=2,3}\n"
    assert told(capsys, *argv, "--pass-limit", "1")[1] == "canonicalize\n"
    assert told(capsys, "opt", "good.mlir", "-p", "cse", "--disable-pass", "dce")[0] == 2
    assert told(capsys, "opt", "good.mlir", "-p", "cse", "--pass-option", "cse.x=1")[0] == 2


def test_a_failure_writes_nothing(capsys):
    code, out, err = told(capsys, "opt", "bad.mlir", "-o", "out.mlir")
    assert (code, out) == (1, "")
    assert err == "error[verify]: arith.addf: operand 0 is used before it is defined\n"
    assert sorted(p.name for p in Path().iterdir()) == ["bad.mlir", "good.mlir", "unused.mlir"]


def test_a_success_replaces_what_was_there(capsys):
    Path("out.mlir").write_text("old")
    assert told(capsys, "opt", "good.mlir", "-o", "out.mlir") == (0, "", "")
    assert Path("out.mlir").read_text().startswith("builtin.module")


@pytest.mark.parametrize(
    ("name", "data", "code", "message"),
    [
        ("utf8", b"builtin.module {\xff}", 1, "invalid UTF-8"),
        ("deep", b"builtin.module {" * 5000 + b"}" * 5000, 1, "nested too deeply"),
        ("huge", b'"test.op"() : () -> tensor<99999999999999999999xf32>', 1, "error[size]"),
        ("dialect", b'"evil.op"() : () -> ()', 1, "evil.op is not registered"),
        ("name", b'"test.op"() ({\n^0: "test.termop"() : () -> ()}) : () -> ()', 1, "Invalid Block name"),
    ],
)
def test_malformed_text_is_a_clean_error(capsys, name, data, code, message):
    Path(f"{name}.mlir").write_bytes(data)
    found, out, err = told(capsys, "opt", f"{name}.mlir")
    assert (found, out) == (code, "") and message in err and "Traceback" not in err


def test_a_missing_file(capsys):
    assert told(capsys, "opt", "none.mlir") == (2, "", "error[no-file]: none.mlir: No such file or directory\n")


def test_an_error_as_a_document(capsys):
    code, out, _ = told(capsys, "list", "ops", "--dialect", "nope", "--json")
    assert code == 2 and checked(out)["schema"] == "aic.error/1"


def test_diagnostics_wanted_are_the_product(capsys):
    Path("two.mlir").write_text(f"{BAD}\n// -----\n{GOOD}")
    code, out, _ = told(capsys, "opt", "two.mlir", "--split-input-file", "--verify-diagnostics")
    assert code == 0 and out.startswith("arith.addf: operand 0 is used before it is defined\n// -----\nbuiltin.module")


def test_a_fault_of_ours_leaves_what_replays_it(capsys, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(opt, "run_pipeline", fail)
    code, _, err = told(capsys, "opt", "good.mlir")
    (crash,) = Path().glob("aic-crash-*")
    assert code == _guard.INTERNAL and str(crash) in err and "Traceback" not in err
    assert "KeyError: 'oops'" in (crash / "report.txt").read_text()
    assert told(capsys, "opt", "good.mlir", "--no-crash-dump")[0] == _guard.INTERNAL
    assert len(list(Path().glob("aic-crash-*"))) == 1


def test_an_interrupt(capsys, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(opt, "run_pipeline", stop)
    assert told(capsys, "opt", "good.mlir") == (130, "", "aic: interrupted\n")


def test_flags_of_the_environment_come_first(capsys, monkeypatch):
    monkeypatch.setenv("AIC_FLAGS", "-p canonicalize")
    assert "addf" not in told(capsys, "opt", "unused.mlir")[1]
    assert "addf" in told(capsys, "opt", "unused.mlir", "-p", "")[1]


@pytest.mark.parametrize("kind", ["targets", "passes", "pipelines", "dialects", "ops", "tuners", "plugins"])
def test_lists(capsys, kind):
    code, out, _ = told(capsys, "list", kind, "--json")
    found = checked(out)
    assert (code, found["schema"], found["kind"]) == (0, "aic.list/1", kind)
    if kind != "plugins":
        assert all(item["name"] and "summary" in item for item in found["items"]) and found["items"]


def test_graph_ops_are_listed_with_their_class_in_fusion(capsys):
    _, out, _ = told(capsys, "list", "ops", "--dialect", "graph", "--json")
    kinds = {item["name"]: item["summary"].partition(":")[0] for item in checked(out)["items"]}
    some = {"add": "broadcast", "conv": "contraction", "exp": "elementwise", "reshape": "injective", "loop": "opaque"}
    assert {name: kinds[f"graph.{name}"] for name in some} == some and kinds["graph.softmax"] == "reduction"


def test_all_about_a_pass(capsys):
    code, out, _ = told(capsys, "help", "scf-parallel-loop-tiling")
    assert code == 0 and "parallel-loop-tile-sizes: tuple" in out and "aic opt F.mlir -p 'scf-parallel" in out


def test_help_about_a_command(capsys):
    code, out, _ = told(capsys, "help", "opt")
    assert code == 0 and out.startswith("usage: aic opt") and "Here alone -t chooses the form" in out


def test_doctor(capsys, monkeypatch):
    monkeypatch.setenv("AIC_DEBUG", "0")
    code, out, _ = told(capsys, "doctor", "--json")
    found = checked(out)
    assert code == 0 and found["versions"]["aic"] == VERSION
    assert {"name": "AIC_DEBUG", "value": "0", "origin": "AIC_DEBUG"} in found["knobs"]
    assert "C compiler" in told(capsys, "doctor")[1]


def test_a_layout_of_activations():
    parser = argparse.ArgumentParser()
    add_target(parser)
    chosen = target_of(parser.parse_args(["-t", "c", "--layout", "NC8HW8"]))
    assert chosen.settings == parse_target("c,layout=NC8HW8").settings == {"layout": "NC8HW8"}
    target = target_named("c")
    texts = {
        name: target.pipeline(target.machine({"layout": name}), 2)["tensor"] for name in ("auto", "NCHW", "NC4HW4")
    }
    assert "block-channels{block=4},fuse-kernels,assign-layout{order=row-major}" in texts["NC4HW4"]
    assert "block-channels" not in texts["NCHW"] and "{order=row-major}" in texts["NCHW"]
    assert target.pipeline(target.machine({"layout": "NHWC"}), 2)["tensor"] == texts["auto"]
    with pytest.raises(TargetError, match="expected a layout of auto, NCHW, NHWC, NC4HW4 to NC64HW64, found 'NC5HW5'"):
        target.machine({"layout": "NC5HW5"})
    npu = target_named("npu")
    with pytest.raises(TargetError, match="layout"):
        npu.machine({"layout": "NCHW"})
