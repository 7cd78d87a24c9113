"""What the texts say can be done: every command line in them is one that parses, and those that are quick run."""

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import aic
import numpy as np
import onnx
import pytest
from aic.compiler.npu.networks import Vision
from aic.tools._main import dispatch, names, parser_of

ROOT = Path(aic.__file__).parent
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LONG = ("npu goals", "bench")
"""Commands that take long."""
NEEDED = {"ort": "onnxruntime"}
pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="needs the sources")


def blocks(file: Path, kind: str = "") -> list[str]:
    """The fenced blocks of a kind."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", file.read_text(encoding="utf8"), re.MULTILINE | re.DOTALL)
    return [text for name, text in found if name == kind]


def lines(file: Path) -> list[str]:
    """The command lines in a text's plain blocks, without comments."""
    found = [line.split("  #")[0].strip() for block in blocks(file) for line in block.splitlines()]
    return [line for line in found if re.match(r"(aic|printf) ", line)]


def arguments(line: str) -> list[str]:
    """The words after `aic`, up to what comes after it."""
    words = shlex.split(line[line.index("aic ") :])[1:]
    return words[: words.index("&&")] if "&&" in words else words


def write_files(text: Path, folder: Path) -> list[Path]:
    """Write the blocks of a text that begin with a file's name, `# relus.py` or `// file.mlir`, into the folder."""
    found = re.findall(r"^```\w+\n(?:#|//) ([\w.]+)\n(.*?)^```$", text.read_text("utf8"), re.MULTILINE | re.DOTALL)
    for name, block in found:
        (folder / name).write_text(block)
    return [folder / name for name, _ in found]


@pytest.mark.parametrize("line", sorted({line for file in TEXTS for line in lines(file)}))
def test_commands_are_ones_that_there_are(line: str):
    name, *rest = arguments(line)
    assert name in names()
    parser_of(name).parse_args(rest)


def any_size() -> onnx.ModelProto:
    """A network of two symbolic dimensions."""
    value = onnx.helper.make_tensor_value_info
    x, y = (value(name, onnx.TensorProto.FLOAT, ["N", "S", 8]) for name in "xy")
    nodes = [onnx.helper.make_node("Softmax", ["x"], ["y"])]
    graph = onnx.helper.make_graph(nodes, "text", [x], [y])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what the texts presume: model.onnx, text.onnx, x.npy, product.npuasm, file.mlir."""
    net = Vision()
    x = net.rectified(net.spread("x", "x.in", (1, 3, 16, 16), 1.0), "conv1", 16, 3, 2)
    onnx.save(net.model("model", {"x": (1, 3, 16, 16)}, net.head(x, 10)), tmp_path / "model.onnx")
    onnx.save(any_size(), tmp_path / "text.onnx")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((1, 3, 16, 16)).astype(np.float32))
    (tmp_path / "product.npuasm").write_text(blocks(ROOT / "docs" / "npu-program.md", "npuasm")[0])
    (tmp_path / "file.mlir").write_text("builtin.module {\n}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.name)
def test_the_commands_of_a_text_run_in_order(file: Path, folder: Path, capsys: pytest.CaptureFixture[str]):
    write_files(file, folder)
    for line in lines(file):
        words = arguments(line)
        if " ".join(words).startswith(LONG) or "project" in words or line.startswith("printf"):
            continue
        if "so" in words and not find_spec("triton"):
            continue
        if {"tune", "--tuned"} & {*words} and any(word.startswith("triton") for word in words):
            continue  # every candidate is compiled
        if "--compare" in words and (needed := NEEDED.get(words[words.index("--compare") + 1])):
            pytest.importorskip(needed)
        assert dispatch(words) == 0, (line, capsys.readouterr().err)
        capsys.readouterr()


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.name)
def test_the_programs_of_a_text_run(file: Path, folder: Path):
    for program in (f for f in write_files(file, folder) if f.suffix == ".py"):
        found = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120)
        assert found.returncode == 0, found.stderr


def test_the_program_by_hand(folder: Path, capsys: pytest.CaptureFixture[str]):
    text, example = folder / "product.npuasm", ROOT / "tests" / "backends" / "npu" / "example.npuasm"
    assert text.read_text() == example.read_text()
    manual = (ROOT / "docs" / "npu-program.md").read_text(encoding="utf8")
    for name, told in (("init 2", "3,350"), ("init 1", "5,212")):
        text.write_text(example.read_text().replace("init 2", name))
        assert dispatch(["npu", "sim", str(text)]) == 0
        assert f"{told} cycles" in capsys.readouterr().out and told in manual


def test_a_conversation_with_the_debugger(folder: Path):
    (line,) = (line for line in lines(ROOT / "docs" / "npu-program.md") if line.startswith("printf"))
    assert dispatch(["npu", "asm", "product.npuasm", "-o", "product.npux", "-q"]) == 0
    spoken = shlex.split(line)[1].encode().decode("unicode_escape")
    command = [sys.executable, "-m", "aic", *arguments(line)]
    found = subprocess.run(command, input=spoken, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stderr
    assert "stopped: instruction 9" in found.stdout and "nothing has written it" in found.stdout


def test_what_the_text_on_loops_shows_is_what_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]):
    text = ROOT / "docs" / "loops.md"
    write_files(text, folder)
    pair = r"^```\n(aic opt [^\n]*)\n```\n\n```(?:mlir|text)\n(?!//)(.*?)^```$"
    shown = re.findall(pair, text.read_text("utf8"), re.MULTILINE | re.DOTALL)
    assert len(shown) > 3
    for line, wanted in shown:
        assert dispatch(arguments(line)) == 0
        printed = iter([row.strip() for row in capsys.readouterr().out.splitlines()])
        assert not [row for row in wanted.splitlines() if row.strip() not in printed], line


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path):
    text = file.read_text(encoding="utf8")
    near = [target for target in re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", text) if "://" not in target]
    assert all((file.parent / target).exists() for target in near if target)
    named = re.findall(r"`((?:docs|tests|tools|backends|compiler|passes|dialects)/[\w./-]+)`", text)
    assert not [path for path in named if not (ROOT / path).exists()]
