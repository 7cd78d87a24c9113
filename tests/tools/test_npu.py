"""`aic npu`: its commands are found; machines are shown, begun and checked; text becomes a container and comes back."""

from pathlib import Path

import pytest
from aic.backends.npu.emit.container import read_npux
from aic.backends.npu.machine import presets
from aic.tools._main import dispatch
from aic.tools.npu import names

from .schemas import checked

EXAMPLE = Path(__file__).parents[1] / "backends" / "npu" / "example.npuasm"


class Npu:
    """Runs a command line: exit code, stdout, stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str]):
        self.capsys = capsys

    def __call__(self, *argv: object) -> tuple[int, str, str]:
        code = dispatch(["npu", *map(str, argv)])
        return code, *self.capsys.readouterr()


@pytest.fixture
def npu(capsys: pytest.CaptureFixture[str]) -> Npu:
    return Npu(capsys)


def test_commands_are_found_and_help_lists_them(npu: Npu):
    assert {"presets", "show", "init", "validate", "asm", "dis"} <= set(names())
    code, text, _ = npu("--help")
    assert code == 0 and all(name in text for name in names())


def test_no_and_unknown_commands_are_usage_errors(npu: Npu):
    assert npu()[0] == 2
    assert npu("nonsense")[0] == 2
    assert npu("presets", "--jsn")[0] == 2


def test_presets(npu: Npu):
    code, text, _ = npu("presets")
    assert code == 0 and len(text.splitlines()) == 1 + len(presets())
    document = checked(npu("presets", "--json")[1])
    found = {machine["name"]: machine for machine in document["machines"]}
    assert found["edge"]["peak_tops"]["i8"] == 2.048 and found["edge"]["ridge_macs_per_byte"] == 40
    assert found["tpu-v1-like"]["peak_tops"]["i8"] == 91.75 and found["tpu-v1-like"]["ridge_macs_per_byte"] == 1349.3
    assert checked(npu("--json", "presets")[1]) == document


def test_show_prints_a_machine_file(npu: Npu, tmp_path: Path):
    code, text, _ = npu("show", "edge,array.rows=16")
    assert code == 0 and "# peak_tops" in text
    (tmp_path / "m.toml").write_text(text)
    assert npu("validate", tmp_path / "m.toml")[0] == 0
    assert checked(npu("show", "davinci-like", "--json")[1])["array"] == "32x16x16"
    code, _, told = npu("show", "none-such")
    assert code == 2 and "expected a preset" in told


def test_init_then_validate(npu: Npu, tmp_path: Path):
    file = tmp_path / "my.toml"
    assert checked(npu("init", file, "--preset", "gemmini-like", "--json")[1])["preset"] == "gemmini-like"
    assert npu("init", file)[0] == 2, "what exists is not overwritten"
    assert npu("validate", file)[0] == 0
    file.write_text(file.read_text().replace("rows = 16", "rows = 24").replace("burst = 64", "burst = 65"))
    code, text, _ = npu("validate", file)
    assert code == 1 and "array.rows = 24: expected a multiple of 16" in text and "dma.burst = 65" in text
    assert len(checked(npu("validate", file, "--json")[1])["violations"]) >= 2
    assert npu("init", tmp_path / "n.toml", "--preset", "none-such")[0] == 2
    assert npu("validate", tmp_path / "none.toml")[0] == 2


def test_asm_and_dis(npu: Npu, tmp_path: Path):
    binary = tmp_path / "p.npux"
    assert checked(npu("asm", EXAMPLE, "-o", binary, "--json")[1])["bytes"] == binary.stat().st_size
    assert read_npux(binary).machine.name == "edge"
    code, text, _ = npu("dis", binary)
    assert code == 0
    (again := tmp_path / "q.npuasm").write_text(text)
    assert npu("asm", again, "-q")[0] == 0
    assert again.with_suffix(".npux").read_bytes() == binary.read_bytes()
    assert checked(npu("dis", binary, "--json")[1])["text"] == text
    assert checked(npu("dis", binary, "-o", tmp_path / "r", "--json")[1])["output"] == str(tmp_path / "r")
    assert (tmp_path / "r").read_text() == text


@pytest.mark.parametrize("verb", ["dis", "check", "sim", "asm"])
def test_a_program_that_is_not_there_is_a_mistake_of_usage(npu: Npu, tmp_path: Path, verb: str):
    file = tmp_path / "none.npux"
    code, _, told = npu(verb, file)
    assert code == 2 and told.count("none.npux") == 1 and "o such file" in told


def test_what_cannot_be_read_is_told(npu: Npu, tmp_path: Path):
    (bad := tmp_path / "bad.npuasm").write_text("mm x=spad:8\nhalt\n")
    code, _, told = npu("asm", bad)
    assert code == 1 and "line 1, column 11" in told and not bad.with_suffix(".npux").exists()
    (bad := tmp_path / "end.npuasm").write_text("mark.mxu id=1\n")
    code, _, told = npu("asm", bad)
    assert code == 1 and "expected one halt" in told
    (bad := tmp_path / "bad.npux").write_bytes(b"nonsense" * 9)
    code, _, told = npu("dis", bad)
    assert code == 1 and "magic" in told
    assert npu("dis", tmp_path)[0] == 1
    code, _, told = npu("asm", EXAMPLE, "-o", tmp_path / "nowhere" / "p.npux")
    assert code == 2 and f"{tmp_path / 'nowhere'}: there is no such folder" in told
