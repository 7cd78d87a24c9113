"""Whole programs in C where there is little to them."""

import numpy as np
from aic.backends.c.program import program
from aic.compiler.context import context
from aic.compiler.pipeline import run_pipeline
from xdsl.parser import Parser

NOTHING = """
kernel.func @k0(%w: memref<0xf32>) {
  kernel.return
}
func.func @main(%x: memref<1xf32>, %y: memref<0xf32>) {
  %w = graph.weight @w : memref<0xf32>
  kernel.launch @k0(%w) : (memref<0xf32>) -> ()
  func.return
}
"""


def test_weights_of_no_bytes_lie_nowhere(compiled):
    compiled(NOTHING)(np.zeros(1, np.float32), np.zeros(0, np.float32))


PRODUCT = """
func.func @main(%x: tensor<5x40xf32>, %w: tensor<40x16xf32>) -> tensor<5x16xf32> {
  %y = graph.matmul %x, %w : (tensor<5x40xf32>, tensor<40x16xf32>) -> tensor<5x16xf32>
  func.return %y : tensor<5x16xf32>
}
"""


def test_a_vector_that_many_products_read_is_loaded_once():
    ctx = context()
    module = Parser(ctx, PRODUCT).parse_module()
    run_pipeline(ctx, module, "lower-graph-to-tensor,fuse-kernels,assign-layout,choose-schedule", verify_each=False)
    run_pipeline(ctx, module, "bufferize,lower-kernel-to-loop,dce,plan-memory", verify_each=False)
    source = program(module).source()
    assert source.count("= AIC_KEPT(f32x8, *(const f32x8 *)(p") == 2  # two vectors of weights, read by five rows
