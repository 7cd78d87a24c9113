"""Whole programs in C where there is little to them."""

import numpy as np

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
