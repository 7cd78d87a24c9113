"""`aic npu sim, check, roofline, diff, sweep, goals`: documents that keep their schemas, tables, exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from aic.backends.npu.emit.container import write_npux
from aic.compiler.errors import CompileError, RegressionError, UsageError
from aic.compiler.npu import goals, sweep
from aic.compiler.npu.goals import Case, Reached, Slow
from aic.tools._main import parser_of

from ..backends.npu.example import example
from .schemas import checked

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def npu(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `aic npu NAME ..` in this process, errors as they are raised: exit code and stdout."""

    def run(name: str, *argv: object) -> tuple[int, str]:
        args = parser_of("npu").parse_args([name, *map(str, argv)])
        return args.run(args), capsys.readouterr().out

    return run


@pytest.fixture
def program(tmp_path: Path) -> Path:
    write_npux(example(), tmp_path / "m.npux")
    return tmp_path / "m.npux"


def test_sim_tells_and_writes_a_report(npu: Run, program: Path):
    code, text = npu("sim", program)
    assert code == 0 and "3,350 cycles" in text and "a_full" in text
    code, text = npu("sim", program, "--json", "--report", "--trace", program.with_name("t.json"))
    document = checked(text)
    assert document["totals"]["cycles"] == 3350
    assert json.loads(program.with_name("m.report.json").read_text()) == document
    assert program.with_name("m.report.csv").exists() and program.with_name("m.report.html").exists()
    trace = checked(program.with_name("t.json").read_text())
    assert trace["traceEvents"]


def test_sim_of_an_artifact_of_several_programs(npu: Run, program: Path):
    write_npux(example(1), program.with_name("n.npux"))
    document = checked(npu("sim", program.parent, "--json")[1])
    assert [part["totals"]["cycles"] for part in document["parts"]] == [3350, 5212]
    with pytest.raises(UsageError, match="2 programs"):
        npu("sim", program.parent, "--trace", program.with_name("t.json"))


def test_sim_explains_its_columns(npu: Run):
    code, text = npu("sim", "--explain")
    assert code == 0 and "of bound %" in text and "preloads that nothing hides" in text


def test_a_program_that_waits_for_ever(npu: Run, program: Path):
    wrong = example()
    next(ins for ins in wrong.text if ins.name == "ld.w").signals = ()
    write_npux(wrong, program)
    with pytest.raises(CompileError, match="wait for ever"):
        npu("sim", program)
    code, text = npu("check", program)
    assert code == 1 and "E-DEADLOCK" in text
    assert {f["class"] for f in checked(npu("check", program, "--json")[1])["findings"]} >= {"E-DEADLOCK"}


def test_a_program_on_another_machine(npu: Run, program: Path):
    assert "3,350 cycles" in npu("sim", program, "--machine", "edge")[1]
    with pytest.raises(CompileError, match=r"m.npux: made for another machine .* --force"):
        npu("sim", program, "--machine", "edge,dram.latency=300")
    assert "3,950 cycles" in npu("sim", program, "--machine", "edge,dram.latency=300", "--force")[1]
    with pytest.raises(CompileError, match="--force"):
        npu("check", program, "--machine", "gemmini-like")
    assert npu("check", program, "--machine", "edge,seq.queue_depth=2", "--force")[0] == 0


def test_conflicts_of_banks_are_counted_when_asked_for(npu: Run, program: Path):
    assert "3,350 cycles" in npu("sim", program, "--timing", "plain")[1]
    few = checked(npu("sim", program, "--timing", "banked", "--json")[1])["totals"]["cycles"]
    assert few == 3350, "the example's results are written a line a cycle"
    assert checked(npu("sim", program, "--json")[1])["totals"]["bank_conflicts"] is None
    assert "bank conflicts 0 cycles" in npu("sim", program, "--timing", "banked")[1]


def test_check_of_a_sound_program(npu: Run, program: Path):
    assert npu("check", program) == (0, "m: 21 instructions, 0 findings\n")
    found = checked(npu("check", program, "--slow", "--json")[1])["findings"]
    assert {f["class"] for f in found} == {"W-SERIAL"} and not any(f["error"] for f in found)


def test_check_explains_its_classes(npu: Run):
    assert "E-RACE" in npu("check", "--explain")[1]
    with pytest.raises(UsageError, match="expected a program"):
        npu("check")


def test_check_and_sim_take_assembly(npu: Run, program: Path):
    text = program.with_name("p.npuasm")
    npu("dis", program, "-o", text)
    assert npu("check", text, "--machine", "edge") == (0, "p: 21 instructions, 0 findings\n")
    assert "3,350 cycles" in npu("sim", text)[1]


def test_a_container_that_is_none(npu: Run, tmp_path: Path):
    (tmp_path / "x.npux").write_bytes(b"AICX")
    with pytest.raises(CompileError):
        npu("sim", tmp_path / "x.npux")
    with pytest.raises(UsageError, match="no program"):
        npu("check", tmp_path / "..")


