"""One artifact for several sizes: kernels and weights shared, each size right, others refused."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from aic.backends.target import Sized
from aic.backends.triton.host import family
from aic.backends.triton.sizes import share
from aic.compiler.context import context
from aic.compiler.driver import Options, compile_model
from aic.compiler.errors import CompileError, UsageError
from aic.compiler.session import InferenceSession
from onnx import TensorProto, helper
from xdsl.parser import Parser

MODULE = """
tile.kernel @k0(%x: !tile.view<f32, [4]>, %w: !tile.view<f32, [4]>, %y: !tile.view<f32, [4]>)
    attributes {{grid = affine_map<() -> (1)>}} {{
  %r = tile.arange 4 : tensor<4xi32>
  %v = tile.load %{read}[%r] bounds ["none"] : !tile.view<f32, [4]>[tensor<4xi32>] -> tensor<4xf32>
  tile.store %v, %y[%r] bounds ["none"] : tensor<4xf32>, !tile.view<f32, [4]>[tensor<4xi32>]
}}
func.func @main(%x: memref<4xf32>, %y: memref<4xf32>) {{
  %w = graph.weight @w0 : memref<4xf32>
  kernel.launch @k0(%x, %w, %y) : (memref<4xf32>, memref<4xf32>, memref<4xf32>) -> ()
  func.return
}}
"""


def part(n: int, read: str, weight: float) -> Sized:
    ctx = context()
    ctx.weights.add("w0", np.full(4, weight, np.float32))
    return Sized({"N": n}, ctx, Parser(ctx, MODULE.format(read=read)).parse_module())


@pytest.mark.parametrize(
    ("second", "kernels", "weights"),
    [(("x", 1.0), ["k0"], ["w0"]), (("w", 1.0), ["k0", "k0_1"], ["w0"]), (("x", 2.0), ["k0"], ["w0", "w0_1"])],
)
def test_what_is_equal_is_shared_and_what_is_not_has_another_name(second, kernels, weights):
    parts = [part(1, "x", 1.0), part(2, *second)]
    store = share(parts)
    made = family([(p.sizes, p.module) for p in parts])
    assert list(made.kernels) == kernels
    assert list(store) == weights
    assert made.weights.size == 256 * len(weights)
    assert [launch.kernel for p in made.programs for launch in p.launches] == [kernels[0], kernels[-1]]
    assert [made.symbols, *(p.sizes for p in made.programs)] == [("N",), {"N": 1}, {"N": 2}]


def attention_of_one() -> onnx.ModelProto:
    """A softmax over a symbolic axis between two products, and a constant made from the shape."""
    random = np.random.default_rng(0)
    weights = {name: random.standard_normal((8, 8)).astype(np.float32) for name in ("q", "k")}
    nodes = [
        helper.make_node("MatMul", ["x", "q"], ["a"]),
        helper.make_node("MatMul", ["x", "k"], ["b"]),
        helper.make_node("Transpose", ["b"], ["t"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["a", "t"], ["s"]),
        helper.make_node("Softmax", ["s"], ["p"], axis=-1),
        helper.make_node("MatMul", ["p", "x"], ["v"]),
        helper.make_node("ReduceMean", ["v"], ["y"], axes=[1], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "S", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 8])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


SIZES = tuple({"N": n, "S": s} for n, s in product((1, 3), (5, 16)))


def test_every_size_is_right_and_others_are_refused(tmp_path: Path):
    model = attention_of_one()
    made = compile_model(model, "triton", tmp_path / "made", Options(sizes=SIZES, kinds=("py",), name="net"))
    session = InferenceSession(made.folder)
    exact = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for dims in (*SIZES, *reversed(SIZES)):
        x = np.random.default_rng(1).standard_normal((dims["N"], dims["S"], 8)).astype(np.float32)
        (found,), (expected,) = session.run(None, {"x": x}), exact.run(None, {"x": x})
        np.testing.assert_allclose(found, expected, atol=1e-5)  # sums of 16 products of about 1
    with pytest.raises(UsageError, match=r"one of N=1, S=5; N=1, S=16; N=3, S=5; N=3, S=16, found \[2, 5, 8\]"):
        session.run(None, {"x": np.zeros((2, 5, 8), np.float32)})
    manifest = json.loads((made.folder / "manifest.json").read_text())
    assert [part["dims"] for part in manifest["sizes"]] == [*SIZES]
    assert manifest["inputs"][0]["shape"] == [3, 16, 8]
    assert manifest["weights"]["bytes"] == 512  # both once, each to 256 bytes
    assert (made.folder / "net.py").read_text().count("def launches") == 4


def test_other_targets_say_that_an_artifact_is_of_one_size():
    options = replace(Options(), sizes=SIZES[:2])
    with pytest.raises(CompileError, match="target c: an artifact is of one size"):
        compile_model(attention_of_one(), "c", None, options)
