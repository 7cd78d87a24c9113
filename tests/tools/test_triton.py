"""The commands on the Triton target: text without triton, runs in numpy, binaries and what they are like."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from .command import told
from .schemas import checked

pytestmark = pytest.mark.usefixtures("dense_folder")
TRITON = "triton,arch=sm_90,precision=f16"
binaries = pytest.mark.skipif(not find_spec("triton") or not shutil.which("cc"), reason="needs triton and a C compiler")


def test_text_needs_no_triton(capsys):
    code, _, err = told(capsys, "compile", "dense.onnx", "--dim", "N=3", "-t", TRITON, "-o", "art", "--no-cache")
    assert code == 0 and "target triton, f16, 3 nodes" in err
    manifest = checked(Path("art/manifest.json").read_text())
    assert manifest["machine"]["sms"] == 132
    text = Path("art/model.py").read_text()
    assert text.count("@triton.jit") == len(manifest["kernels"])
    told(capsys, "compile", "dense.onnx", "--dim", "N=3", "-t", TRITON, "--emit", "py", "-o", "-")
    assert told(capsys, "compile", "dense.onnx", "--dim", "N=3", "-t", TRITON, "--emit", "py", "-o", "-")[1] == text


def test_an_artifact_of_several_sizes_runs_each(capsys):
    code, _, _ = told(capsys, "compile", "dense.onnx", "--dim", "N=1,3", "-t", TRITON, "-o", "art", "--no-cache")
    assert code == 0
    checked(Path("art/manifest.json").read_text())
    assert checked(told(capsys, "inspect", "art", "--json")[1])["sizes"] == [{"N": 1}, {"N": 3}]
    assert "sizes         N=1; N=3;" in told(capsys, "inspect", "art")[1]
    assert told(capsys, "run", "art", "--input", "x=@x.npy", "--expect", "@y.npz", "--atol", "4e-3")[0] == 0
    np.save("x2.npy", np.load("x.npy")[:2])
    code, _, err = told(capsys, "run", "art", "--input", "x=@x2.npy")
    assert code == 2 and "expected the shapes of one of N=1; N=3, found [2, 4]" in err
    code, _, err = told(capsys, "run", "dense.onnx", "--dim", "N=1,3")
    assert code == 2 and "several are for `aic compile`" in err


def test_run_and_compare_say_that_numpy_runs(capsys):
    args = ("--input", "x=@x.npy", "-t", TRITON, "--no-cache")
    code, _, err = told(capsys, "run", "dense.onnx", *args, "--expect", "@y.npz", "--atol", "4e-3", "-v")
    assert code == 0 and "its machine is not at hand; model.mlir runs in numpy" in err
    document = checked(told(capsys, "compare", "dense.onnx", *args, "--ref", "onnx-ref", "--json")[1])
    assert document["ok"]


def test_a_setting_that_there_is_not_is_a_mistake_of_usage(capsys):
    code, _, err = told(capsys, "compile", "dense.onnx", "-t", "triton,arch=sm_70", "--dim", "N=3")
    assert code == 2 and "expected an arch of sm_80, sm_90" in err


def test_without_a_gpu_nothing_is_timed(capsys):
    code, out, err = told(capsys, "bench", "dense.onnx", "--dim", "N=3", "-t", TRITON)
    assert code != 0 and not out and "there is no GPU here" in err and "aic gpu" in err
    told(capsys, "compile", "dense.onnx", "--dim", "N=3", "-t", TRITON, "--emit", "py", "-o", "art", "--no-cache")
    assert "there is no GPU here" in told(capsys, "bench", "art")[2]


@binaries
def test_inspect_tells_of_binaries(capsys):
    args = ("compile", "dense.onnx", "--dim", "N=64", "-t", TRITON, "--emit", "so", "--emit", "ptx", "-o", "art")
    assert told(capsys, *args, "--no-cache")[0] == 0
    manifest = checked(Path("art/manifest.json").read_text())
    assert manifest["library"] == "model_gpu.so"
    names = {kernel["name"] for kernel in manifest["kernels"]}
    assert {f.name for f in Path("art/ptx").iterdir()} == {f"{n}.{a}.ptx" for n in names for a in ("sm_80", "sm_90")}
    document = checked(told(capsys, "inspect", "art", "--json")[1])
    assert {(row["kernel"], row["arch"]) for row in document["binaries"]} >= {(n, "sm_80") for n in names}
    assert "registers" in told(capsys, "inspect", "art")[1]
    code, out, _ = told(capsys, "run", "art", "--input", f"x={','.join(['0.5'] * 256)}", "--json", "--no-cache")
    assert code == 0 and json.loads(out)["outputs"][0]["shape"] == [64, 40]
