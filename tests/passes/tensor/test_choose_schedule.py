"""A schedule that is asked for is carried out, or refused with its reason; none changes what is computed."""

from random import Random

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.dialects import kernel
from aic.dialects._signature import launched, signature, weights_of
from aic.passes._nest.legality import ScheduleError
from aic.passes._nest.problem import Machine, Tile
from aic.passes._nest.schedule import parse_schedule, schedule, schedule_text, tiles_of
from aic.passes._nest.space import NestSpace
from aic.passes.tensor.choose_schedule import space_of
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import PassFailedException

from .programs import Program

DENSE = """
kernel.func @dense(%x: tensor<20x64xf32>, %w: tensor<64x48xf32>) -> tensor<20x48xf32> SCHEDULE {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20x48xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<20x48xf32>) -> tensor<20x48xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
      affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<20x64xf32>, tensor<64x48xf32>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  } -> tensor<20x48xf32>
  kernel.return %c : tensor<20x48xf32>
}
func.func @main(%x: tensor<20x64xf32>) -> tensor<20x48xf32> {
  %w = graph.weight @w0 : tensor<64x48xf32>
  %0 = kernel.launch @dense(%x, %w) : (tensor<20x64xf32>, tensor<64x48xf32>) -> tensor<20x48xf32>
  func.return %0 : tensor<20x48xf32>
}
"""
LOOPS = "bufferize,lower-kernel-to-loop{vector-bytes=32}"


def dense(fields: str = "") -> tuple[object, ModuleOp]:
    """The module, its kernel with a schedule of these fields."""
    ctx = context()
    ctx.weights.add("w0", np.random.default_rng(0).standard_normal((64, 48)).astype(np.float32))
    asked = f"attributes {{schedule = #kernel.schedule<[{{{fields}}}]>}}" if fields else ""
    return ctx, Parser(ctx, DENSE.replace("SCHEDULE", asked)).parse_module()


