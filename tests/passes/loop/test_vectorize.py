"""Loops on vectors compute what they did: bit for bit, sums of floats to rounding; every number of rounds."""

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pass_api import run_passes

TEXT = """
func.func @main(%x: memref<80xf32>, %y: memref<80xf32>, %n: memref<80xi32>) -> (memref<80xf32>, memref<80xi32>) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %step = arith.constant {step} : index
  %end = arith.constant {end} : index
  %z = arith.constant 0.5 : f32
  %m = arith.constant 7 : i32
  %r:2 = scf.for %i = %c1 to %end step %step iter_args(%s = %z, %t = %m) -> (f32, i32) {{
    %v = loop.load %x[%i] : memref<80xf32> -> f32
    %w = loop.load %x[-1 * %i + 79] : memref<80xf32> -> f32
    %a = arith.{join} %s, %v : f32
    %k = arith.index_cast %i : index to i32
    %b = arith.addi %t, %k : i32
    %c = arith.cmpf olt, %v, %w : f32
    %d = arith.select %c, %v, %z : f32
    %e = math.exp %d : f32
    loop.store %e, %y[2 * %i] : f32, memref<80xf32>
    loop.store %k, %n[%i] : i32, memref<80xi32>
    scf.yield %a, %b : f32, i32
  }}
  loop.store %r#0, %y[0] : f32, memref<80xf32>
  loop.store %r#1, %n[0] : i32, memref<80xi32>
  func.return %y, %n : memref<80xf32>, memref<80xi32>
}}
"""


def _results(passes: str, **parts: object) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    floats = [random.standard_normal(80).astype(np.float32) for _ in range(2)]
    numbers = random.integers(-9, 9, 80).astype(np.int32)
    return interpret(context(), run_passes(TEXT.format(**parts), passes), [*floats, numbers])


@pytest.mark.parametrize("join", ["addf", "mulf", "maximumf", "minimumf"])
@pytest.mark.parametrize("step", [1, 2])
def test_any_number_of_rounds(join: str, step: int) -> None:
    rounded = join in ("addf", "mulf")
    for count in range(2, 18):
        parts = {"join": join, "step": step, "end": count * step + 1}
        wanted = _results("", **parts)
        for lanes in [n for n in (2, 4, 8) if n <= count < 3 * n]:
            found = _results(f"vectorize{{loop=i lanes={lanes} reassociate={str(rounded).lower()}}}", **parts)
            np.testing.assert_allclose(found[0][0], wanted[0][0], rtol=2e-6)  # a sum of 18 in another order
            np.testing.assert_array_equal(found[0][1:], wanted[0][1:])
            np.testing.assert_array_equal(found[1], wanted[1])
            if not rounded:
                np.testing.assert_array_equal(found[0], wanted[0])
