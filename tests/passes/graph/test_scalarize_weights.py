"""scalarize-weights: equal elements become one number, others and needed shapes stay."""

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from xdsl.parser import Parser

X = np.random.default_rng(0).standard_normal((2, 80)).astype(np.float32)
TEXT = """func.func @main(%x : tensor<{x}xf32>) -> tensor<{y}xf32> {{
  %w = graph.weight @w : tensor<{w}xf32>
  %0 = graph.mul %x, %w : (tensor<{x}xf32>, tensor<{w}xf32>) -> tensor<{y}xf32>
  func.return %0 : tensor<{y}xf32>
}}"""


def after(weight: np.ndarray, x: str, y: str, options: str = "") -> tuple[str, list[np.ndarray]]:
    ctx = context()
    ctx.weights.add("w", weight)
    w = "x".join(map(str, weight.shape))
    module = Parser(ctx, TEXT.format(x=x, y=y, w=w)).parse_module()
    run_pipeline(ctx, module, f"scalarize-weights{options},dce", verify_each=True)
    return str(module), interpret(ctx, module, [X[: int(x[0])]])


def test_equal_elements_become_one_number():
    text, (y,) = after(np.full(80, 2, np.float32), "2x80", "2x80")
    assert "graph.constant dense<2.000000e+00> : tensor<f32>" in text and "graph.weight" not in text
    np.testing.assert_array_equal(y, X * 2)


def other() -> np.ndarray:
    zeros = np.zeros(80, np.float32)
    zeros[7] = -0.0
    return zeros


@pytest.mark.parametrize(
    ("weight", "x", "options"),
    [
        (other(), "2x80", ""),  # -0.0 is another number than 0.0
        (np.full((2, 80), 3, np.float32), "1x80", ""),  # the weight gives the result its shape
        (np.full(80, 3, np.float32), "2x80", "{limit=79}"),
    ],
    ids=["bits differ", "shape needed", "too large"],
)
def test_what_is_not_one_number_stays(weight, x, options):
    assert "graph.weight @w" in after(weight, x, "2x80", options)[0]
