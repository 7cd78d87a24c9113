"""Each pattern of `networks.py` computes what onnxruntime computes node by node, at the graph and tensor level
and in C. The C compiles without a warning, writes all of its outputs and nothing beside its buffers."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from aic.compiler.driver import Options, compile_model
from aic.compiler.interpret import interpret
from onnx import ModelProto

from .networks import NETWORKS, Arrays

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
STRICT = ("-std=gnu11", "-O2", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fwrapv",
          "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared")  # fmt: skip
GUARD = 4096


def expected(model: ModelProto, inputs: Arrays) -> list[np.ndarray]:
    """onnxruntime's outputs. Its optimisations stay off: fused int8 convolutions saturate on some CPUs."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, inputs)


def expect_equal(name: str, found: list[np.ndarray], wanted: list[np.ndarray]) -> None:
    """Sums of a few hundred float32 in another order differ by some 1e-6 of the largest value."""
    assert len(found) == len(wanted)
    for got, want in zip(found, wanted, strict=True):
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        if name == "quantized":  # a sum next to a tie may round to the other neighbour: one step of 0.05
            wrong = np.abs(got - want) > 1e-5
            assert wrong.mean() <= 0.01 and np.abs(got - want).max() < 0.051
        else:
            scale = np.abs(want).max()
            np.testing.assert_allclose(got, want, rtol=0, atol=2e-6 * scale)


def guarded(data: bytes, size: int) -> tuple["ctypes.Array[ctypes.c_char]", int]:
    """A buffer with `data` (or all bits set, which is a NaN) between guards, and the aligned address of its middle."""
    whole = ctypes.create_string_buffer(b"\xa5" * (size + 2 * GUARD + 64), size + 2 * GUARD + 64)
    start = ctypes.addressof(whole) + GUARD
    start += -start % 64
    ctypes.memmove(start, data.ljust(size, b"\xff"), size)
    return whole, start


def run_guarded(library: Path, inputs: list[np.ndarray], outputs: list[np.ndarray], arena: int) -> list[np.ndarray]:
    """NAME_run between guards: they, and the inputs, are as before."""
    sizes = [*(a.nbytes for a in (*inputs, *outputs)), max(arena, 64)]
    contents = [a.tobytes() for a in inputs] + [b""] * (len(outputs) + 1)
    buffers = [guarded(data, size) for data, size in zip(contents, sizes, strict=True)]
    assert ctypes.CDLL(str(library)).model_run(*(ctypes.c_void_p(start) for _, start in buffers)) == 0
    for (whole, start), size in zip(buffers, sizes, strict=True):
        offset = start - ctypes.addressof(whole)
        assert not whole.raw[:offset].strip(b"\xa5") and not whole.raw[offset + size :].strip(b"\xa5")
    after = [ctypes.string_at(start, size) for (_, start), size in zip(buffers, sizes, strict=True)]
    assert after[: len(inputs)] == contents[: len(inputs)]
    written = zip(after[len(inputs) :], outputs, strict=False)
    return [np.frombuffer(data, like.dtype).reshape(like.shape) for data, like in written]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_at_every_level(name: str, tmp_path: Path):
    model, inputs = NETWORKS[name]()
    wanted, seen = expected(model, inputs), list[str]()

    def stage(level: str, ctx, module) -> None:
        if level in ("graph", "tensor"):
            expect_equal(name, interpret(ctx, module, inputs), wanted)
            seen.append(level)

    options = Options(kinds=("c",), weights="embed", stage=stage)
    made = compile_model(model, "c", tmp_path / "out", options)
    assert seen == ["graph", "tensor"]
    memory = made.manifest["memory"]
    assert isinstance(memory, dict) and memory["arena_bytes"] <= 1.1 * memory["lower_bound_bytes"]
    sources = sorted(p.name for p in made.folder.glob("*.c"))
    subprocess.run(["cc", *STRICT, "-o", "all.so", *sources, "-lm"], cwd=made.folder, check=True, timeout=120)
    found = run_guarded(made.folder / "all.so", list(inputs.values()), wanted, memory["arena_bytes"])
    expect_equal(name, found, wanted)
    text = "".join((made.folder / source).read_text() for source in (*sources, "model.h"))
    assert "layer" not in text and "\U0001f642" not in text, "a name of the model in the C"


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "NC4HW4", "NC8HW8"])
@pytest.mark.parametrize("name", ["inverted_residual", "shuffle", "squeeze_and_excite", "dilated_pyramid"])
def test_a_network_in_a_layout(name: str, layout: str, tmp_path: Path):
    """Channels do not divide, and some are fewer than a block."""
    model, inputs = NETWORKS[name]()
    made = compile_model(model, "c", tmp_path / "out", Options(settings={"layout": layout}, cflags=("-O1",)))
    expect_equal(name, made.load()(list(inputs.values())), expected(model, inputs))
