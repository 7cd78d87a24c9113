"""Reductions of rows, columns, planes and channels, as one layer or two."""

import pytest

from .conftest import ReadText


def reduction(kind: str, dims: str, rows: int, result: str) -> str:
    image = f"tensor<1x24x{rows}x{rows}xf32>"
    conv = "dilations = array<i64: 1, 1>, group = 1 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>"
    return f"""
      func.func @main(%a: {image}) -> tensor<{result}xf32> {{
        %v = graph.weight @v : tensor<24x24x1x1xf32>
        %x = graph.conv %a, %v {{{conv}}} : ({image}, tensor<24x24x1x1xf32>) -> {image}
        %y = graph.reduce_{kind} %x {{axes = array<i64: {dims}>, keepdims = true}} : ({image}) -> tensor<{result}xf32>
        return %y : tensor<{result}xf32>
      }}"""


@pytest.mark.parametrize("kind", ["mean", "sum", "max"])
@pytest.mark.parametrize("dims, result", [("2", "1x24x1x9"), ("3", "1x24x9x1"), ("2, 3", "1x24x1x1"), ("1", "1x1x9x9")])
def test_one_layer(read: ReadText, kind: str, dims: str, result: str) -> None:
    found = read(reduction(kind, dims, 9, result))
    assert found.kinds["reduce"] == 1
    found.close(0.03)


@pytest.mark.parametrize("kind", ["mean", "sum", "max"])
def test_a_large_plane_goes_by_rows_first(read: ReadText, kind: str) -> None:
    found = read(reduction(kind, "2, 3", 150, "1x24x1x1"), machine="edge,mem.spad.bytes=524288")
    assert [layer.axis for layer in found.network.layers if layer.kind == "reduce"] == ["columns", "rows"]
    found.close(0.03)
