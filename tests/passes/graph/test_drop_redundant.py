"""Results that nobody reads are not made: of ops with regions, in which others may still want them, and of those whose
numbers have to stay the same with NaN and equal ones among them."""

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.dialects._shape import Array
from aic.dialects.graph.control import IfOp, LoopOp, WhileOp
from aic.dialects.graph.pool import MaxPoolIndicesOp
from aic.dialects.graph.sort import TopKOp
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from .programs import Program

X = np.array([[1.5, -2.0, 1.5, 0.0], [np.nan, 3.0, np.nan, np.inf]], np.float32)
BODY = """
  ^bb0(%i: tensor<i64>, %a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>):
    %d = graph.add %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %e = graph.neg %b : (tensor<4xf32>) -> tensor<4xf32>
"""
FOUR = "tensor<4xf32>, tensor<4xf32>, tensor<4xf32>"
LOOP = f"""
func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {{
  %0, %1, %2, %3 = graph.loop %x, %y, %y ({{ {BODY}
    graph.yield %d, %e, %c, %d : {FOUR}, tensor<4xf32>
  }}) {{steps = 3 : i64}} : ({FOUR}) -> ({FOUR}, tensor<3x4xf32>)
  func.return %0 : tensor<4xf32>
}}
"""
WHILE = f"""
func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {{
  %n = graph.constant dense<3> : tensor<i64>
  %t = graph.constant dense<true> : tensor<i1>
  %0, %1, %2 = graph.while %n, %t, %x, %y, %y ({{ {BODY}
    graph.yield %t, %d, %e, %c : tensor<i1>, {FOUR}
  }}) : (tensor<i64>, tensor<i1>, {FOUR}) -> ({FOUR})
  func.return %0 : tensor<4xf32>
}}
"""
IF = """
func.func @main(%x: tensor<4xf32>, %c: tensor<i1>) -> tensor<4xf32> {
  %0, %1 = graph.if %c ({
    %a = graph.neg %x : (tensor<4xf32>) -> tensor<4xf32>
    graph.yield %x, %a : tensor<4xf32>, tensor<4xf32>
  }) ({
    %b = graph.exp %x : (tensor<4xf32>) -> tensor<4xf32>
    graph.yield %b, %x : tensor<4xf32>, tensor<4xf32>
  }) : (tensor<i1>) -> (tensor<4xf32>, tensor<4xf32>)
  func.return %1 : tensor<4xf32>
}
"""


def ran(text: str, *inputs: Array) -> ModuleOp:
    """The text after the pass, which computes what it did."""
    ctx = context()
    module = Parser(ctx, text).parse_module()
    before = interpret(ctx, module, inputs)
    run_pipeline(ctx, module, "drop-redundant,dce", verify_each=True)
    for a, b in zip(interpret(ctx, module, inputs), before, strict=True):
        np.testing.assert_array_equal(a, b)
    return module


@pytest.mark.parametrize(("kind", "text"), [(LoopOp, LOOP), (WhileOp, WHILE)])
def test_a_loop_carries_what_it_needs(kind: type[LoopOp | WhileOp], text: str):
    (op,) = (op for op in ran(text, X[0], X[0] + 1).walk() if isinstance(op, kind))
    assert len(op.results) == 2 and len(op.body.block.args) == 3  # the second is read by the first's next round


@pytest.mark.parametrize("condition", [True, False])
def test_a_choice_is_made_between_what_is_read(condition: bool):
    (op,) = (op for op in ran(IF, X[0], np.array(condition)).walk() if isinstance(op, IfOp))
    assert len(op.results) == 1


@pytest.mark.parametrize("read", [0, 1])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_largest_of_all(read: int, axis: int):
    p = Program(X)
    top = p.op(TopKOp, p.args[0], axis=axis, k=1, largest=True).owner
    assert isinstance(top, TopKOp)
    assert not p.check(top.results[read], "drop-redundant", 0)["top_k"]


def test_the_smallest_stays_which_a_nan_would_be():
    p = Program(X)
    assert p.check(p.op(TopKOp, p.args[0], axis=1, k=1, largest=False), "drop-redundant", 0)["top_k"]


def test_a_pool_without_indices():
    p = Program(X.reshape(1, 2, 4))
    assert p.check(p.op(MaxPoolIndicesOp, p.args[0], kernel=[2]), "drop-redundant", 0) == {"max_pool": 1}


def X_of(p: Program):
    return p.args[0]
