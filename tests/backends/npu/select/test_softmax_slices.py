"""Softmax over parts of the channels, one layer a part; a convolution of each likewise."""

import pytest

from .conftest import ReadText


@pytest.mark.parametrize("machine", ["edge", "gemmini-like"])
def test_groups_of_channels(read: ReadText, machine: str) -> None:
    conv = "dilations = array<i64: 1>, group = 1 : i64, pads = array<i64: 0, 0>, strides = array<i64: 1>"
    found = read(
        f"""
      func.func @main(%a: tensor<1x24x20xf32>) -> tensor<1x4x20xf32> {{
        %v = graph.weight @v : tensor<64x24x1xf32>
        %w = graph.weight @w : tensor<1x16x1x1xf32>
        %x = graph.conv %a, %v {{{conv}}} : (tensor<1x24x20xf32>, tensor<64x24x1xf32>) -> tensor<1x64x20xf32>
        %r = graph.reshape %x {{shape = array<i64: 1, 4, 16, 20>}} : (tensor<1x64x20xf32>) -> tensor<1x4x16x20xf32>
        %t = graph.transpose %r {{perm = array<i64: 0, 2, 1, 3>}} : (tensor<1x4x16x20xf32>) -> tensor<1x16x4x20xf32>
        %s = graph.softmax %t {{axis = 1 : i64}} : (tensor<1x16x4x20xf32>) -> tensor<1x16x4x20xf32>
        %y = graph.conv %s, %w {{dilations = array<i64: 1, 1>, group = 1 : i64, pads = array<i64: 0, 0, 0, 0>,
          strides = array<i64: 1, 1>}} : (tensor<1x16x4x20xf32>, tensor<1x16x1x1xf32>) -> tensor<1x1x4x20xf32>
        %z = graph.reshape %y {{shape = array<i64: 1, 4, 20>}} : (tensor<1x1x4x20xf32>) -> tensor<1x4x20xf32>
        return %z : tensor<1x4x20xf32>
      }}""",
        machine=machine,
    )
    assert found.kinds == {"matrix": 5, "softmax": 4}
    found.close(0.02)
