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


def test_products_side_by_side(read: ReadText) -> None:
    part = """
        %{n} = graph.slice %x {{offsets = array<i64: 0, {n}, 0, 0>, sizes = array<i64: 1, 1, 24, 64>,
          strides = array<i64: 1, 1, 1, 1>}} : (tensor<1x2x24x64xf32>) -> tensor<1x1x24x64xf32>
        %t{n} = graph.transpose %{n} {{perm = array<i64: 0, 1, 3, 2>}}
          : (tensor<1x1x24x64xf32>) -> tensor<1x1x64x24xf32>
        %s{n} = graph.matmul %{n}, %t{n} : (tensor<1x1x24x64xf32>, tensor<1x1x64x24xf32>) -> tensor<1x1x24x24xf32>
        %y{n} = graph.matmul %s{n}, %{n} : (tensor<1x1x24x24xf32>, tensor<1x1x24x64xf32>) -> tensor<1x1x24x64xf32>
        %r{n} = graph.reshape %y{n} {{shape = array<i64: 1, 24, 64>}}
          : (tensor<1x1x24x64xf32>) -> tensor<1x24x64xf32>"""
    found = read(f"""
      func.func @main(%x: tensor<1x2x24x64xf32>) -> tensor<1x24x128xf32> {{{part.format(n=0)}{part.format(n=1)}
        %z = graph.concat %r0, %r1 {{axis = 2 : i64}}
          : (tensor<1x24x64xf32>, tensor<1x24x64xf32>) -> tensor<1x24x128xf32>
        return %z : tensor<1x24x128xf32>
      }}""")
    assert found.kinds == {"product": 4}
    found.close(0.03)


def test_each_product_of_a_batch_adds_its_own(read: ReadText) -> None:
    found = read("""
      func.func @main(%x: tensor<3x24x64xf32>, %y: tensor<3x64x40xf32>) -> tensor<3x24x40xf32> {
        %w = graph.weight @w : tensor<64x40xf32>
        %r = graph.matmul %x, %w : (tensor<3x24x64xf32>, tensor<64x40xf32>) -> tensor<3x24x40xf32>
        %p = graph.matmul %x, %y : (tensor<3x24x64xf32>, tensor<3x64x40xf32>) -> tensor<3x24x40xf32>
        %z = graph.add %p, %r : (tensor<3x24x40xf32>, tensor<3x24x40xf32>) -> tensor<3x24x40xf32>
        return %z : tensor<3x24x40xf32>
      }""")
    assert found.kinds == {"matrix": 1, "product": 1}
    found.close(0.03)


def test_a_result_that_has_no_room_passes_through(read: ReadText) -> None:
    # 256 x 512 numbers of 2 bytes are all of this machine's SPAD
    found = read(
        """
      func.func @main(%x: tensor<1x256x16xf32>, %y: tensor<1x16x512xf32>) -> tensor<1x256x512xf32> {
        %z = graph.matmul %x, %y : (tensor<1x256x16xf32>, tensor<1x16x512xf32>) -> tensor<1x256x512xf32>
        return %z : tensor<1x256x512xf32>
      }""",
        machine="gemmini-like",
    )
    assert found.kinds == {"product": 1}
    found.close(0.03)
