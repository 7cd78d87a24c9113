"""Convolutions as layers and programs, where the whole does not fit somewhere."""

from .conftest import ReadText


def test_depthwise_parameters_in_shares(read: ReadText) -> None:
    image = "tensor<1x1152x5x5xf32>"
    found = read(f"""
      func.func @main(%x: {image}) -> {image} {{
        %w = graph.weight @w : tensor<1152x1x5x5xf32>
        %y = graph.conv %x, %w {{dilations = array<i64: 1, 1>, group = 1152 : i64, pads = array<i64: 2, 2, 2, 2>,
          strides = array<i64: 1, 1>}} : ({image}, tensor<1152x1x5x5xf32>) -> {image}
        return %y : {image}
      }}""")
    assert sum(i.name == "ld.p" for i in found.program.text) > 1
    found.close(0.02)
