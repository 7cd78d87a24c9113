"""Importers of If, Loop and Scan: what becomes of them, and that the numbers are right on both levels."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.errors import AicError
from aic.compiler.frontends.onnx.importer import import_onnx
from aic.compiler.interpret import interpret
from aic.compiler.verify_ssa import verify_ssa
from aic.dialects._shape import Array
from aic.passes.tensor.lower_graph_to_tensor import LowerGraphToTensor
from onnx import ModelProto, parser
from onnx.reference import ReferenceEvaluator


def model(text: str) -> ModelProto:
    return parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> {text}')


def check(text: str, *inputs: Array, expected: Sequence[Array] | None = None, values: dict[str, Array] | None = None):
    """The kinds of op that the model becomes."""
    made, ctx = model(text), context()
    module = import_onnx(made, ctx, values=values)
    module.verify()
    verify_ssa(module)
    kinds = Counter(op.name for op in module.walk())
    names = [i.name for i in made.graph.input]
    if expected is None:
        expected = ReferenceEvaluator(made).run(None, dict(zip(names, inputs, strict=True)))
    for _ in range(2):
        for found, wanted in zip(interpret(ctx, module, inputs), expected, strict=True):
            assert found.shape == np.shape(wanted)
            np.testing.assert_allclose(found, wanted, rtol=1e-6)
        LowerGraphToTensor().apply(ctx, module)
        module.verify()
        verify_ssa(module)
    return kinds


X = np.array([1, -2, 3], np.float32)
IF = """agraph (float[3] x, bool c) => (float[3] y) {
  one = Constant <value_float: float = 1.0> ()
  y = If (c) <then_branch = t () => (float[3] a) { a = Add (x, one) },
              else_branch = e () => (float[3] a) { a = Neg (x) }>
}"""


@pytest.mark.parametrize("condition", [True, False])
def test_if(condition: bool) -> None:
    flag = np.array(condition)
    assert check(IF, X, flag)["graph.if"] == 1
    taken = check(IF, X, flag, values={"c": flag})
    assert taken["graph.if"] == 0 and taken["graph.add"] == condition and taken["graph.neg"] == (not condition)


def test_if_of_different_shapes_needs_its_condition() -> None:
    text = """agraph (float[3] x, bool c) => (float[n] y) {
      y = If (c) <then_branch = t () => (float[6] a) { a = Concat <axis = 0> (x, x) },
                  else_branch = e () => (float[3] b) { b = Neg (x) }>
    }"""
    with pytest.raises(AicError, match="cannot be compiled"):
        import_onnx(model(text), context())
    check(text, X, np.array(True), values={"c": np.array(True)})


LOOP = """agraph (float[3] x, int64 m, bool c) => (float[3] y, float[n, 3] rows) {
  y, rows = Loop (m, c, x) <body = b (int64 i, bool going, float[3] v) => (bool still, float[3] next, float[3] row) {
    still = Identity (going)
    f = Cast <to = 1> (i)
    next = Add (v, f)
    row = Mul (next, x)
  }>
}"""


@pytest.mark.parametrize("steps", [3, 20])
def test_counted_loop_with_scan_outputs(steps: int) -> None:
    inputs = X, np.array(steps), np.array(True)
    kinds = check(LOOP, *inputs, values={"m": inputs[1], "c": inputs[2]})
    assert kinds["graph.loop"] == (steps == 20)
    with pytest.raises(AicError, match="cannot be compiled"):
        import_onnx(model(LOOP), context())


@pytest.mark.parametrize("steps, going", [(20, False), (0, True)])
def test_loop_that_does_not_start(steps: int, going: bool) -> None:
    inputs = X, np.array(steps), np.array(going)
    check(LOOP, *inputs, values={"m": inputs[1], "c": inputs[2]}, expected=[X, np.zeros((0, 3), np.float32)])


WHILE = """agraph (float[3] x, int64 m, bool c) => (float[3] y) {
  limit = Constant <value_float: float = 50.0> ()
  y = Loop (m, c, x) <body = b (int64 i, bool going, float[3] v) => (bool still, float[3] next) {
    next = Add (v, v)
    top = ReduceMax <keepdims = 0> (next)
    still = Less (top, limit)
  }>
}"""


@pytest.mark.parametrize("steps, going", [(3, True), (100, True), (100, False), (0, True)])
def test_loop_until(steps: int, going: bool) -> None:
    assert check(WHILE, X, np.array(steps), np.array(going))["graph.while"] == 1
    assert check(WHILE.replace("Loop (m,", "Loop (,"), X, np.array(0), np.array(going))["graph.while"] == 1


def test_loop_of_unknown_length_without_a_condition() -> None:
    assert (
        check(
            WHILE.replace("(m, c, x)", "(m, , x)").replace("Less (top, limit)", "Identity (going)"),
            X,
            np.array(5),
            np.array(True),
            expected=[X * 32],
        )["graph.while"]
        == 1
    )


def test_loop_with_growing_values_is_unrolled() -> None:
    text = """agraph (float[3] x) => (float[n] y) {
      m = Constant <value_int: int = 10> ()
      y = Loop (m, , x) <body = b (int64 i, bool going, float[k] v) => (bool still, float[j] next) {
        still = Identity (going)
        next = Concat <axis = 0> (v, x)
      }>
    }"""
    assert check(text, X, expected=[np.tile(X, 11)])["graph.loop"] == 0
    with pytest.raises(AicError, match="cannot be compiled"):
        import_onnx(model(text.replace("int = 10", "int = 1000")), context())


def test_nested_loops() -> None:
    text = """agraph (float[3] x) => (float[3] y) {
      m = Constant <value_int: int = 12> ()
      y = Loop (m, , x) <body = outer (int64 i, bool a, float[3] v) => (bool b, float[3] w) {
        b = Identity (a)
        w = Loop (m, , v) <body = inner (int64 j, bool c, float[3] p) => (bool d, float[3] q) {
          d = Identity (c)
          s = Add (i, j)
          f = Cast <to = 1> (s)
          q = Add (p, f)
        }>
      }>
    }"""
    assert check(text, X, expected=[X + sum(i + j for i in range(12) for j in range(12))])["graph.loop"] == 2


def test_scan() -> None:
    text = """agraph (float[3] s, float[10, 3] x, float[3, 10] z) => (float[3] y, float[3, 10] rows, float[10, 3] w) {
      y, rows, w = Scan <num_scan_inputs = 2, scan_input_axes = [0, 1], scan_input_directions = [0, 1],
                            scan_output_axes = [1, 0], scan_output_directions = [0, 1],
                            body = b (float[3] s, float[3] x, float[3] z) => (float[3] t, float[3] row, float[3] same) {
        t = Add (s, x)
        row = Mul (t, z)
        same = Identity (row)
      }> (s, x, z)
    }"""
    rng = np.random.default_rng(0)
    x, z = rng.random((10, 3), np.float32), rng.random((3, 10), np.float32)
    sums = X + np.cumsum(x, axis=0)
    rows = sums * z.T[::-1]
    assert check(text, X, x, z, expected=[sums[-1], rows.T, rows[::-1]])["graph.loop"] == 1
