"""The host's part of a model: text, weights, and its evaluation round the launches."""

import ml_dtypes
import numpy as np
import pytest
from aic.backends.npu.host.host import Host, host_text, load_weights, save_weights
from aic.backends.target import TargetError
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from xdsl.parser import Parser

LAUNCHED = """
func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> attributes {arg_names = ["secret"]} {
  %w = graph.weight @secret : tensor<2x3xf32>
  %named = graph.add %x, %w : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %y = kernel.launch @npu0(%named) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  func.return %y : tensor<2x3xf32>
}
kernel.func @npu0(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %y = graph.relu %x : (tensor<2x3xf32>) -> tensor<2x3xf32>
  kernel.return %y : tensor<2x3xf32>
}
"""
LOOP = """
func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
  %one = graph.constant dense<1.0> : tensor<3xf32>
  %y = graph.loop %x ({
  ^bb0(%i: tensor<i64>, %s: tensor<3xf32>):
    %t = graph.add %s, %one : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
    graph.yield %t : tensor<3xf32>
  }) {steps = 4 : i64} : (tensor<3xf32>) -> tensor<3xf32>
  func.return %y : tensor<3xf32>
}
"""


def parsed(text):
    ctx = context()
    return ctx, Parser(ctx, text).parse_module()


def test_the_host_runs_what_is_left_of_main():
    ctx, module = parsed(LAUNCHED)
    ctx.weights.add("secret", np.arange(6, dtype=np.float32).reshape(2, 3) - 4)
    text, names = host_text(module)
    assert "secret" not in text and "named" not in text and "npu0" in text
    seen = []

    def launch(name, arguments, kinds):
        assert kinds == [np.float32]
        seen.append(name)
        return [np.maximum(arguments[0], 0)]

    host = Host(text, load_weights(save_weights(names, ctx.weights), "w"), launch)
    x = np.ones((2, 3), np.float32)
    assert np.array_equal(host([x])[0], interpret(ctx, module, [x])[0])
    assert seen == ["npu0"]


def test_regions_run_too():
    ctx, module = parsed(LOOP)
    text, _ = host_text(module)
    x = np.array([1, 2, 3], np.float32)
    assert np.array_equal(Host(text, {}, lambda *_: [])([x])[0], interpret(ctx, module, [x])[0])


def test_weights_of_types_that_numpy_does_not_know_come_back():
    ctx, module = parsed("""
func.func @main() -> tensor<2x64xbf16> {
  %w = graph.weight @w : tensor<2x64xbf16>
  func.return %w : tensor<2x64xbf16>
}
""")
    array = np.arange(128).reshape(2, 64).astype(ml_dtypes.bfloat16)
    ctx.weights.add("w", array)
    text, names = host_text(module)
    data = save_weights(names, ctx.weights)
    assert data == save_weights(names, ctx.weights)
    assert np.array_equal(Host(text, load_weights(data, "w"), lambda *_: [])([])[0], array)


def test_a_launch_that_answers_another_shape_is_told():
    _, module = parsed(LAUNCHED)
    text, _ = host_text(module)
    host = Host(text, {"w0": np.zeros((2, 3), np.float32)}, lambda *_: [np.zeros((3, 3), np.float32)])
    with pytest.raises(TargetError, match=r"expected tensor<2x3xf32>, found float32\[3, 3\]"):
        host([np.zeros((2, 3), np.float32)])


def test_damaged_weights_are_refused():
    with pytest.raises(TargetError, match="cannot be read"):
        load_weights(b"PK\x03\x04 nothing of the kind", "model.npz")