def test_a_model_is_compiled_for_the_purpose(npu: Run, model: Path):
    document = checked(npu("sim", model, "--machine", "edge,vpu.lanes=64", "--report", "--json")[1])
    macs = {row["macs"] for row in document["layers"]}
    assert {64 * 27 * 16, 64 * 16 * 16, 160} <= macs
    assert any("/conv1" in name or "conv1" in name for name in document["layers"][0]["onnx"])
    assert document["totals"]["cycles"] == sum(row["cycles"] for row in document["layers"])
    assert sum(document["stalls"]["cycles"].values()) == document["totals"]["cycles"]
    assert model.with_name("small.report.html").exists()


def test_roofline_of_a_model_is_that_of_its_layers(npu: Run, model: Path):
    layers = checked(npu("roofline", model, "--json")[1])["layers"]
    assert sorted(row["macs"] for row in layers if row["macs"]) == [160, 64 * 16 * 16, 64 * 27 * 16]
    assert all(row["bound"] == max(row["array"], row["dram_fused"], row["vector"]) for row in layers)


def test_sweep_of_a_model(npu: Run, model: Path):
    rows = checked(npu("sweep", "edge", model, "--set", "array.rows=16,32", "--workers", 2, "--json")[1])["rows"]
    assert [row["error"] for row in rows] == [None, None]
    assert len({row["hash"] for row in rows}) == 2


def test_roofline_of_a_network_by_name(npu: Run, tmp_path: Path):
    code, text = npu("roofline", "resnet50", "--machine", "edge", "--svg", tmp_path / "r.svg")
    assert code == 0 and "fused 97.8 %" in text and "245.0 inferences/s" in text
    assert (tmp_path / "r.svg").read_text().startswith("<svg")
    document = checked(npu("roofline", "bert-base", "--machine", "tpu-v1-like", "--batch", 16, "--json")[1])
    assert round(document["totals"]["fused"], 1) == 62.2 and len(document["layers"]) == 96
    with pytest.raises(UsageError, match="has i8, bf16"):
        npu("roofline", "resnet50", "--type", "i16")
    with pytest.raises(UsageError, match="edgy"):
        npu("roofline", "resnet50", "--machine", "edgy")


def test_diff_fails_where_the_second_is_slower(npu: Run, program: Path):
    files = [program.with_name(f"{name}.report.json") for name in ("m", "n")]
    write_npux(example(1), program.with_name("n.npux"))
    for name in ("m", "n"):
        npu("sim", program.with_name(f"{name}.npux"), "--report")
    assert npu("diff", *files[::-1])[0] == 0
    with pytest.raises(RegressionError, match="slower by 55"):
        npu("diff", *files)
    assert npu("diff", *files, "--threshold", 60)[0] == 0
    code, text = npu("diff", *files, "--json")
    document = checked(text)
    assert (code, document["verdict"], document["totals"]["cycles"]) == (5, "slower", {"old": 3350, "new": 5212})
    files[0].write_text("[1]")
    with pytest.raises(UsageError, match="expected a report"):
        npu("diff", *files)


def test_sweep_has_a_row_for_every_machine(npu: Run, program: Path, monkeypatch: pytest.MonkeyPatch):
    machines: list[str] = []

    def measured(model: str, machine: str, batch: int, options: object):
        machines.append(machine)
        if "rows=7" in machine:
            raise UsageError("array.rows = 7: expected a multiple of 16")
        return real(program)

    real = sweep.measured
    monkeypatch.setattr(sweep, "measured", measured)
    argv = ("edge", "resnet50", "--set", "array.rows=16,7", "--set", "vpu.lanes=64,128")
    code, text = npu("sweep", *argv)
    assert code == 0 and "input %" in text and text.count("expected a multiple of 16") == 2
    assert machines[0] == "edge,array.rows=16,vpu.lanes=64" and len(machines) == 4
    rows = checked(npu("sweep", *argv, "--json")[1])["rows"]
    assert [bool(row["error"]) for row in rows] == [False, False, True, True]
    assert sum(rows[0]["stalls"].values()) == pytest.approx(100)
    with pytest.raises(UsageError, match="--set"):
        npu("sweep", "edge", "resnet50")


def test_goals_tell_what_was_reached(npu: Run, monkeypatch: pytest.MonkeyPatch):
    slow = (Slow("fc", 200_000, 80_039.0, "dram", "sync 120,000 of 200,000 cycles"),)

    def measure(case: Case) -> Reached:
        return Reached(case, 4_436_000, 1, 225.4, 88.0, 97.8, 90.0, {"useful": 88.0, "idle": 12.0}, slow)

    monkeypatch.setattr(goals, "measure", measure)
    code, text = npu("goals", "--preset", "edge", "--network", "resnet50")
    assert code == 5 and "NO" in text and "0.900" in text and "120,000 of 200,000" in text
    document = checked(npu("goals", "--preset", "davinci-like", "--json")[1])
    assert [case["batch"] for case in document["cases"]] == [1, 16] * 3
    assert document["geomean"] == pytest.approx(88.0 / 97.8)
