"""Schedules as data, and what is chosen: few programs for little work, blocks that the sizes divide, registers kept."""

import pytest
from aic.backends.triton.lower.choose import Gpu, _product_of
from aic.backends.triton.lower.schedule import Schedule, ScheduleError, schedule_of
from aic.compiler.context import context
from aic.compiler.pipeline import run_pipeline
from aic.dialects.kernel import FuncOp
from xdsl.dialects.builtin import DictionaryAttr, IntegerAttr, StringAttr, i64
from xdsl.parser import Parser


def test_a_schedule_is_data():
    schedule = Schedule(BM=64, BN=128, BK=32, group=8, warps=8, stages=3)
    assert schedule_of(schedule.attribute()) == schedule
    assert schedule_of(None) is None


@pytest.mark.parametrize(
    ("attribute", "what"),
    [
        (StringAttr("fast"), "expected a dictionary of BX"),
        (DictionaryAttr({"BM": IntegerAttr(48, i64)}), "BM: expected a power of two, found 48"),
        (DictionaryAttr({"BZ": IntegerAttr(4, i64)}), "found BZ"),
    ],
)
def test_what_is_no_schedule_is_told(attribute: object, what: str):
    with pytest.raises(ScheduleError, match=what):
        schedule_of(attribute)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("size", "near", "blocks"),
    [
        ((1, 4096, 4096, 4096), 4096, (128, 128)),
        ((1, 1, 4096, 4096), 4096, (16, 32)),
        ((12, 128, 128, 64), 64, (64, 64)),
    ],
)
def test_blocks_fit_the_product(size: tuple[int, int, int, int], near: int, blocks: tuple[int, int]):
    found = _product_of(size, near, 2, exact=False, gpu=Gpu())
    assert found.BM * found.BN // (32 * found.warps) <= 128
    assert near % found.BK == 0
    assert (found.BM <= 16) == (size[1] <= 16)
    assert blocks[0] * blocks[1] // 2 <= found.BM * found.BN


@pytest.mark.parametrize(
    ("size", "bytes", "split"),
    [
        ((1, 49, 512, 4608), 2, True),  # a convolution of 49 pixels
        ((1, 1, 768, 3072), 4, True),  # a token, without tensor cores
        ((1, 4096, 4096, 4096), 2, False),
        ((1, 196, 1024, 256), 2, False),  # too little to sum for a launch more
    ],
)
def test_sums_are_cut_where_multiprocessors_would_be_idle(size: tuple[int, int, int, int], bytes: int, split: bool):
    found = _product_of(size, size[3], bytes, exact=bytes == 4, gpu=Gpu())
    tiles = size[0] * -(-size[1] // found.BM) * -(-size[2] // found.BN)
    assert (found.split > 1) == split
    assert not split or (tiles < 132 and tiles * found.split <= 2 * 132 and found.split * found.BK * 2 <= size[3])


@pytest.mark.parametrize(("shape", "split"), [("1x1048576", 64), ("4x1048576", 32), ("200x1048576", 0), ("1x4096", 0)])
def test_long_rows_are_cut_where_they_are_few(shape: str, split: int):
    rows = shape.split("x")[0]
    text = f"""
#i = affine_map<(i, j) -> (i, j)>
#o = affine_map<(i, j) -> (i)>
kernel.func @k(%x: memref<{shape}xf32>, %y: memref<{rows}xf32>) {{
  %0 = bufferization.to_tensor %x : memref<{shape}xf32> to tensor<{shape}xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{rows}xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<{rows}xf32>) -> tensor<{rows}xf32>
  %r = linalg.generic {{indexing_maps = [#i, #o], iterator_types = ["parallel", "reduction"]}}
      ins(%0 : tensor<{shape}xf32>) outs(%f : tensor<{rows}xf32>) {{
  ^bb0(%p: f32, %q: f32):
    %s = arith.addf %q, %p : f32
    linalg.yield %s : f32
  }} -> tensor<{rows}xf32>
  bufferization.materialize_in_destination %r in restrict writable %y : (tensor<{rows}xf32>, memref<{rows}xf32>) -> ()
  kernel.return
}}
"""
    ctx = context()
    module = Parser(ctx, text).parse_module()
    run_pipeline(ctx, module, "choose-tile-schedule")
    (func,) = [op for op in module.ops if isinstance(op, FuncOp)]
    found = schedule_of(func.schedule)
    assert found is not None
    assert found.split == split
