"""Parts side by side: written in place where that says the same, else copied."""

from .conftest import ReadText

CONV = "dilations = array<i64: 1, 1>, group = 1 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>"
HEAD = f"""
  func.func @main(%a: tensor<1x16x4x4xf32>) -> tensor<1x48x4x4xf32> {{
    %v = graph.weight @v : tensor<32x16x1x1xf32>
    %w = graph.weight @w : tensor<16x16x1x1xf32>
    %x = graph.conv %a, %v {{{CONV}}} : (tensor<1x16x4x4xf32>, tensor<32x16x1x1xf32>) -> tensor<1x32x4x4xf32>
    %p = graph.slice %x {{offsets = array<i64: 0, 0, 0, 0>, sizes = array<i64: 1, 16, 4, 4>,
      strides = array<i64: 1, 1, 1, 1>}} : (tensor<1x32x4x4xf32>) -> tensor<1x16x4x4xf32>
    %q = graph.slice %x {{offsets = array<i64: 0, 16, 0, 0>, sizes = array<i64: 1, 16, 4, 4>,
      strides = array<i64: 1, 1, 1, 1>}} : (tensor<1x32x4x4xf32>) -> tensor<1x16x4x4xf32>
    %r = graph.conv %q, %w {{{CONV}}} : (tensor<1x16x4x4xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x4x4xf32>
"""
TAIL = """ {axis = 1 : i64}
      : (tensor<1x16x4x4xf32>, tensor<1x16x4x4xf32>, tensor<1x16x4x4xf32>) -> tensor<1x48x4x4xf32>
    return %z : tensor<1x48x4x4xf32>
  }"""


def test_parts_of_a_tensor_that_lie_as_they_are_to_lie_move_together(read: ReadText) -> None:
    found = read(f"{HEAD}    %z = graph.concat %p, %q, %r{TAIL}")
    assert not found.kinds["copy"]
    found.close(0.02)


def test_parts_in_another_order_are_copied(read: ReadText) -> None:
    found = read(f"{HEAD}    %z = graph.concat %q, %p, %r{TAIL}")
    assert found.kinds["copy"] == 2
    found.close(0.02)


def test_a_part_of_a_tensor_does_not_take_the_rest_with_it(read: ReadText) -> None:
    found = read(f"{HEAD}    %z = graph.concat %p, %r, %p{TAIL}")
    assert found.kinds["copy"] == 2
    found.close(0.02)


def test_images_of_several_sizes_pixel_by_pixel(read: ReadText) -> None:
    found = read(f"""
      func.func @main(%a: tensor<1x16x8x12xf32>, %b: tensor<1x16x4x6xf32>) -> tensor<1x24x120xf32> {{
        %v = graph.weight @v : tensor<24x16x1x1xf32>
        %x = graph.conv %a, %v {{{CONV}}} : (tensor<1x16x8x12xf32>, tensor<24x16x1x1xf32>) -> tensor<1x24x8x12xf32>
        %y = graph.conv %b, %v {{{CONV}}} : (tensor<1x16x4x6xf32>, tensor<24x16x1x1xf32>) -> tensor<1x24x4x6xf32>
        %p = graph.reshape %x {{shape = array<i64: 1, 24, 96>}} : (tensor<1x24x8x12xf32>) -> tensor<1x24x96xf32>
        %q = graph.reshape %y {{shape = array<i64: 1, 24, 24>}} : (tensor<1x24x4x6xf32>) -> tensor<1x24x24xf32>
        %z = graph.concat %p, %q {{axis = 2 : i64}} : (tensor<1x24x96xf32>, tensor<1x24x24xf32>) -> tensor<1x24x120xf32>
        %r = graph.relu %z : (tensor<1x24x120xf32>) -> tensor<1x24x120xf32>
        return %r : tensor<1x24x120xf32>
      }}""")
    assert found.kinds["copy"] <= 3
    found.close(0.02)
