"""Arguments lie as those like it who read them."""

import numpy as np
import pytest
from aic.backends.npu.select.reader import Unsupported

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


def rows(dims: str, cut: str) -> str:
    """A part of the argument's last (or first) dimension, as rows of 16."""
    return f"""
      func.func @main(%x: tensor<{dims}xf32>) -> tensor<6x8xf32> {{
        %w = graph.weight @w : tensor<16x8xf32>
        %s = graph.slice %x {{offsets = array<i64: {", ".join("0" * cut.count("x") + "0")}>,
          sizes = array<i64: {cut.replace("x", ", ")}>, strides = array<i64: {", ".join("1" * (cut.count("x") + 1))}>}}
          : (tensor<{dims}xf32>) -> tensor<{cut}xf32>
        %r = graph.reshape %s {{shape = array<i64: 6, 16>}} : (tensor<{cut}xf32>) -> tensor<6x16xf32>
        %y = graph.matmul %r, %w : (tensor<6x16xf32>, tensor<16x8xf32>) -> tensor<6x8xf32>
        return %y : tensor<6x8xf32>
      }}"""


def test_the_host_cuts_an_argument_into_rows(read: ReadText) -> None:
    with pytest.raises(Unsupported, match="which the host cuts out"):
        read(rows("1x100", "1x96"))


def test_whole_rows_of_an_argument_are_a_view(read: ReadText) -> None:
    found = read(rows("7x1x16", "6x1x16"))
    assert not found.kinds["copy"]
    found.close(0.02)
