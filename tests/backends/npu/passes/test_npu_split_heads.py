"""Attention in groups of heads gives the same numbers, and each group is computed from its own weights."""

import math

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.compiler.weights import random_weights
from aic.dialects._shape import shape
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

PASSES = "npu-split-heads{{machine={}}},fold-constants{{keep=dequantize}},drop-redundant,cancel-inverse,dce"


def run(text: str, machine: str) -> ModuleOp:
    """The module after the pass, which keeps its meaning up to the order of sums; scores are of the order of 1."""
    ctx = context()
    module = Parser(ctx, text).parse_module()
    random_weights(ctx, module, 0)
    (func,) = module.ops
    rng = np.random.default_rng(0)
    inputs = [0.1 * rng.standard_normal(shape(a)).astype(np.float32) for a in func.body.block.args]
    before = interpret(ctx, module, inputs)
    run_pipeline(ctx, module, PASSES.format(machine), verify_each=True)
    for a, b in zip(interpret(ctx, module, inputs), before, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4)
    return module


def shapes(module: ModuleOp, name: str) -> list[tuple[int, ...]]:
    return [shape(op.results[0]) for op in module.walk() if op.name == f"graph.{name}"]


def apart(rows: int, heads: int = 4) -> str:
    """Attention over `rows` of x [1, rows, 128]; q, k and v by matrices of their own, with biases and a mask."""
    x, cut = f"tensor<1x{rows}x128xf32>", f"tensor<1x{rows}x{heads}x{128 // heads}xf32>"
    turned = f"tensor<1x{heads}x{rows}x{128 // heads}xf32>"
    transposed = f"tensor<1x{heads}x{128 // heads}x{rows}xf32>"
    scores = f"tensor<1x{heads}x{rows}x{rows}xf32>"
    perm = {"q": "0, 2, 1, 3", "k": "0, 2, 3, 1", "v": "0, 2, 1, 3"}
    types = {"q": turned, "k": transposed, "v": turned}
    lines = [
        f"""
        %w{n} = graph.weight @w{n} : tensor<128x128xf32>
        %b{n} = graph.weight @b{n} : tensor<128xf32>
        %{n}0 = graph.matmul %x, %w{n} : ({x}, tensor<128x128xf32>) -> {x}
        %{n}1 = graph.add %{n}0, %b{n} : ({x}, tensor<128xf32>) -> {x}
        %{n}2 = graph.reshape %{n}1 {{shape = array<i64: 1, {rows}, {heads}, {128 // heads}>}} : ({x}) -> {cut}
        %{n} = graph.transpose %{n}2 {{perm = array<i64: {perm[n]}>}} : ({cut}) -> {types[n]}"""
        for n in "qkv"
    ]
    return f"""
      func.func @main(%x: {x}, %mask: tensor<1x1x1x{rows}xf32>) -> {x} {{{"".join(lines)}
        %c = graph.constant dense<{1 / math.sqrt(128 // heads)}> : tensor<f32>
        %s0 = graph.matmul %q, %k : ({turned}, {transposed}) -> {scores}
        %s1 = graph.mul %s0, %c : ({scores}, tensor<f32>) -> {scores}
        %s2 = graph.add %s1, %mask : ({scores}, tensor<1x1x1x{rows}xf32>) -> {scores}
        %s = graph.softmax %s2 {{axis = -1 : i64}} : ({scores}) -> {scores}
        %y0 = graph.matmul %s, %v : ({scores}, {turned}) -> {turned}
        %y1 = graph.transpose %y0 {{perm = array<i64: 0, 2, 1, 3>}} : ({turned}) -> {cut}
        %y2 = graph.reshape %y1 {{shape = array<i64: 1, {rows}, 128>}} : ({cut}) -> {x}
        %wy = graph.weight @wy : tensor<128x128xf32>
        %y = graph.matmul %y2, %wy : ({x}, tensor<128x128xf32>) -> {x}
        func.return %y : {x}
      }}"""


def test_groups_of_heads() -> None:
    module = run(apart(256), "gemmini-like")  # a head takes 180 KB of 256
    assert shapes(module, "softmax") == [(1, 1, 256, 256)] * 4
    assert shapes(module, "matmul").count((1, 256, 32)) == 12 and shapes(module, "concat") == [(1, 256, 128)]
    assert not shapes(module, "slice")


def test_what_has_room_stays() -> None:
    assert shapes(run(apart(128), "edge"), "softmax") == [(1, 4, 128, 128)]
    assert not shapes(run(apart(16), "gemmini-like"), "concat")


@pytest.mark.parametrize("rows", [256])
def test_one_matrix_for_queries_keys_and_values(rows: int) -> None:
    x, three, cut = f"tensor<1x{rows}x64xf32>", f"tensor<1x{rows}x192xf32>", f"tensor<1x{rows}x3x4x16xf32>"
    turned, one, head = f"tensor<3x1x4x{rows}x16xf32>", f"tensor<1x1x4x{rows}x16xf32>", f"tensor<1x4x{rows}x16xf32>"
    scores, transposed = f"tensor<1x4x{rows}x{rows}xf32>", f"tensor<1x4x16x{rows}xf32>"
    parts = [
        f"""
        %{n}0 = graph.slice %t {{offsets = array<i64: {i}, 0, 0, 0, 0>, sizes = array<i64: 1, 1, 4, {rows}, 16>,
          strides = array<i64: 1, 1, 1, 1, 1>}} : ({turned}) -> {one}
        %{n} = graph.reshape %{n}0 {{shape = array<i64: 1, 4, {rows}, 16>}} : ({one}) -> {head}"""
        for i, n in enumerate("qkv")
    ]
    text = f"""
      func.func @main(%x: {x}) -> {head} {{
        %w = graph.weight @w : tensor<64x192xf32>
        %m = graph.matmul %x, %w : ({x}, tensor<64x192xf32>) -> {three}
        %r = graph.reshape %m {{shape = array<i64: 1, {rows}, 3, 4, 16>}} : ({three}) -> {cut}
        %t = graph.transpose %r {{perm = array<i64: 2, 0, 3, 1, 4>}} : ({cut}) -> {turned}{"".join(parts)}
        %kt = graph.transpose %k {{perm = array<i64: 0, 1, 3, 2>}} : ({head}) -> {transposed}
        %s0 = graph.matmul %q, %kt : ({head}, {transposed}) -> {scores}
        %s = graph.softmax %s0 {{axis = -1 : i64}} : ({scores}) -> {scores}
        %y = graph.matmul %s, %v : ({scores}, {head}) -> {head}
        func.return %y : {head}
      }}"""
    module = run(text, "gemmini-like")
    assert (
        shapes(module, "softmax") == [(1, 1, rows, rows)] * 4 or shapes(module, "softmax") == [(1, 2, rows, rows)] * 2
    )
    assert not shapes(module, "slice") and not shapes(module, "matmul").count((1, rows, 192))
