"""Products of activations, and the factors that they multiply with."""

import pytest

from .conftest import ReadText, of_kind


@pytest.mark.parametrize("quantised", [False, True])
def test_a_factor_before_a_product(read: ReadText, quantised: bool) -> None:
    again = """
        %q = graph.quantize %c, %t {to = i8} : (tensor<2x24x64xf32>, tensor<f32>) -> tensor<2x24x64xi8>
        %d = graph.dequantize %q, %t {to = f32} : (tensor<2x24x64xi8>, tensor<f32>) -> tensor<2x24x64xf32>"""
    found = read(f"""
      func.func @main(%x: tensor<2x24x64xi8>, %y: tensor<2x64x40xi8>) -> tensor<2x24x40xf32> {{
        %s = graph.constant dense<0.02> : tensor<f32>
        %t = graph.constant dense<0.01> : tensor<f32>
        %f = graph.constant dense<0.4> : tensor<f32>
        %a = graph.dequantize %x, %s {{to = f32}} : (tensor<2x24x64xi8>, tensor<f32>) -> tensor<2x24x64xf32>
        %b = graph.dequantize %y, %s {{to = f32}} : (tensor<2x64x40xi8>, tensor<f32>) -> tensor<2x64x40xf32>
        %c = graph.mul %a, %f : (tensor<2x24x64xf32>, tensor<f32>) -> tensor<2x24x64xf32>{again if quantised else ""}
        %z = graph.matmul %{"d" if quantised else "c"}, %b
          : (tensor<2x24x64xf32>, tensor<2x64x40xf32>) -> tensor<2x24x40xf32>
        return %z : tensor<2x24x40xf32>
      }}""")
    assert len(of_kind(found, "product")) == 1 and found.kinds["activation"] == quantised
    found.close(0.02)
