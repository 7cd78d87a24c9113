"""Loops compute what the kernels' generics did, whatever the program, at several widths of vector."""

from random import Random

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.dialects._report import Remark, Report, collecting
from xdsl.parser import Parser

from ..tensor.programs import Program

TENSOR = (
    "fold-views,fuse-kernels{{strategy={strategy}}},assign-layout,choose-schedule{{vector-bytes={width}}},bufferize"
)
LOOP = "lower-kernel-to-loop{{vector-bytes={width}}}"


def _run(program: Program) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        return interpret(program.ctx, program.module, program.inputs())


@pytest.mark.parametrize(
    ("width", "strategy"),
    [(8, "greedy"), (16, "greedy"), (32, "greedy"), (64, "greedy"), (32, "multi-output"), (32, "post-dominators")],
)
@pytest.mark.parametrize("seed", range(8))
def test_the_numbers_stay(seed: int, width: int, strategy: str) -> None:
    program = Program(Random(seed), 14)
    before = _run(program)
    run_pipeline(program.ctx, program.module, TENSOR.format(width=width, strategy=strategy), verify_each=False)
    run_pipeline(program.ctx, program.module, LOOP.format(width=width), verify_each=True)
    for old, new in zip(before, _run(program), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-9, atol=1e-12)  # sums in float64, in another order


FUNC = """
kernel.func @k(%x: memref<64x{n}xf32>, %i: memref<64xi64>, %y: memref<{m}x64xf32>) {{
  %xt = bufferization.to_tensor %x : memref<64x{n}xf32> to tensor<64x{n}xf32>
  %it = bufferization.to_tensor %i : memref<64xi64> to tensor<64xi64>
  %e = tensor.empty() : tensor<{m}x64xf32>
  {body}
  bufferization.materialize_in_destination %r in writable %y : (tensor<{m}x64xf32>, memref<{m}x64xf32>) -> ()
  kernel.return
}} loc("/a/Node")
"""
GENERIC = """%r = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel", "parallel"]}}
      ins({ins}) outs(%e : tensor<{m}x64xf32>) {{
  ^bb0(%v: {type}, %o: f32):
    {body}
    linalg.yield %w : f32
  }} -> tensor<{m}x64xf32>"""
MOVED = ("affine_map<(a, b) -> (b, a)>, affine_map<(a, b) -> (a, b)>", "%xt : tensor<64x{m}xf32>", "f32")
LOOKED_UP = ("affine_map<(a, b) -> (b)>, affine_map<(a, b) -> (a, b)>", "%it : tensor<64xi64>", "i64")
LOOKUP = """%j = arith.index_cast %v : i64 to index
    %z = arith.constant 0 : index
    %w = tensor.extract %xt[%j, %z] : tensor<64x{m}xf32>"""
NEGATED = "%w = arith.negf %v : f32"


def remarks(m: int, form: tuple[str, str, str], body: str, width: int = 32) -> list[Remark]:
    maps, ins, type = (part.format(m=m) for part in form)
    generic = GENERIC.format(maps=maps, ins=ins, type=type, m=m, body=body.format(m=m))
    ctx = context()
    module = Parser(ctx, FUNC.format(n=m, m=m, body=generic)).parse_module()
    with collecting(Report()) as report:
        run_pipeline(ctx, module, LOOP.format(width=width), verify_each=True)
    return [remark for remark in report.remarks() if remark.rule == "vectorize"]


def test_vectors_need_no_remark() -> None:
    assert not remarks(4, MOVED, NEGATED)


@pytest.mark.parametrize(
    ("m", "form", "body", "width", "reason"),
    [
        (1, LOOKED_UP, LOOKUP, 32, "a looked-up address depends on dim 1 (of 64), or the body has a loop or a branch"),
        (4, MOVED, NEGATED, 4, "the machine has no vectors of this type"),
    ],
)
def test_a_kernel_without_vectors_is_remarked(
    m: int, form: tuple[str, str, str], body: str, width: int, reason: str
) -> None:
    (found,) = remarks(m, form, body, width)
    assert not found.applied and found.op == "kernel.func @k" and found.nodes == ("/a/Node",)
    assert found.text == f"stage 0 of 1, {64 * m} points: {reason}"


def test_loops_of_its_own_are_remarked_where_they_are_launched() -> None:
    text = """
    kernel.func @own(%y: memref<4xf32>) {
      %i = arith.constant 0 : index
      %v = memref.load %y[%i] : memref<4xf32>
      kernel.return
    }
    func.func @main(%y: memref<4xf32>) {
      kernel.launch @own(%y) : (memref<4xf32>) -> () loc("/b/TopK")
      func.return
    }"""
    ctx = context()
    module = Parser(ctx, text).parse_module()
    with collecting(Report()) as report:
        run_pipeline(ctx, module, LOOP.format(width=32), verify_each=True)
    (found,) = [remark for remark in report.remarks() if remark.rule == "vectorize"]
    assert found.nodes == ("/b/TopK",) and found.text == "it is made of loops of its own, over single elements"
