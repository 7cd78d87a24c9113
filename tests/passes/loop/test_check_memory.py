"""A plan that lets a live buffer be written over is caught, with both buffers, both ops and where they came from."""

import pytest
from aic.compiler.context import context
from aic.passes.loop.check_memory import CheckMemory
from aic.passes.loop.plan_memory import PlanMemory
from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import IndexType, IntegerAttr, ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import PassFailedException

COPY = """
kernel.func @copy(%x: memref<8xf32>, %y: memref<8xf32>) {
  %t = bufferization.to_tensor %x : memref<8xf32> to tensor<8xf32>
  bufferization.materialize_in_destination %t in restrict writable %y : (tensor<8xf32>, memref<8xf32>) -> ()
  kernel.return
}
"""
TILED = """
tile.kernel @copy(%x: !tile.view<f32, [8]>, %y: !tile.view<f32, [8]>) attributes {grid = affine_map<() -> (1)>} {
  %i = tile.arange 8 : tensor<8xi32>
  %v = tile.load %x[%i] : !tile.view<f32, [8]>[tensor<8xi32>] -> tensor<8xf32>
  tile.store %v, %y[%i] : tensor<8xf32>, !tile.view<f32, [8]>[tensor<8xi32>]
}
"""
CHAIN = """
func.func @main(%x: memref<8xf32>, %y: memref<8xf32>, %z: memref<8xf32>) {
  %a = memref.alloc() : memref<8xf32> loc("conv1")
  kernel.launch @copy(%x, %a) : (memref<8xf32>, memref<8xf32>) -> () loc("conv1")
  %b = memref.alloc() : memref<8xf32> loc("conv2")
  kernel.launch @copy(%x, %b) : (memref<8xf32>, memref<8xf32>) -> () loc("conv2")
  kernel.launch @copy(%b, %y) : (memref<8xf32>, memref<8xf32>) -> () loc("conv3")
  kernel.launch @copy(%a, %z) : (memref<8xf32>, memref<8xf32>) -> () loc("conv4")
  func.return
}
"""
LOOP = """
func.func @main(%x: memref<8xf32>, %y: memref<8xf32>) {
  %l = arith.constant 0 : index
  %u = arith.constant 3 : index
  %s = arith.constant 1 : index
  %a = memref.alloc() : memref<8xf32>
  kernel.launch @copy(%x, %a) : (memref<8xf32>, memref<8xf32>) -> ()
  scf.for %i = %l to %u step %s {
    kernel.launch @copy(%a, %y) : (memref<8xf32>, memref<8xf32>) -> ()
    %b = memref.alloc() : memref<8xf32>
    kernel.launch @copy(%x, %b) : (memref<8xf32>, memref<8xf32>) -> ()
    kernel.launch @copy(%b, %y) : (memref<8xf32>, memref<8xf32>) -> ()
  }
  func.return
}
"""
SLICES = """
func.func @main(%x: memref<8xf32>, %y: memref<16xf32>) {
  %a = memref.alloc() : memref<16xf32>
  %0 = memref.reinterpret_cast %a to offset: [0], sizes: [8], strides: [2] : memref<16xf32> to !half
  %1 = memref.reinterpret_cast %a to offset: [1], sizes: [8], strides: [2] : memref<16xf32> to !half
  kernel.launch @part(%x, %0) : (memref<8xf32>, !half) -> ()
  %b = memref.alloc() : memref<8xf32>
  kernel.launch @copy(%x, %b) : (memref<8xf32>, memref<8xf32>) -> ()
  kernel.launch @copy(%b, %x) : (memref<8xf32>, memref<8xf32>) -> ()
  kernel.launch @part(%x, %1) : (memref<8xf32>, !half) -> ()
  kernel.launch @whole(%a, %y) : (memref<16xf32>, memref<16xf32>) -> ()
  func.return
}
kernel.func @part(%x: memref<8xf32>, %y: !half) {
  %t = bufferization.to_tensor %x : memref<8xf32> to tensor<8xf32>
  bufferization.materialize_in_destination %t in restrict writable %y : (tensor<8xf32>, !half) -> ()
  kernel.return
}
kernel.func @whole(%x: memref<16xf32>, %y: memref<16xf32>) {
  %t = bufferization.to_tensor %x : memref<16xf32> to tensor<16xf32>
  bufferization.materialize_in_destination %t in restrict writable %y : (tensor<16xf32>, memref<16xf32>) -> ()
  kernel.return
}
""".replace("!half", "memref<8xf32, strided<[2]>>")


def planned(text: str, kernels: str = COPY) -> ModuleOp:
    ctx = context()
    module = Parser(ctx, kernels + text).parse_module()
    PlanMemory().apply(ctx, module)
    return module


def check(module: ModuleOp) -> None:
    module.verify()
    CheckMemory().apply(context(), module)


def move(module: ModuleOp, view: int, offset: int) -> None:
    """Corrupt the plan: put one buffer at another byte."""
    op = [o for o in module.walk() if isinstance(o, memref.ViewOp)][view]
    assert isinstance(op.byte_shift.owner, arith.ConstantOp)
    op.byte_shift.owner.value = IntegerAttr(offset, IndexType())


@pytest.mark.parametrize("text", [CHAIN, LOOP, SLICES])
def test_a_good_plan_passes(text: str):
    check(planned(text))


@pytest.mark.parametrize("kernels", [COPY, TILED])
def test_a_corrupt_plan_names_both_buffers_and_both_ops(kernels: str):
    module = planned(CHAIN, kernels)
    check(module)
    move(module, 1, 0)
    with pytest.raises(PassFailedException) as caught:
        check(module)
    assert str(caught.value) == (
        'check-memory: kernel.launch @copy loc("conv4") reads memref<8xf32> at bytes 0..32 of the arena'
        ' (made at loc("conv1")), over which kernel.launch @copy loc("conv2") has written'
        ' memref<8xf32> at bytes 0..32 of the arena (made at loc("conv2"))'
    )


def test_the_next_round_of_a_loop_is_seen():
    module = planned(LOOP)
    move(module, 1, 0)
    with pytest.raises(PassFailedException, match="over which"):
        check(module)


def test_slices_that_interleave_are_told_apart():
    module = planned(SLICES)
    move(module, 1, 32)
    with pytest.raises(PassFailedException, match=r"reads memref<16xf32> .* over which"):
        check(module)


def test_a_launch_may_not_write_over_what_it_reads():
    module = planned(CHAIN.replace("@copy(%x, %b)", "@copy(%a, %b)"))
    move(module, 1, 0)
    with pytest.raises(PassFailedException, match="while it writes"):
        check(module)


def test_what_nothing_has_written_may_not_be_read():
    text = CHAIN.replace("kernel.launch @copy(%x, %a)", "kernel.launch @copy(%x, %z)")
    with pytest.raises(PassFailedException, match="which nothing has written"):
        check(planned(text))
