"""Control flow of the graph dialect: text forms, and what is refused."""

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException

TEXT = """
func.func @main(%x : tensor<2xf32>, %c : tensor<i1>, %n : tensor<i64>)
    -> (tensor<2xf32>, tensor<4x2xf32>, tensor<2xf32>) {
  %a = graph.if %c ({
    graph.yield %x : tensor<2xf32>
  }) ({
    %n0 = graph.neg %x : (tensor<2xf32>) -> tensor<2xf32>
    graph.yield %n0 : tensor<2xf32>
  }) : (tensor<i1>) -> tensor<2xf32>
  %b, %rows = graph.loop %a ({
  ^bb0(%i : tensor<i64>, %v : tensor<2xf32>):
    %d = graph.add %v, %v : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    graph.yield %d, %v : tensor<2xf32>, tensor<2xf32>
  }) {steps = 4 : i64} : (tensor<2xf32>) -> (tensor<2xf32>, tensor<4x2xf32>)
  %w = graph.while %n, %c, %a ({
  ^bb0(%i : tensor<i64>, %v : tensor<2xf32>):
    %d = graph.add %v, %x : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    graph.yield %c, %d : tensor<i1>, tensor<2xf32>
  }) : (tensor<i64>, tensor<i1>, tensor<2xf32>) -> tensor<2xf32>
  func.return %b, %rows, %w : tensor<2xf32>, tensor<4x2xf32>, tensor<2xf32>
}
"""


def parsed(text: str) -> ModuleOp:
    module = Parser(context(), text).parse_module()
    module.verify()
    return module


def test_text_and_meaning() -> None:
    module = parsed(TEXT)
    assert str(parsed(str(module))) == str(module)
    x = np.array([1, 2], np.float32)
    for flag, a in ((True, x), (False, -x)):
        b, rows, w = interpret(context(), module, [x, np.array(flag), np.array(3)])
        np.testing.assert_array_equal(b, a * 16)
        np.testing.assert_array_equal(rows, a * np.array([[1], [2], [4], [8]]))
        np.testing.assert_array_equal(w, a + 3 * x if flag else a)


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("graph.yield %n0 : tensor<2xf32>", "graph.yield %c : tensor<i1>", "second's values"),
        ("steps = 4", "steps = -1", "at least 0 steps"),
        ("steps = 4", "steps = 5", "expected result"),
        (
            "graph.yield %c, %d : tensor<i1>, tensor<2xf32>",
            "graph.yield %d, %d : tensor<2xf32>, tensor<2xf32>",
            "yielded",
        ),
        ("graph.yield %d, %v : tensor<2xf32>, tensor<2xf32>", "graph.yield %c : tensor<i1>", "carried"),
    ],
)
def test_refusals(old: str, new: str, says: str) -> None:
    assert old in TEXT
    with pytest.raises(VerifyException, match=says):
        parsed(TEXT.replace(old, new))
