"""Arguments lie as those like it who read them."""

import numpy as np

from .conftest import ReadText


def test_an_argument_lies_as_what_it_is_added_to(read: ReadText) -> None:
    conv = "dilations = array<i64: 1>, group = 1 : i64, pads = array<i64: 0, 0>, strides = array<i64: 1>"
    image = "tensor<1x8x300xf32>"
    found = read(f"""
      func.func @main(%b: {image}, %a: {image}) -> {image} {{
        %v = graph.weight @v : tensor<8x8x1xf32>
        %x = graph.conv %a, %v {{{conv}}} : ({image}, tensor<8x8x1xf32>) -> {image}
        %m = graph.mul %x, %x : ({image}, {image}) -> {image}
        %y = graph.sub %b, %m : ({image}, {image}) -> {image}
        return %y : {image}
      }}""")
    assert not found.kinds["copy"] and np.prod(found.network.inputs[0].shape[:3]) == 300
    found.close(0.03)
