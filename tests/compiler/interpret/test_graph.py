"""The graph dialect: ops by their own meaning, their results checked; regions; the hook."""

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.errors import InterpretError
from aic.compiler.interpret import interpret
from aic.dialects.graph.softmax import SoftmaxOp
from xdsl.dialects.builtin import NameLoc, NoneAttr, StringAttr
from xdsl.parser import Parser

SOFTMAX = """func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %w = graph.weight @w : tensor<2x3xf32>
  %0 = graph.add %x, %w : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = graph.softmax %0 {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  func.return %1 : tensor<2x3xf32>
}"""
ONES = np.ones((2, 3), np.float32)


def run(text, *inputs, hook=None):
    ctx = context()
    ctx.weights.add("w", ONES)
    return interpret(ctx, Parser(ctx, text).parse_module(), inputs, hook=hook)


def test_ops_mean_what_they_say():
    (found,) = run(SOFTMAX, ONES)
    np.testing.assert_allclose(found, np.full((2, 3), 1 / 3), rtol=1e-6)


def test_the_hook_sees_every_op_in_order():
    seen = []
    run(SOFTMAX, ONES, hook=lambda op, values: seen.append((op.name, [v.shape for v in values])))
    assert seen == [("graph.weight", [(2, 3)]), ("graph.add", [(2, 3)]), ("graph.softmax", [(2, 3)])]


def test_a_result_of_another_type_is_an_error(monkeypatch):
    monkeypatch.setattr(SoftmaxOp, "evaluate", lambda self, x: (x.astype(np.float64),))
    with pytest.raises(
        InterpretError, match=r"graph.softmax: result 0: expected tensor<2x3xf32>, found float64\[2, 3\]"
    ):
        run(SOFTMAX, ONES)


def test_regions_read_the_values_round_them():
    text = """func.func @main(%c: tensor<i1>, %x: tensor<2xf32>) -> tensor<2xf32> {
      %r = graph.if %c ({
        %y = graph.add %x, %x : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
        graph.yield %y : tensor<2xf32>
      }) ({
        graph.yield %x : tensor<2xf32>
      }) : (tensor<i1>) -> tensor<2xf32>
      func.return %r : tensor<2xf32> }"""
    x = np.array([1, 2], np.float32)
    assert run(text, np.array(True), x)[0].tolist() == [2, 4]
    assert run(text, np.array(False), x)[0].tolist() == [1, 2]


def test_the_place_of_a_failure_is_told():
    ctx = context()
    module = Parser(ctx, SOFTMAX).parse_module()
    for op in module.walk():
        op.location = NameLoc(StringAttr("/layer/MatMul"), NoneAttr())
    with pytest.raises(InterpretError, match=r"graph.weight: 'w'") as caught:
        interpret(ctx, module, [ONES])
    assert caught.value.loc == "/layer/MatMul"