def kernels(module: ModuleOp) -> list[kernel.FuncOp]:
    return [op for op in module.ops if isinstance(op, kernel.FuncOp)]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("stage = 0, vector = 7, vectors = 1", "no dim 7 to put vectors along"),
        ("stage = 0, vector = 2, vectors = 1", "no vector may lie along the reduced dim 2"),
        ("stage = 0, vector = 1, vectors = 0", "expected 1 vector and 1 row at least, found 0"),
        ("stage = 0, vector = 1, vectors = 40, row = 0, rows = 40", "a tile of 1600 partial results"),
        ("stage = 0, vector = 1, vectors = 1, row = 2, rows = 2", "no rows of the reduced dim 2"),
        ("stage = 0, vector = 1, vectors = 1, row = 1, rows = 2", "dim 1 is that of the vectors"),
        ("stage = 0, vector = 1, vectors = 1, row = 5, rows = 2", "no dim 5 to have rows of"),
        ("stage = 0, vector = 1, vectors = 1, rows = 2", "2 rows of no dim"),
        ("stage = 0, vector = 1, vectors = 1, outside = 2", "2 loops outside that of the vectors"),
        ("stage = 0, vector = 1, vectors = 1, join = 0", "nothing to join dim 0 to"),
        ("stage = 0, vector = 1, vectors = 1, row = 0, rows = 2, join = 2", "dim 2 cannot be joined to the rows'"),
        ("stage = 0, vector = 1, vectors = 1, chunk = 24", "chunks of 24 steps: expected a divisor of 64"),
        ("stage = 3, vector = 1, vectors = 1", "no stage 3; it has 1"),
        ("stage = 0, vector = 1", "stage 0: expected a vectors"),
        ("stage = 0, vector = 1, vectors = 1, depth = 2", "stage 0: no field depth"),
        ('stage = 0, vector = "n", vectors = 1', "expected a number"),
        ("vector = 1, vectors = 1", "expected one entry for each stage"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(fields: str, reason: str) -> None:
    ctx, module = dense(fields)
    with pytest.raises(PassFailedException, match=reason):
        run_pipeline(ctx, module, "choose-schedule{vector-bytes=32}")
    ctx, module = dense(fields)
    with pytest.raises(PassFailedException, match=reason):
        run_pipeline(ctx, module, LOOPS)


def test_no_vector_lies_along_a_dim_that_is_looked_up() -> None:
    text = """
kernel.func @take(%x: tensor<30x8xf32>, %i: tensor<20xi64>) -> tensor<20x8xf32>
    attributes {schedule = #kernel.schedule<[{stage = 0, vector = 0, vectors = 1}]>} {
  %e = tensor.empty() : tensor<20x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a)>, affine_map<(a, b) -> (a, b)>],
      iterator_types = ["parallel", "parallel"]} ins(%i : tensor<20xi64>) outs(%e : tensor<20x8xf32>) {
  ^bb0(%at: i64, %out: f32):
    %row = arith.index_cast %at : i64 to index
    %b = linalg.index 1 : index
    %v = tensor.extract %x[%row, %b] : tensor<30x8xf32>
    linalg.yield %v : f32
  } -> tensor<20x8xf32>
  kernel.return %y : tensor<20x8xf32>
}
"""
    ctx = context()
    with pytest.raises(PassFailedException, match="no vector may lie along dim 0: a looked-up address depends on it"):
        run_pipeline(ctx, Parser(ctx, text).parse_module(), "choose-schedule{vector-bytes=32}")


def test_a_tile_that_no_registers_hold_is_legal() -> None:
    ctx, module = dense("stage = 0, vector = 1, vectors = 3, row = 0, rows = 20")
    x = np.random.default_rng(1).standard_normal((20, 64)).astype(np.float32)
    (before,) = interpret(ctx, module, [x])
    run_pipeline(ctx, module, f"choose-schedule{{vector-bytes=32}},{LOOPS}")
    np.testing.assert_allclose(interpret(ctx, module, [x])[0], before, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("outside", [0, 1])
def test_chunks_of_the_reduction_leave_the_same_bits(outside: int) -> None:
    """Whether the rows' loop lies inside that of the panels, or outside."""
    x = np.random.default_rng(1).standard_normal((20, 64)).astype(np.float32)
    found: list[np.ndarray] = []
    for chunk in (0, 16):
        fields = f"stage = 0, vector = 1, vectors = 2, row = 0, rows = 6, chunk = {chunk}, outside = {outside}"
        ctx, module = dense(fields)
        run_pipeline(ctx, module, f"choose-schedule{{vector-bytes=32}},{LOOPS}")
        assert ("memref.alloca" in str(module)) == bool(chunk)
        found += interpret(ctx, module, [x])
    np.testing.assert_array_equal(*found)


STRIDED = """
kernel.func @conv(%x: tensor<7x7x8xf32>, %w: tensor<8x16xf32>) -> tensor<4x4x16xf32> SCHEDULE {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x4x16xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4x16xf32>) -> tensor<4x4x16xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(h, w, n, k) -> (h * 2, w * 2, k)>,
      affine_map<(h, w, n, k) -> (k, n)>, affine_map<(h, w, n, k) -> (h, w, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<7x7x8xf32>, tensor<8x16xf32>) outs(%i : tensor<4x4x16xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  } -> tensor<4x4x16xf32>
  kernel.return %c : tensor<4x4x16xf32>
}
func.func @main(%x: tensor<7x7x8xf32>, %w: tensor<8x16xf32>) -> tensor<4x4x16xf32> {
  %0 = kernel.launch @conv(%x, %w) : (tensor<7x7x8xf32>, tensor<8x16xf32>) -> tensor<4x4x16xf32>
  func.return %0 : tensor<4x4x16xf32>
}
"""


@pytest.mark.parametrize(("join", "rows"), [(-1, 3), (0, 3), (0, 5), (0, 16)])
def test_rows_that_go_on_in_the_next_line_leave_the_same_bits(join: int, rows: int) -> None:
    """And its loops are still split among threads: the places that division finds are known."""
    ctx, random = context(), np.random.default_rng(2)
    fields = f"stage = 0, vector = 2, vectors = 1, row = 1, rows = {rows}, join = {join}, outside = 0"
    asked = f"attributes {{schedule = #kernel.schedule<[{{{fields}}}]>}}"
    module = Parser(ctx, STRIDED.replace("SCHEDULE", asked)).parse_module()
    inputs = [random.standard_normal(size).astype(np.float32) for size in ((7, 7, 8), (8, 16))]
    (plain,) = interpret(ctx, module, inputs)
    run_pipeline(ctx, module, f"choose-schedule{{vector-bytes=32}},{LOOPS}")
    assert ("arith.remui" in str(module)) == (join == 0 and rows < 16)
    run_pipeline(ctx, module, "parallelize{threads=2 least=1}")
    assert "loop.parallel" in str(module)
    np.testing.assert_allclose(interpret(ctx, module, inputs)[0], plain, rtol=1e-5, atol=1e-5)


def test_schedules_are_given_by_signature() -> None:
    ctx, module = dense()
    ((func, launches),) = launched(module)
    key = signature(func, weights_of(launches))
    text = "0:vector=1,vectors=1,row=0,rows=4,outside=0"
    run_pipeline(ctx, module, f'choose-schedule{{vector-bytes=32 schedules="0123@0:vector=9,vectors=1;{key}@{text}"}}')
    (func,) = kernels(module)
    assert schedule_text(tiles_of(func.schedule)) == text
    assert "d1 floordiv 8" in str(func.function_type)  # the weight is packed for the tile that was asked for


def test_a_signature_tells_of_shapes_and_weights_only() -> None:
    _, module = dense()
    ((func, launches),) = launched(module)
    other = func.clone()
    other.body.block.args[0].name_hint = "renamed"
    weights = weights_of(launches)
    assert weights == {1} and signature(func, weights) == signature(other, weights)
    assert signature(func, weights) != signature(func, frozenset())


def test_texts_of_schedules() -> None:
    tiles = {0: Tile(1, 2, 0, 6, chunk=64), 2: Tile(4, 1, outside=0)}
    text = "0:vector=1,vectors=2,row=0,rows=6,chunk=64|2:vector=4,vectors=1,rows=1,outside=0"
    assert schedule_text(tiles) == text and parse_schedule(text) == tiles == tiles_of(schedule(tiles))
    for bad in ("0", "0:vector=1", "x:vector=1,vectors=1", "0:vector=1,vectors=y", "0:vector=1,vectors=1,flat=1"):
        with pytest.raises(ScheduleError):
            parse_schedule(bad)


def spaces(module: ModuleOp, machine: Machine) -> list[tuple[kernel.FuncOp, NestSpace]]:
    """The kernels that leave a choice."""
    found = [(func, space_of(func, weights_of(launches), machine)) for func, launches in launched(module)]
    return [(func, space) for func, space in found if space is not None]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 1 << 16),
    st.sampled_from((16, 32, 64)),
    st.sampled_from((1 << 9, 1 << 15)),
    st.sampled_from((64, 1 << 15)),
    st.randoms(use_true_random=False),
)
def test_random_schedules_of_random_kernels_keep_the_numbers(
    seed: int, width: int, l1: int, l2: int, random: Random
) -> None:
    program = Program(Random(seed), 8)
    with np.errstate(all="ignore"):
        before = interpret(program.ctx, program.module, program.inputs())
    run_pipeline(program.ctx, program.module, "fold-views,fuse-kernels,assign-layout")
    for func, space in spaces(program.module, Machine(width, l1=l1, l2=l2)):
        func.schedule = schedule(dict(space.random(random)))
    machine = f"vector-bytes={width} l1={l1} l2={l2}"
    lowering = f"choose-schedule{{{machine}}},bufferize,lower-kernel-to-loop{{{machine}}}"
    run_pipeline(program.ctx, program.module, lowering)
    with np.errstate(all="ignore"):
        after = interpret(program.ctx, program.module, program.inputs())
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-9, atol=1e-12)  # sums in float64, in another order
