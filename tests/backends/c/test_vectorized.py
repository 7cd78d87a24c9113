"""What `vectorize` makes of a loop are vector instructions, where the C compiler is told to find none by itself."""

import platform
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from aic.backends.c.program import program
from aic.compiler.pass_api import run_passes

TEXT = """
kernel.func @k(%x: memref<103xf32>, %y: memref<103xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 103 : index
  scf.for %i = %c0 to %n step %c1 {
    %v = loop.load %x[%i] : memref<103xf32> -> f32
    %a = arith.addf %v, %v : f32
    %w = arith.mulf %a, %v : f32
    loop.store %w, %y[%i] : f32, memref<103xf32>
  }
  kernel.return
}
func.func @main(%x: memref<103xf32>, %y: memref<103xf32>) {
  kernel.launch @k(%x, %y) : (memref<103xf32>, memref<103xf32>) -> ()
  func.return
}
"""
PASSES = "vectorize{{loop=i lanes={}}}"


@pytest.mark.parametrize("lanes", [4, 8])
def test_the_numbers_are_the_same(compiled, lanes: int):
    x, y, z = (np.zeros(103, np.float32) for _ in range(3))
    x[:] = np.random.default_rng(0).standard_normal(103)
    compiled(TEXT)(x, y)
    compiled(str(run_passes(TEXT, PASSES.format(lanes))))(x, z)
    np.testing.assert_array_equal(z, y)


def _assembly(text: str, folder: Path, flag: str) -> str:
    (folder / "k.c").write_text((made := program(run_passes(text, ""))).header + made.source())
    (folder / "model.h").write_text(made.header)
    command = ["cc", "-std=gnu11", "-O2", "-fno-tree-vectorize", "-w", flag, "-S", "k.c", "-o", "k.s"]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    return (folder / "k.s").read_text()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="looks for x86 instructions")
@pytest.mark.parametrize(("lanes", "flag", "wanted"), [(4, "-msse4.2", r"mulps.*xmm"), (8, "-mavx2", r"mulps.*ymm")])
def test_the_assembly_has_vector_instructions(compiled, tmp_path: Path, lanes: int, flag: str, wanted: str):
    assert not re.search(r"v?mulps", _assembly(TEXT, tmp_path, flag))
    assert re.search(wanted, _assembly(str(run_passes(TEXT, PASSES.format(lanes))), tmp_path, flag))
