"""model.py under the interpreter of Triton, without torch: launches, places, weights; and without triton, its text."""

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aic.backends.triton.host_python import source
from aic.backends.triton.program import Family, Launch, Place, Port, Program
from aic.dialects.graph._blob import Blob

from ._kernels import ADD, MATMUL, SOFTMAX

HERE = Path(__file__).parent
W = 64 * 128 * 2
PROGRAM = Program(
    "net",
    {kernel.name: kernel for kernel in (MATMUL, SOFTMAX, ADD)},
    (
        Launch(
            MATMUL.name,
            (Place("input", 0, W), Place("weight", 0, 2 * W), Place("weight", 2 * W, 256), Place("arena", 0, W)),
            (1, 2, 1),
            ("fc1", "relu1"),
        ),
        Launch(SOFTMAX.name, (Place("arena", 0, W), Place("arena", W, W)), (8, 1, 1), ("probabilities",)),
        Launch(
            ADD.name,
            (Place("arena", 0, W), Place("arena", W + W // 2, W // 2), Place("output", 0, W // 2)),
            (4, 1, 1),
        ),
    ),
    (Port("x", "float16", (64, 128), W),),
    (Port("y", "float16", (4096,), W // 2),),
    2 * W,
    2 * W,
    Blob((), {}, 2 * W + 256),
)


def test_the_text_says_what_is_launched_on_which_bytes():
    text = source(Family((PROGRAM,)))
    assert [n.name for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)][:3] == list(PROGRAM.kernels)
    assert "        # fc1, relu1\n        (matmul_bias_relu, (1, 2, 1), dict(M=64" in text
    assert "m.weight('float16', 32768, 256), m.arena('float16', 0, 16384)" in text
    assert max(map(len, text.splitlines())) <= 240


def test_a_model_of_several_sizes_runs_the_one_that_fits(tmp_path):
    pytest.importorskip("triton")
    half = Place("input", 0, W // 2), Place("arena", 0, W // 2), Place("output", 0, W // 2)
    small = replace(
        PROGRAM,
        launches=(Launch(ADD.name, (half[0], half[0], half[2]), (4, 1, 1)),),
        kernels={ADD.name: ADD},
        inputs=(Port("x", "float16", (32, 128), W // 2),),
        sizes={"N": 32},
    )
    random = np.random.default_rng(0)
    x = random.standard_normal((32, 128)).astype(np.float16)
    text = source(Family((small, replace(PROGRAM, sizes={"N": 64}))))
    assert "SIZES = [{'N': 32}, {'N': 64}]" in text
    (tmp_path / "net.py").write_text(text)
    (tmp_path / "net.weights").write_bytes(bytes(PROGRAM.weights.size))
    np.savez(tmp_path / "inputs.npz", x)
    interpreted(tmp_path)
    with np.load(tmp_path / "outputs.npz") as made:
        np.testing.assert_array_equal(made["arr_0"], np.maximum(x + x, 0).reshape(-1))
    np.savez(tmp_path / "inputs.npz", x[:16])
    with pytest.raises(AssertionError, match="expected inputs of one of the sizes"):
        interpreted(tmp_path)


def interpreted(folder: Path) -> None:
    """Run net.py of a folder under the interpreter of Triton."""
    line = ["env", "TRITON_INTERPRET=1", sys.executable, str(HERE / "_interpreted.py"), str(folder), "net"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_it_computes_what_its_kernels_mean(tmp_path):
    pytest.importorskip("triton")
    random = np.random.default_rng(0)
    x = random.standard_normal((64, 128)).astype(np.float16)
    w = (random.standard_normal((128, 128)) / 11).astype(np.float16)
    bias = random.standard_normal(128).astype(np.float16)
    (tmp_path / "net.py").write_text(source(Family((PROGRAM,))))
    (tmp_path / "net.weights").write_bytes(w.tobytes() + bias.tobytes())
    np.savez(tmp_path / "inputs.npz", x)
    interpreted(tmp_path)
    with np.load(tmp_path / "outputs.npz") as made:
        found = made["arr_0"].astype(np.float64)
    hidden = np.maximum(x.astype(np.float64) @ w + bias, 0).astype(np.float16).astype(np.float64).reshape(8, 1024)
    exp = np.exp(hidden - hidden.max(1, keepdims=True))
    soft = (exp / exp.sum(1, keepdims=True)).reshape(-1)
    expected = np.maximum(hidden.reshape(-1)[:4096] + soft[4096:], 0)
    np.testing.assert_allclose(found, expected, atol=4e-3)  # f16 rounds hidden values of up to 8 by 2^-8 / 2
