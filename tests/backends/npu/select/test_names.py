"""Every tensor has a name of its own, also where ONNX's names look like ours."""

from .conftest import ReadText

TEXT = """
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %w = graph.weight @w : tensor<8x8xf32>
  %0 = graph.matmul %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> loc("a")
  %1 = graph.matmul %0, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> loc("a")
  %2 = graph.matmul %1, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> loc("a_2")
  %3 = graph.matmul %2, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> loc("a")
  return %3 : tensor<4x8xf32>
}
"""


def test_names_differ(read: ReadText):
    found = read(TEXT).network
    names = [tensor.name for tensor in found.tensors]
    assert len(set(names)) == len(names) == 5, names
    assert len({layer.name for layer in found.layers}) == 4
