"""What has to lie elsewhere is copied there: as few copies as one instruction can do loops."""

from .conftest import ReadText


def test_a_part_that_does_not_end_with_a_line_is_one_copy(read: ReadText) -> None:
    found = read("""
      func.func @main(%a: tensor<1x24x3x5xf32>, %b: tensor<1x40x3x5xf32>) -> tensor<1x64x3x5xf32> {
        %v = graph.weight @v : tensor<24x24x1x1xf32>
        %w = graph.weight @w : tensor<40x40x1x1xf32>
        %x = graph.conv %a, %v {dilations = array<i64: 1, 1>, group = 1 : i64, pads = array<i64: 0, 0, 0, 0>,
          strides = array<i64: 1, 1>} : (tensor<1x24x3x5xf32>, tensor<24x24x1x1xf32>) -> tensor<1x24x3x5xf32>
        %y = graph.conv %b, %w {dilations = array<i64: 1, 1>, group = 1 : i64, pads = array<i64: 0, 0, 0, 0>,
          strides = array<i64: 1, 1>} : (tensor<1x40x3x5xf32>, tensor<40x40x1x1xf32>) -> tensor<1x40x3x5xf32>
        %z = graph.concat %x, %y {axis = 1 : i64} : (tensor<1x24x3x5xf32>, tensor<1x40x3x5xf32>) -> tensor<1x64x3x5xf32>
        return %z : tensor<1x64x3x5xf32>
      }""")
    assert found.kinds["copy"] == 2
    found.close(0.02)
