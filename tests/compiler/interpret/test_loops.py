"""Control flow, memory and vectors; reads outside a buffer are errors."""

import time

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.errors import InterpretError
from aic.compiler.interpret import Buffer, interpret
from xdsl.parser import Parser


def run(text, *inputs, hook=None, **weights):
    ctx = context()
    for name, array in weights.items():
        ctx.weights.add(name, array)
    module = Parser(ctx, text).parse_module()
    module.verify()
    return interpret(ctx, module, inputs, hook=hook)


F4 = np.arange(4, dtype=np.float32)

INSERTS = """func.func @main(%a: tensor<{n}xf32>) -> (tensor<{n}xf32>, tensor<{n}xf32>) {{
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %n = arith.constant {n} : index
  %r = scf.for %i = %zero to %n step %one iter_args(%acc = %a) -> (tensor<{n}xf32>) {{
    %old = tensor.extract %acc[%i] : tensor<{n}xf32>
    %new = arith.addf %old, %old : f32
    %zf = arith.constant 0.0 : f32
    %positive = arith.cmpf ogt, %old, %zf : f32
    %next = scf.if %positive -> (tensor<{n}xf32>) {{
      %changed = tensor.insert %new into %acc[%i] : tensor<{n}xf32>
      scf.yield %changed : tensor<{n}xf32>
    }} else {{
      scf.yield %acc : tensor<{n}xf32>
    }}
    scf.yield %next : tensor<{n}xf32>
  }}
  func.return %a, %r : tensor<{n}xf32>, tensor<{n}xf32>
}}"""


def test_a_loop_that_inserts_leaves_its_input_alone():
    same, changed = run(INSERTS.format(n=4), F4)
    np.testing.assert_array_equal(same, F4)
    np.testing.assert_array_equal(changed, 2 * F4)


def test_a_loop_that_inserts_takes_linear_time():
    n = 20_000
    start = time.process_time()
    _, changed = run(INSERTS.format(n=n), np.ones(n, np.float32))
    assert changed.sum() == 2 * n
    assert time.process_time() - start < 5  # copying the tensor each time would take n * n * 4 bytes = 1.6 GB of moves


def test_a_tensor_made_outside_the_loop_is_not_overwritten_in_it():
    (found,) = run(
        """func.func @main(%a: tensor<3xf32>) -> tensor<3x3xf32> {
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %three = arith.constant 3 : index
      %f = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<3xf32>
      %z = tensor.insert %f into %e[%zero] : tensor<3xf32>
      %z1 = tensor.insert %f into %z[%one] : tensor<3xf32>
      %two = arith.constant 2 : index
      %z2 = tensor.insert %f into %z1[%two] : tensor<3xf32>
      %m = tensor.empty() : tensor<3x3xf32>
      %r = scf.for %i = %zero to %three step %one iter_args(%acc = %m) -> (tensor<3x3xf32>) {
        %v = tensor.extract %a[%i] : tensor<3xf32>
        %row = tensor.insert %v into %z2[%i] : tensor<3xf32>
        %next = tensor.insert_slice %row into %acc[%i, 0][1, 3][1, 1] : tensor<3xf32> into tensor<3x3xf32>
        scf.yield %next : tensor<3x3xf32>
      }
      func.return %r : tensor<3x3xf32> }""",
        np.array([1, 2, 3], np.float32),
    )
    np.testing.assert_array_equal(found, np.diag([1, 2, 3]))


def test_while_counts_up():
    (found,) = run(
        """func.func @main(%n: tensor<i64>) -> tensor<i64> {
      %top = tensor.extract %n[] : tensor<i64>
      %one = arith.constant 1 : i64
      %r = scf.while (%i = %one) : (i64) -> i64 {
        %go = arith.cmpi slt, %i, %top : i64
        scf.condition(%go) %i : i64
      } do {
      ^bb0(%j: i64):
        %k = arith.addi %j, %j : i64
        scf.yield %k : i64
      }
      %t = tensor.from_elements %r : tensor<i64>
      func.return %t : tensor<i64> }""",
        np.array(100),
    )
    assert found[()] == 128


BUFFERS = """kernel.func @k(%x: memref<8xf32, strided<[2]>>, %y: memref<8xf32>) {
  %t = bufferization.to_tensor %x : memref<8xf32, strided<[2]>> to tensor<8xf32>
  %e = tensor.empty() : tensor<8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d) -> (d)>, affine_map<(d) -> (d)>],
    iterator_types = ["parallel"]} ins(%t : tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%a: f32, %o: f32): %s = arith.addf %a, %a : f32 linalg.yield %s : f32 } -> tensor<8xf32>
  bufferization.materialize_in_destination %r in restrict writable %y : (tensor<8xf32>, memref<8xf32>) -> ()
  kernel.return
}
func.func @main(%x: memref<16xf32>, %y: memref<8xf32>, %arena: memref<128xi8>) attributes {arena_bytes = 128 : i64} {
  %at = arith.constant 64 : index
  %tmp = memref.view %arena[%at][] : memref<128xi8> to memref<8xf32>
  %even = memref.reinterpret_cast %x to offset: [0], sizes: [8], strides: [2]
    : memref<16xf32> to memref<8xf32, strided<[2]>>
  kernel.launch @k(%even, %tmp) : (memref<8xf32, strided<[2]>>, memref<8xf32>) -> ()
  "memref.copy"(%tmp, %y) : (memref<8xf32>, memref<8xf32>) -> ()
  func.return
}"""


