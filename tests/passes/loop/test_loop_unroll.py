"""Unrolled loops do all their rounds, in order, whatever the factor and however many there are."""

import numpy as np
import pytest
from aic.compiler.pass_api import run_passes

from .loop_programs import results

TEXT = """
func.func @main(%x: memref<20xf32>, %y: memref<40xf32>) -> (memref<20xf32>, memref<40xf32>) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %step = arith.constant {step} : index
  %end = arith.constant {end} : index
  %z = arith.constant 0.5 : f32
  {bound}
  %r = scf.for %i = %c1 to %n step %step iter_args(%s = %z) -> (f32) {{
    %v = loop.load %y[%i] : memref<40xf32> -> f32
    %h = arith.mulf %s, %z : f32
    %t = arith.addf %h, %v : f32
    loop.store %t, %y[%i + 1] : f32, memref<40xf32>
    scf.yield %t : f32
  }}
  loop.store %r, %x[0] : f32, memref<20xf32>
  func.return %x, %y : memref<20xf32>, memref<40xf32>
}}
"""
KNOWN = "%n = arith.addi %end, %c0 : index"
STORED = """%to = memref.alloca() : memref<1xindex>
  loop.store %end, %to[0] : index, memref<1xindex>
  %n = loop.load %to[0] : memref<1xindex> -> index"""


@pytest.mark.parametrize("rounds", [*range(10), 15, 16])
def test_every_number_of_rounds(rounds: int) -> None:
    for step, bound in ((1, "constant"), (2, "constant"), (1, STORED), (2, STORED), (1, KNOWN)):
        text = TEXT.format(step=step, end=1 + rounds * step - (step > 1 and rounds > 0), bound=bound)
        if bound == "constant":
            text = text.replace("  constant\n", "").replace("%n", "%end")
        wanted = results(run_passes(text, ""))
        for factor in (0, 1, 2, 3, 4, 16, 20):
            found = results(run_passes(text, f"loop-unroll{{loop=i factor={factor}}}"))
            for old, new in zip(wanted, found, strict=True):
                np.testing.assert_array_equal(new, old, f"factor {factor}")
