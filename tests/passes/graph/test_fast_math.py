"""fast-math: the errors of its functions over all of f32's range, and nothing without `fast`."""

import math

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from xdsl.parser import Parser

X = np.concatenate([np.linspace(-20, 20, 40001), np.linspace(-0.01, 0.01, 2001)]).astype(np.float32)
TEXT = """func.func @main(%x: tensor<{n}xf32>) -> tensor<{n}xf32> {{
  %0 = graph.{op} %x{fields} : (tensor<{n}xf32>) -> tensor<{n}xf32>
  func.return %0 : tensor<{n}xf32>
}}"""


def computed(op: str, x: np.ndarray, pipeline: str, fields: str = "") -> tuple[np.ndarray, int]:
    """What the op computes after a pipeline, and of how many ops."""
    ctx = context()
    module = Parser(ctx, TEXT.format(op=op, n=len(x), fields=fields)).parse_module()
    run_pipeline(ctx, module, pipeline)
    return interpret(ctx, module, [x])[0], sum(1 for o in module.walk() if o.name.startswith("graph."))


def erf(x: np.ndarray) -> np.ndarray:
    return np.asarray([math.erf(v) for v in x.astype(np.float64)])


EXACT = {
    "tanh": (lambda x: np.tanh(x.astype(np.float64)), 1e-4),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x.astype(np.float64))), 1e-4),
    "erf": (erf, 5e-4),
}


@pytest.mark.parametrize("op", EXACT)
def test_absolute_errors(op: str):
    exact, bound = EXACT[op]
    found, ops = computed(op, X, "fast-math{fast=true}")
    assert ops > 3
    assert 1e-7 < np.abs(found - exact(X)).max() < bound


def test_the_relative_error_of_exp():
    x = np.linspace(-86, 87, 100001).astype(np.float32)
    found, _ = computed("exp", x, "fast-math{fast=true}")
    assert 1e-6 < np.abs(found / np.exp(x.astype(np.float64)) - 1).max() < 1e-4


def test_the_error_of_gelu():
    exact = 0.5 * X * (1 + erf(X * math.sqrt(0.5)))
    found, _ = computed("gelu", X, "fast-math{fast=true only=fast-gelu}", ' {approximate = "none"}')
    assert 1e-6 < np.abs(found - exact).max() < 5e-4


def test_softmax_adds_up_to_one():
    found, ops = computed("softmax", X, "fast-math{fast=true}", " {axis = 0 : i64}")
    e = np.exp(X.astype(np.float64) - X.max())
    assert ops > 5 and np.abs(found - e / e.sum()).max() < 1e-4 * (e / e.sum()).max()
    assert abs(float(found.astype(np.float64).sum()) - 1) < 1e-4


def test_nan_stays_nan_and_the_ends_are_bounded():
    x = np.asarray([np.nan, np.inf, -np.inf, 0.0], np.float32)
    for op, ends in (("tanh", (1.0, -1.0)), ("sigmoid", (1.0, 0.0)), ("erf", (1.0, -1.0))):
        found, _ = computed(op, x, "fast-math{fast=true}")
        assert np.isnan(found[0]) and np.allclose(found[1:3], ends, atol=1e-4)
    found, _ = computed("exp", x, "fast-math{fast=true}")
    assert np.isnan(found[0]) and found[1] > 1e38 and 0 <= found[2] < 1e-37


def test_nothing_is_done_unless_it_is_asked_for():
    for op in ("tanh", "exp", "erf", "sigmoid"):
        assert computed(op, X, "fast-math")[1] == 1
