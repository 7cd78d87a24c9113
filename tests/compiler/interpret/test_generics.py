"""linalg on whole arrays against numpy, one test for each way a generic is evaluated."""

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.errors import InterpretError
from aic.compiler.interpret import interpret
from numpy.lib.stride_tricks import sliding_window_view
from xdsl.parser import Parser

RNG = np.random.default_rng(0)


def run(text, *inputs, hook=None, weights=()):
    ctx = context()
    for name, array in dict(weights).items():
        ctx.weights.add(name, array)
    module = Parser(ctx, text).parse_module()
    module.verify()
    return interpret(ctx, module, inputs, hook=hook)


def generic(sizes, maps, iterators, body, inputs, output, init="dense<0.0>"):
    """@main of one linalg.generic; `sizes` names the loops, `inputs` and `output` are tensor types."""
    args = ", ".join(f"%a{i}: {t}" for i, t in enumerate(inputs))
    named = ", ".join(f"affine_map<({sizes}) -> ({m})>" for m in maps)
    kinds = ", ".join('"parallel"' if i == "p" else '"reduction"' for i in iterators)
    ins = f"ins({', '.join(f'%a{i}' for i in range(len(inputs)))} : {', '.join(inputs)})" if inputs else ""
    return f"""func.func @main({args}) -> {output} {{
      %init = arith.constant {init} : {output}
      %r = linalg.generic {{indexing_maps = [{named}], iterator_types = [{kinds}]}}
        {ins} outs(%init : {output}) {{ {body} }} -> {output}
      func.return %r : {output} }}"""


MULTIPLY_ADD = """^bb0(%x: f32, %y: f32, %o: f32):
  %p = arith.mulf %x, %y : f32
  %s = arith.addf %o, %p : f32
  linalg.yield %s : f32"""


def normal(*dims):
    return RNG.standard_normal(dims).astype(np.float32)


def test_pointwise_broadcasts_without_copies():
    body = "^bb0(%x: f32, %y: f32, %o: f32): %s = arith.addf %x, %y : f32 linalg.yield %s : f32"
    text = generic(
        "i, j", ["i, j", "0, j", "i, j"], "pp", body, ["tensor<3x4xf32>", "tensor<1x4xf32>"], "tensor<3x4xf32>"
    )
    a, b = normal(3, 4), normal(1, 4)
    np.testing.assert_array_equal(run(text, a, b)[0], a + b)


def test_reversed_copy():
    text = generic(
        "i", ["4 - i", "i"], "p", "^bb0(%x: f32, %o: f32): linalg.yield %x : f32", ["tensor<5xf32>"], "tensor<5xf32>"
    )
    a = normal(5)
    np.testing.assert_array_equal(run(text, a)[0], a[::-1])


def test_a_map_with_mod_is_gathered():
    body = "^bb0(%x: f32, %o: f32): linalg.yield %x : f32"
    text = generic("i", ["i floordiv 2, i mod 2", "i"], "p", body, ["tensor<3x2xf32>"], "tensor<6xf32>")
    a = normal(3, 2)
    np.testing.assert_array_equal(run(text, a)[0], a.reshape(6))


def test_batched_product_with_a_transposed_result():
    maps = ["b, m, k", "b, k, n", "n, b, m"]
    types = ["tensor<2x3x4xf32>", "tensor<2x4x5xf32>"]
    text = generic("b, m, n, k", maps, "pppr", MULTIPLY_ADD, types, "tensor<5x2x3xf32>", "dense<1.0>")
    a, b = normal(2, 3, 4), normal(2, 4, 5)
    np.testing.assert_allclose(run(text, a, b)[0], (a @ b).transpose(2, 0, 1) + 1, rtol=1e-5)