def test_buffers_views_and_the_arena():
    x = np.arange(16, dtype=np.float32)
    seen = []
    (found,) = run(BUFFERS, x, hook=lambda op, values: seen.append((op.name, values)))
    np.testing.assert_array_equal(found, 2 * x[::2])
    (launched,) = (values for name, values in seen if name == "kernel.launch")
    assert isinstance(launched[1], Buffer)
    np.testing.assert_array_equal(launched[1].array, 2 * x[::2])
    assert [name for name, _ in seen].count("linalg.generic") == 1


def test_a_view_that_leaves_its_arena_is_an_error():
    with pytest.raises(InterpretError, match=r"memref.view: view of bytes 112..144 of a buffer of 128"):
        run(BUFFERS.replace("constant 64", "constant 112"), np.zeros(16, np.float32))


def test_a_cast_that_leaves_its_buffer_is_an_error():
    with pytest.raises(InterpretError, match=r"reaches elements 2..16 of a buffer of 16"):
        run(BUFFERS.replace("offset: [0]", "offset: [2]"), np.zeros(16, np.float32))


VECTORS = """func.func @main(%x: memref<4x4xf32>, %w: memref<4xf32>, %y: memref<4xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %four = arith.constant 4 : index
  scf.for %i = %zero to %four step %one {
    %row = loop.load %x[4 * %i] : memref<4x4xf32> -> vector<4xf32>
    %wv = loop.load %w[0] : memref<4xf32> -> vector<4xf32>
    %p = arith.mulf %row, %wv : vector<4xf32>
    %s = loop.reduce add %p : vector<4xf32> -> f32
    %d = loop.load %x[5 * %i] : memref<4x4xf32> -> f32
    %t = arith.addf %s, %d : f32
    loop.store %t, %y[%i] : f32, memref<4xf32>
  }
  %column = loop.load %x[LAST] stride 4 : memref<4x4xf32> -> vector<4xf32>
  %v = loop.load %y[0] : memref<4xf32> -> vector<4xf32>
  %c = arith.addf %v, %column : vector<4xf32>
  loop.store %c, %y[0] : vector<4xf32>, memref<4xf32>
  func.return
}"""


def test_loads_stores_and_vectors():
    x, w = np.arange(16, dtype=np.float32).reshape(4, 4), np.array([1, -1, 2, 3], np.float32)
    (found,) = run(VECTORS.replace("LAST", "3"), x, w)
    np.testing.assert_array_equal(found, x @ w + np.diag(x) + x[:, 3])


def test_a_vector_that_leaves_its_buffer_is_an_error():
    with pytest.raises(InterpretError, match=r"loop.load: expected elements within \[0, 16\), found 4..16"):
        run(VECTORS.replace("LAST", "4"), np.zeros((4, 4), np.float32), np.zeros(4, np.float32))


def test_a_packed_weight_lies_in_panels():
    text = """func.func @main(%y: memref<8xf32>) {
      %w = graph.weight @w : memref<2x4xf32, affine_map<(k, n) -> (n floordiv 2, k, n mod 2)>>
      %v = loop.load %w[0] : memref<2x4xf32, affine_map<(k, n) -> (n floordiv 2, k, n mod 2)>> -> vector<8xf32>
      loop.store %v, %y[0] : vector<8xf32>, memref<8xf32>
      func.return }"""
    w = np.arange(8, dtype=np.float32).reshape(2, 4)
    np.testing.assert_array_equal(run(text, w=w)[0], [0, 1, 4, 5, 2, 3, 6, 7])


def test_unsigned_weights_and_inputs_become_signless():
    text = """func.func @main(%x: tensor<2xi8>) -> tensor<2xi8> attributes {res_types = [tensor<2xui8>]} {
      %w = graph.weight @w : tensor<2xi8>
      %r = arith.addi %x, %w : tensor<2xi8>
      func.return %r : tensor<2xi8> }"""
    (found,) = run(text, np.array([200, 3], np.uint8), w=np.array([50, 255], np.uint8))
    assert found.dtype == np.uint8 and found.tolist() == [250, 2]


def test_inputs_by_name():
    text = """func.func @main(%x: tensor<2xf32>, %y: tensor<2xf32>) -> tensor<2xf32>
      attributes {arg_names = ["a", "b"]} {
      %r = arith.subf %x, %y : tensor<2xf32>
      func.return %r : tensor<2xf32> }"""
    ctx = context()
    module = Parser(ctx, text).parse_module()
    a, b = np.ones(2, np.float32), np.zeros(2, np.float32)
    assert interpret(ctx, module, {"b": b, "a": a})[0].tolist() == [1, 1]
    with pytest.raises(InterpretError, match="b missing"):
        interpret(ctx, module, {"a": a})


def test_an_input_of_another_shape_is_an_error():
    with pytest.raises(InterpretError, match=r"input 0: expected tensor<3xf32>, found float32\[4\]"):
        run("func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> { func.return %x : tensor<3xf32> }", F4)


def test_an_op_without_meaning_is_named():
    with pytest.raises(InterpretError, match=r"test.op: this op cannot be interpreted"):
        run('func.func @main() { "test.op"() : () -> () func.return }')


def test_unwritten_memory_is_nan():
    text = """func.func @main() -> tensor<2xf32> { %e = tensor.empty() : tensor<2xf32>
      func.return %e : tensor<2xf32> }"""
    assert np.isnan(run(text)[0]).all()
