"""Transposed convolutions are convolutions by phase, and give the same numbers."""

import pytest
from aic.backends.npu.select.transposed import phases

from .conftest import ReadText

CASES = [
    # kernel, strides, pads, output padding, group, rows and columns out
    ((2, 2), (2, 2), (0, 0, 0, 0), (0, 0), 1, (10, 14), 4),
    ((3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 1, (10, 14), 4),
    ((4, 3), (2, 1), (1, 1, 1, 1), (0, 0), 1, (10, 7), 2),
    ((1, 1), (2, 3), (0, 0, 0, 0), (1, 2), 1, (10, 21), 6),
    ((3, 3), (1, 1), (2, 0, 0, 1), (0, 0), 1, (5, 8), 1),
    ((2, 2), (2, 2), (0, 0, 0, 0), (0, 0), 4, (10, 14), 4),
]


def numbers(values: tuple[int, ...]) -> str:
    return f"array<i64: {', '.join(map(str, values))}>"


@pytest.mark.parametrize("kernel, strides, pads, extra, group, outputs, layers", CASES)
def test_phases_give_the_transposed_convolution(read: ReadText, kernel, strides, pads, extra, group, outputs, layers):
    filters, result = (
        f"tensor<16x{24 // group}x{kernel[0]}x{kernel[1]}xf32>",
        f"tensor<2x24x{outputs[0]}x{outputs[1]}xf32>",
    )
    found = read(f"""
      func.func @main(%x: tensor<2x16x5x7xf32>) -> {result} {{
        %w = graph.weight @w : {filters}
        %b = graph.weight @b : tensor<24xf32>
        %y = graph.conv_transpose %x, %w, %b {{dilations = array<i64: 1, 1>, group = {group} : i64,
          pads = {numbers(pads)}, strides = {numbers(strides)}, output_padding = {numbers(extra)},
          operandSegmentSizes = array<i32: 1, 1, 1>}}
          : (tensor<2x16x5x7xf32>, {filters}, tensor<24xf32>) -> {result}
        %z = graph.relu %y : ({result}) -> {result}
        return %z : {result}
      }}""")
    assert found.kinds == {"matrix": layers}
    found.close(0.02)


def test_taps_of_a_phase() -> None:
    even, odd = phases(3, 2, 1, 5, 10)
    assert (even.taps, even.before, even.after) == ((1,), 0, 0)
    assert (odd.taps, odd.before, odd.after) == ((2, 0), 0, 1)
