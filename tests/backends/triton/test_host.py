"""The host is read off a module: places in bytes, grids, loops rolled out; what a host of a GPU cannot do is told."""

import pytest
from aic.backends.target import TargetError
from aic.backends.triton.host import program
from aic.backends.triton.kernel import Parameter
from aic.backends.triton.program import Launch, Place, Port
from aic.compiler.context import context
from aic.compiler.pipeline import parse_pipeline, run_pipeline
from xdsl.parser import Parser

KERNELS = """
tile.kernel @copy(%x: !tile.view<f16, [64]>, %y: !tile.view<f16, [64], align 4>) attributes {
    grid = affine_map<() -> (2)>, schedule = {warps = 2 : i64, BX = 32 : i64}, bytes = 256 : i64} {
  %i = tile.arange 64 : tensor<64xi32>
  %v = tile.load %x[%i] : !tile.view<f16, [64]>[tensor<64xi32>] -> tensor<64xf16>
  tile.store %v, %y[%i] : tensor<64xf16>, !tile.view<f16, [64], align 4>[tensor<64xi32>]
}
tile.kernel @some(%x: !tile.view<f16, [M]>, %M: i32) attributes {
    sizes = ["M"], grid = affine_map<(m) -> (m ceildiv 16, 3)>} {
  %z = tile.full 0.0 : f16 -> tensor<16xf16>
  %i = tile.arange 16 : tensor<16xi32>
  tile.store %z, %x[%i] : tensor<16xf16>, !tile.view<f16, [M]>[tensor<16xi32>]
}
"""
MAIN = """
func.func @main(%x: memref<64xf16>, %o: memref<64xf16>) attributes {arg_names = ["a"], res_names = ["b"]} {
  %w = graph.weight @w : memref<64xf16>
  %v = graph.weight @v : memref<8xf16>
  %t = memref.alloc() : memref<128xf16>
  %p = memref.reinterpret_cast %t to offset: [2], sizes: [64], strides: [1] : memref<128xf16> to memref<64xf16>
  kernel.launch @copy(%x, %p) : (memref<64xf16>, memref<64xf16>) -> () loc("conv1")
  kernel.launch @copy(%w, %o) : (memref<64xf16>, memref<64xf16>) -> ()
  %m = arith.constant 40 : i32
  %lo = arith.constant 0 : index
  %hi = arith.constant 2 : index
  %one = arith.constant 1 : index
  scf.for %i = %lo to %hi step %one {
    kernel.launch @some(%t, %m) : (memref<128xf16>, i32) -> ()
  }
  func.return
}
"""


def read(main: str = MAIN):
    ctx = context()
    module = Parser(ctx, KERNELS + main).parse_module()
    run_pipeline(ctx, module, parse_pipeline("plan-memory"))
    return program(module, "net")


def test_places_grids_and_order():
    made = read()
    assert made.launches == (
        Launch("copy", (Place("input", 0, 128), Place("arena", 4, 128)), (2, 1, 1), ("conv1",)),
        Launch("copy", (Place("weight", 0, 128), Place("output", 0, 128)), (2, 1, 1)),
        *[Launch("some", (Place("arena", 0, 256), 40), (3, 3, 1))] * 2,
    )
    assert (made.inputs, made.outputs) == ((Port("a", "float16", (64,), 128),), (Port("b", "float16", (64,), 128),))
    assert (made.arena_bytes, made.weights.size) == (256, 512)


def test_a_kernel_with_all_that_compiling_it_takes():
    copy, some = read().kernels.values()
    assert copy.parameters == (Parameter("x", "*fp16", 16, False, 64), Parameter("y", "*fp16", 4, True, 64))
    assert (copy.warps, copy.stages, copy.schedule, copy.bytes) == (2, 3, {"warps": 2, "BX": 32}, 256)
    assert "def copy(x, y):" in copy.source
    assert some.parameters == (Parameter("x", "*fp16", 16, True, 0), Parameter("M", "i32", 1))
    assert not copy.contiguous  # what is aligned to 4 bytes is not read 16 at a time


def test_a_promise_of_alignment_that_the_plan_does_not_keep_is_refused():
    with pytest.raises(TargetError, match="y is promised to be divisible by 4, found 2"):
        read(MAIN.replace("offset: [2]", "offset: [1]"))


def test_a_host_that_would_wait_for_the_gpu_is_refused():
    with pytest.raises(TargetError, match=r"memref\.load .*: the host of a GPU only launches kernels"):
        read(MAIN.replace("%hi = arith.constant 2 : index", "%hi = memref.load %n[%lo] : memref<1xindex>").replace(
            "%x: memref<64xf16>, %o", "%x: memref<64xf16>, %n: memref<1xindex>, %o"
        ).replace('["a"]', '["a", "n"]'))  # fmt: skip


def test_the_host_counts_what_it_can():
    counted = "%a = arith.constant 5 : index  %b = arith.constant 3 : index  %hi = arith.subi %a, %b : index"
    assert read(MAIN.replace("%hi = arith.constant 2 : index", counted)).launches == read().launches


def test_a_kernel_that_was_not_lowered_is_told():
    text = "kernel.func @left(%x: memref<64xf16>) { kernel.return }"
    with pytest.raises(TargetError, match=r"@left is no tile\.kernel"):
        read(text + MAIN.replace("@copy(%w, %o) : (memref<64xf16>, memref<64xf16>)", "@left(%o) : (memref<64xf16>)"))
