"""`aic npu sim --step, --compare, --dump-layers`: the debugger by lines of text, layers against a reference."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from aic.tools._main import dispatch

from .schemas import checked

EXAMPLE = Path(__file__).parents[1] / "backends" / "npu" / "example.npuasm"


class Sim:
    """Runs `aic npu sim`: exit code, stdout, stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
        self.capsys, self.monkeypatch = capsys, monkeypatch

    def __call__(self, *argv: object, lines: str = "") -> tuple[int, str, str]:
        self.monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        code = dispatch(["npu", "sim", *map(str, argv)])
        return code, *self.capsys.readouterr()


@pytest.fixture
def sim(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Sim:
    return Sim(capsys, monkeypatch)


def test_steps_through_a_text_on_bytes_that_are_given(sim: Sim, tmp_path: Path):
    np.save(tmp_path / "a.npy", np.arange(32768, dtype=np.uint8))
    code, out, told = sim(EXAMPLE, "--step", "--input", f"A=@{tmp_path / 'a.npy'}", lines="s lda\np spad:4 u8[3]\nq\n")
    assert code == 0 and "random inputs (seed 0): B, P" in told
    assert out.splitlines()[0].startswith("next 0 @0: ld.w") and "[4 5 6]" in out


def test_a_conversation_ends_with_its_lines(sim: Sim):
    code, out, _ = sim(EXAMPLE, "--step", lines="c\n")
    assert code == 0 and out.splitlines()[-1] == "the end"
    assert sim(EXAMPLE, "--step", "--json")[0] == 2


def test_layers_agree_with_the_graph(sim: Sim, model: Path):
    code, out, _ = sim(model, "--compare", "aic-interp")
    assert code == 0 and "tensors agree with aic-interp; 0 are no ONNX tensor's" in out
    document = checked(sim(model, "--compare", "aic-interp", "--json")[1])
    assert len(document["compared"]) >= 3 and document["difference"] is None


def test_stops_at_the_first_layer_that_differs(sim: Sim, model: Path, tmp_path: Path):
    code = dispatch(["compile", str(model), "-t", "npu", "-o", str(tmp_path / "out"), "-q"])
    assert code == 0
    sim(model, "--dump-layers", tmp_path / "layers")
    index = checked((tmp_path / "layers" / "index.json").read_text())["tensors"]
    code, out, _ = sim(tmp_path / "out", "--compare", "aic-interp", "--model", model)
    assert code == 0, "an artifact, with the model that it was made of"
    wrong = index[1]
    stored = np.load(tmp_path / "layers" / wrong["file"])
    assert list(stored.shape) == wrong["shape"] and stored.dtype == np.int8
    stored = stored.transpose(0, 3, 1, 2)
    stored[0, 5, 0, 0] ^= 1
    network = stored.view(np.uint8) ^ 0x80 if wrong["unsigned"] else stored
    np.savez(tmp_path / "ref.npz", **{_tensor(model, wrong["name"]): network})
    code, _, told = sim(tmp_path / "out", "--compare", f"@{tmp_path / 'ref.npz'}", "--model", model)
    assert code == 4 and f"{wrong['name']} of layer" in told and "differs in 1 of" in told and "[0, 0, 0, 5]" in told
    code, out, _ = sim(tmp_path / "out", "--compare", f"@{tmp_path / 'ref.npz'}", "--model", model, "--json")
    assert code == 4 and checked(out)["difference"]["index"] == [0, 0, 0, 5]
    argv = ("--compare", f"@{tmp_path / 'ref.npz'}", "--model", model, "--tolerance", 1)
    assert sim(tmp_path / "out", *argv)[0] == 0
    code, out, _ = sim(model, *argv[:2], "--step", lines="c\nbt spad:0\nq\n")
    assert code == 4 and "stopped: " in out


def _tensor(model: Path, layer: str) -> str:
    """The ONNX tensor of a layer: what its last node makes."""
    import onnx

    return next(node.output[0] for node in onnx.load(model).graph.node if node.name == layer)


def test_what_cannot_be_compared_is_told(sim: Sim, tmp_path: Path):
    code, _, told = sim(EXAMPLE, "--compare", "ort")
    assert code == 2 and "--model M.onnx" in told
    code, _, told = sim(EXAMPLE, "--step", "--program", "none-such")
    assert code == 2 and "expected --program" in told
    code, _, told = sim(EXAMPLE, "--step", "--input", "Z=1")
    assert code == 2 and "no input 'Z'" in told
    np.save(tmp_path / "a.npy", np.zeros(40000, np.uint8))
    code, _, told = sim(EXAMPLE, "--step", "--input", f"A=@{tmp_path / 'a.npy'}")
    assert code == 2 and "expected 32768 bytes" in told


def test_aic_run_looks_into_a_program(capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path):
    program = tmp_path / "m.npux"
    assert dispatch(["compile", str(model), "-t", "npu", "-o", str(program), "-q"]) == 0
    flags = ["--trace", str(tmp_path / "t.json"), "--dump-layers", str(tmp_path / "layers")]
    assert dispatch(["run", str(program), *flags]) == 0
    assert checked((tmp_path / "t.json").read_text())["traceEvents"]
    assert checked((tmp_path / "layers" / "index.json").read_text())["tensors"]
    capsys.readouterr()
    assert dispatch(["run", str(model), *flags]) == 2
    assert "compile the model first" in capsys.readouterr().err


def test_check_tells_what_would_run_on_the_host(capsys: pytest.CaptureFixture[str], model: Path):
    assert dispatch(["check", str(model), "-t", "npu"]) == 0
    assert "0 host" in capsys.readouterr().out
    assert dispatch(["check", str(model), "-t", "npu", "--json"]) == 0
    assert checked(capsys.readouterr().out)["placement"]["left"] == []


def test_dumps_are_indexed(sim: Sim, tmp_path: Path):
    assert sim(EXAMPLE, "--dump-layers", tmp_path / "none")[0] == 0
    assert json.loads((tmp_path / "none" / "index.json").read_text())["tensors"] == []