def test_convolution_by_strided_views():
    maps = ["n, c, h * 2 + y, w * 2 + x * 2", "o, c, y, x", "n, o, h, w"]
    types = ["tensor<2x3x7x9xf32>", "tensor<4x3x3x3xf32>"]
    text = generic("n, o, h, w, c, y, x", maps, "pppprrr", MULTIPLY_ADD, types, "tensor<2x4x3x3xf32>")
    a, w = normal(2, 3, 7, 9), normal(4, 3, 3, 3)
    windows = sliding_window_view(a, (3, 5), (2, 3))[:, :, ::2, ::2, :, ::2]
    np.testing.assert_allclose(run(text, a, w)[0], np.einsum("nchwyx,ocyx->nohw", windows, w), rtol=1e-4, atol=1e-5)


def test_depthwise_convolution():
    maps = ["n, c, h + y, w + x", "c, y, x", "n, c, h, w"]
    types = ["tensor<1x3x6x6xf32>", "tensor<3x3x3xf32>"]
    text = generic("n, c, h, w, y, x", maps, "pppprr", MULTIPLY_ADD, types, "tensor<1x3x4x4xf32>")
    a, w = normal(1, 3, 6, 6), normal(3, 3, 3)
    windows = sliding_window_view(a, (3, 3), (2, 3))
    np.testing.assert_allclose(run(text, a, w)[0], np.einsum("nchwyx,cyx->nchw", windows, w), rtol=1e-4, atol=1e-5)


def test_integer_product_with_zero_points_is_exact():
    body = """^bb0(%x: i8, %y: i8, %o: i32):
      %c = arith.constant 128 : i32
      %xe = arith.extui %x : i8 to i32
      %xz = arith.subi %xe, %c : i32
      %ye = arith.extsi %y : i8 to i32
      %p = arith.muli %xz, %ye : i32
      %s = arith.addi %o, %p : i32
      linalg.yield %s : i32"""
    types = ["tensor<4x300xi8>", "tensor<300x5xi8>"]
    text = generic("m, n, k", ["m, k", "k, n", "m, n"], "ppr", body, types, "tensor<4x5xi32>", "dense<0>")
    a, b = RNG.integers(0, 256, (4, 300)).astype(np.uint8), RNG.integers(-128, 128, (300, 5)).astype(np.int8)
    np.testing.assert_array_equal(run(text, a, b)[0], (a.astype(np.int32) - 128) @ b.astype(np.int32))


def test_wide_integers_wrap_around():
    body = """^bb0(%x: i64, %y: i64, %o: i64): %p = arith.muli %x, %y : i64
      %s = arith.addi %o, %p : i64 linalg.yield %s : i64"""
    text = generic("k", ["k", "k", ""], "r", body, ["tensor<2xi64>"] * 2, "tensor<i64>", "dense<0>")
    (found,) = run(text, np.array([1 << 62, 3]), np.array([4, 5]))
    assert found[()] == 15


def test_max_pool_with_an_unused_window_operand():
    body = "^bb0(%x: f32, %w: f32, %o: f32): %m = arith.maximumf %o, %x : f32 linalg.yield %m : f32"
    maps, types = ["c, h * 2 + y", "y", "c, h"], ["tensor<2x7xf32>", "tensor<3xf32>"]
    text = generic("c, h, y", maps, "ppr", body, types, "tensor<2x3xf32>", "dense<-1.0e+30>")
    a = normal(2, 7)
    a[1, 2] = np.nan
    np.testing.assert_array_equal(run(text, a, normal(3))[0], sliding_window_view(a, 3, 1)[:, ::2].max(-1))


def test_a_reduction_of_an_expression():
    body = """^bb0(%x: f32, %o: f32): %e = math.exp %x : f32 %s = arith.addf %e, %o : f32 linalg.yield %s : f32"""
    text = generic("i, j", ["i, j", "i"], "pr", body, ["tensor<3x50xf32>"], "tensor<3xf32>")
    a = normal(3, 50)
    np.testing.assert_allclose(run(text, a)[0], np.exp(a).sum(1), rtol=1e-5)


