"""Nearest elements of an image are copies to every so manyth row and column; whatever else stays on the host."""

import pytest
from aic.backends.npu.select.reader import Unsupported
from aic.backends.npu.select.resize import Comb, combs

from .conftest import ReadText

CONV = "dilations = array<i64: 1, 1>, group = 1 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>"


def resized(sizes: str, scales: str, mode: str = "nearest", more: str = "") -> str:
    rows, columns = sizes.split(", ")
    image = f"tensor<1x24x{rows}x{columns}xf32>"
    return f"""
      func.func @main(%a: tensor<1x16x4x6xf32>) -> {image} {{
        %v = graph.weight @v : tensor<24x16x1x1xf32>
        %x = graph.conv %a, %v {{{CONV}}} : (tensor<1x16x4x6xf32>, tensor<24x16x1x1xf32>) -> tensor<1x24x4x6xf32>
        %y = graph.resize %x {{sizes = array<i64: 1, 24, {sizes}>, scales = array<f64: 1.0, 1.0, {scales}>,
          mode = "{mode}", coordinates = "asymmetric", rounding = "floor", cubic_a = -0.75 : f64,
          exclude_outside = false, antialias = false, extrapolation = 0.0 : f64}}
          : (tensor<1x24x4x6xf32>) -> {image}
        {more}
        return %y : {image}
      }}"""


@pytest.mark.parametrize(
    "sizes, scales, copies", [("8, 12", "2.0, 2.0", 4), ("4, 18", "1.0, 3.0", 3), ("2, 9", "0.5, 1.5", 3)]
)
def test_nearest(read: ReadText, sizes: str, scales: str, copies: int) -> None:
    found = read(resized(sizes, scales))
    assert found.kinds["copy"] == copies
    found.close(0.02)


def test_parts_beside_each_other_are_written_there_at_once(read: ReadText) -> None:
    text = f"""
      func.func @main(%a: tensor<1x16x2x3xf32>, %b: tensor<1x16x4x6xf32>) -> tensor<1x32x4x6xf32> {{
        %w = graph.weight @w : tensor<16x16x1x1xf32>
        %x = graph.conv %a, %w {{{CONV}}} : (tensor<1x16x2x3xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x2x3xf32>
        %z = graph.conv %b, %w {{{CONV}}} : (tensor<1x16x4x6xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x4x6xf32>
        %y = graph.resize %x {{sizes = array<i64: 1, 16, 4, 6>, scales = array<f64: 1.0, 1.0, 2.0, 2.0>,
          mode = "nearest", coordinates = "asymmetric", rounding = "floor", cubic_a = -0.75 : f64,
          exclude_outside = false, antialias = false, extrapolation = 0.0 : f64}}
          : (tensor<1x16x2x3xf32>) -> tensor<1x16x4x6xf32>
        %c = graph.concat %y, %z {{axis = 1 : i64}} 
          : (tensor<1x16x4x6xf32>, tensor<1x16x4x6xf32>) -> tensor<1x32x4x6xf32>
        return %c : tensor<1x32x4x6xf32>
      }}"""
    found = read(text)
    assert found.kinds["copy"] == 4
    found.close(0.02)


def test_other_modes_stay(read: ReadText) -> None:
    with pytest.raises(Unsupported, match="other than to nearest elements: linear"):
        read(resized("8, 12", "2.0, 2.0", "linear"))


def test_combs() -> None:
    assert combs([0, 0, 1, 1]) == [Comb(0, 2, 0, 1, 2), Comb(1, 2, 0, 1, 2)]
    assert combs([0, 2, 4]) == [Comb(0, 1, 0, 2, 3)]
    assert combs([5]) == [Comb(0, 1, 5, 1, 1)]
