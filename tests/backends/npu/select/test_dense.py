"""Products with constant matrices: the matrix's rows are rows of the tensor."""

from .conftest import ReadText, of_kind


def test_rows_of_a_matrix_go_through_spad_in_strips(read: ReadText) -> None:
    # what lies between the products, 128 x 2048 numbers of 2 bytes, is more than this machine has room for
    found = read(
        """
      func.func @main(%x: tensor<1x128x64xf32>) -> tensor<1x128x64xf32> {
        %v = graph.weight @v : tensor<64x2048xf32>
        %w = graph.weight @w : tensor<2048x64xf32>
        %y = graph.matmul %x, %v : (tensor<1x128x64xf32>, tensor<64x2048xf32>) -> tensor<1x128x2048xf32>
        %z = graph.relu %y : (tensor<1x128x2048xf32>) -> tensor<1x128x2048xf32>
        %r = graph.matmul %z, %w : (tensor<1x128x2048xf32>, tensor<2048x64xf32>) -> tensor<1x128x64xf32>
        return %r : tensor<1x128x64xf32>
      }""",
        machine="gemmini-like",
    )
    first, second = of_kind(found, "matrix")
    assert first.out.size == (1, 128, 1, 2048) and second.out.size == (1, 128, 1, 64)
    found.close(0.02)


def test_rows_and_columns_of_an_image_are_a_kernel(read: ReadText) -> None:
    found = read("""
      func.func @main(%x: tensor<2x24x3x5xf32>) -> tensor<2x10xf32> {
        %v = graph.weight @v : tensor<24x24x1x1xf32>
        %w = graph.weight @w : tensor<360x10xf32>
        %y = graph.conv %x, %v {dilations = array<i64: 1, 1>, group = 1 : i64, pads = array<i64: 0, 0, 0, 0>,
          strides = array<i64: 1, 1>} : (tensor<2x24x3x5xf32>, tensor<24x24x1x1xf32>) -> tensor<2x24x3x5xf32>
        %f = graph.reshape %y {shape = array<i64: 2, 360>} : (tensor<2x24x3x5xf32>) -> tensor<2x360xf32>
        %z = graph.matmul %f, %w : (tensor<2x360xf32>, tensor<360x10xf32>) -> tensor<2x10xf32>
        return %z : tensor<2x10xf32>
      }""")
    assert of_kind(found, "matrix")[1].kernel == (3, 5)
    found.close(0.02)


def test_patches_of_an_image_come_in_as_rows(read: ReadText) -> None:
    found = read("""
      func.func @main(%x: tensor<2x3x8x12xf32>) -> tensor<2x6x10xf32> {
        %w = graph.weight @w : tensor<48x10xf32>
        %a = graph.reshape %x {shape = array<i64: 2, 3, 2, 4, 3, 4>} : (tensor<2x3x8x12xf32>) -> tensor<2x3x2x4x3x4xf32>
        %b = graph.transpose %a {perm = array<i64: 0, 2, 4, 1, 3, 5>}
          : (tensor<2x3x2x4x3x4xf32>) -> tensor<2x2x3x3x4x4xf32>
        %c = graph.reshape %b {shape = array<i64: 2, 6, 48>} : (tensor<2x2x3x3x4x4xf32>) -> tensor<2x6x48xf32>
        %y = graph.matmul %c, %w : (tensor<2x6x48xf32>, tensor<48x10xf32>) -> tensor<2x6x10xf32>
        return %y : tensor<2x6x10xf32>
      }""")
    assert found.kinds == {"matrix": 1} and found.network.inputs[0].shape == (2, 6, 1, 48)
    found.close(0.02)
