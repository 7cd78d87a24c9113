"""Micro-kernels sum up as the nest did, bit for bit, tile by tile."""

import numpy as np
import pytest
from aic.compiler.pass_api import run_passes

from .loop_programs import results

TEXT = """
func.func @main(%a: memref<12x10x{type}>, %b: memref<10x16x{type}>, %c: memref<12x16x{type}>) -> memref<12x16x{type}> {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c10 = arith.constant 10 : index
  %c12 = arith.constant 12 : index
  scf.for %i = %c0 to %c12 step %step {{
    scf.for %j = %c0 to %c16 step %c1 {{
      scf.for %k = %c1 to %c10 step %c1 {{
        %x = memref.load %a[%i, %k] : memref<12x10x{type}>
        %y = memref.load %b[%k, %j] : memref<10x16x{type}>
        %z = memref.load %c[%i, %j] : memref<12x16x{type}>
        %p = arith.mulf {product} : {type}
        %s = arith.addf {sum} : {type}
        memref.store %s, %c[%i, %j] : memref<12x16x{type}>
      }}
    }}
  }}
  func.return %c : memref<12x16x{type}>
}}
"""

SHAPES = [(1, 4, 16, 8), (1, 3, 8, 4), (2, 2, 16, 4), (3, 4, 4, 2)]


@pytest.mark.parametrize("product", ["%x, %y", "%y, %x"])
@pytest.mark.parametrize("sum", ["%z, %p", "%p, %z"])
@pytest.mark.parametrize(("step", "rows", "columns", "lanes"), SHAPES)
def test_tiles_as_micro_kernels(product: str, sum: str, step: int, rows: int, columns: int, lanes: int) -> None:
    text = TEXT.format(type="f32", product=product, sum=sum).replace("%step", f"%c{step}")
    text = text.replace("  %c16 =", "  %c2 = arith.constant 2 : index\n  %c3 = arith.constant 3 : index\n  %c16 =")
    wanted = results(run_passes(text, ""))
    tile = f"loop-tile{{loops=i,j sizes={rows},{columns}}}"
    for order in ("", ",loop-interchange{loops=j,k}"):
        module = run_passes(text, f"{tile}{order},tensorize{{loops=i,j,k lanes={lanes}}}")
        assert "vector<" in str(module)
        np.testing.assert_array_equal(results(module)[0], wanted[0])