def test_a_general_reduction_keeps_two_values():
    text = """func.func @main(%a: tensor<3x5xf32>) -> (tensor<3xf32>, tensor<3xi64>) {
      %m = arith.constant dense<-1.0e+30> : tensor<3xf32>
      %z = arith.constant dense<0> : tensor<3xi64>
      %r, %i = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>,
        affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
        ins(%a : tensor<3x5xf32>) outs(%m, %z : tensor<3xf32>, tensor<3xi64>) {
        ^bb0(%x: f32, %best: f32, %at: i64):
          %j = linalg.index 1 : index
          %k = arith.index_cast %j : index to i64
          %more = arith.cmpf ogt, %x, %best : f32
          %b = arith.select %more, %x, %best : f32
          %n = arith.select %more, %k, %at : i64
          linalg.yield %b, %n : f32, i64 } -> tensor<3xf32>, tensor<3xi64>
      func.return %r, %i : tensor<3xf32>, tensor<3xi64> }"""
    a = normal(3, 5)
    best, at = run(text, a)
    np.testing.assert_array_equal(best, a.max(1))
    np.testing.assert_array_equal(at, a.argmax(1))


GATHER = """func.func @main(%t: tensor<4xf32>, %i: tensor<3xi64>) -> tensor<3xf32> {
  %e = tensor.empty() : tensor<3xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d) -> (d)>, affine_map<(d) -> (d)>],
    iterator_types = ["parallel"]} ins(%i : tensor<3xi64>) outs(%e : tensor<3xf32>) {
    ^bb0(%x: i64, %o: f32):
      %k = arith.index_cast %x : i64 to index
      %v = tensor.extract %t[%k] : tensor<4xf32>
      linalg.yield %v : f32 } -> tensor<3xf32>
  func.return %r : tensor<3xf32> }"""


def test_gather():
    a = normal(4)
    np.testing.assert_array_equal(run(GATHER, a, np.array([3, 0, 3]))[0], a[[3, 0, 3]])


@pytest.mark.parametrize("index", [-1, 4])
def test_a_read_outside_is_an_error(index):
    with pytest.raises(InterpretError, match=rf"linalg.generic: |tensor.extract: .*found {min(index, 0)}"):
        run(GATHER, normal(4), np.array([0, index, 0]))


def test_a_map_that_leaves_its_operand_is_an_error():
    text = generic(
        "i", ["i + 1", "i"], "p", "^bb0(%x: f32, %o: f32): linalg.yield %x : f32", ["tensor<4xf32>"], "tensor<4xf32>"
    )
    ctx = context()
    with pytest.raises(InterpretError, match=r"reads 1..4 of 4 elements"):
        interpret(ctx, Parser(ctx, text).parse_module(), [normal(4)])


def test_control_flow_that_differs_between_points_goes_point_by_point():
    body = """^bb0(%x: f32, %o: f32):
      %z = arith.constant 0.0 : f32
      %c = arith.cmpf olt, %x, %z : f32
      %r = scf.if %c -> (f32) { %n = arith.negf %x : f32 scf.yield %n : f32 } else { scf.yield %x : f32 }
      linalg.yield %r : f32"""
    text = generic("i, j", ["i, j", "i, j"], "pp", body, ["tensor<2x3xf32>"], "tensor<2x3xf32>")
    a = normal(2, 3)
    np.testing.assert_array_equal(run(text, a)[0], abs(a))


def test_reductions_over_nothing_are_the_init():
    text = generic(
        "m, n, k",
        ["m, k", "k, n", "m, n"],
        "ppr",
        MULTIPLY_ADD,
        ["tensor<2x0xf32>", "tensor<0x3xf32>"],
        "tensor<2x3xf32>",
        "dense<7.0>",
    )
    np.testing.assert_array_equal(
        run(text, np.empty((2, 0), np.float32), np.empty((0, 3), np.float32))[0], np.full((2, 3), 7)
    )
