"""Products of dynamically quantised values as products of floats."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]
SIZES = "operandSegmentSizes = array<i32: 1, 1, 1, 1>"

MATMUL = f"""
func.func @main(%x: tensor<2x5x16xf32>) -> tensor<2x5x8xf32> {{
  %w = graph.weight @w : tensor<16x8xi8>
  %wz = graph.weight @wz : tensor<ZEROxi8>
  %ws = graph.constant dense<0.01> : tensor<SCALE>
  %q, %s, %z = graph.dynamic_quantize %x : (tensor<2x5x16xf32>) -> (tensor<2x5x16xui8>, tensor<f32>, tensor<ui8>)
  %m = graph.mul %s, %ws : (tensor<f32>, tensor<SCALE>) -> tensor<SCALE>
  %0 = graph.matmul_integer %q, %w, %z, %wz {{{SIZES}}}
    : (tensor<2x5x16xui8>, tensor<16x8xi8>, tensor<ui8>, tensor<ZEROxi8>) -> tensor<2x5x8xi32>
  %1 = graph.cast %0 {{to = f32}} : (tensor<2x5x8xi32>) -> tensor<2x5x8xf32>
  %2 = graph.mul %1, %m : (tensor<2x5x8xf32>, tensor<SCALE>) -> tensor<2x5x8xf32>
  func.return %2 : tensor<2x5x8xf32>
}}"""

CONV = f"""
func.func @main(%x: tensor<1x4x6x6xf32>) -> tensor<1x8x4x4xf32> {{
  %w = graph.weight @w : tensor<8x4x3x3xi8>
  %wz = graph.weight @wz : tensor<1xi8>
  %ws = graph.constant dense<0.01> : tensor<f32>
  %q, %s, %z = graph.dynamic_quantize %x : (tensor<1x4x6x6xf32>) -> (tensor<1x4x6x6xui8>, tensor<f32>, tensor<ui8>)
  %m = graph.mul %ws, %s : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %0 = graph.conv_integer %q, %w, %z, %wz {{{SIZES}}}
    : (tensor<1x4x6x6xui8>, tensor<8x4x3x3xi8>, tensor<ui8>, tensor<1xi8>) -> tensor<1x8x4x4xi32>
  %1 = graph.cast %0 {{to = f32}} : (tensor<1x8x4x4xi32>) -> tensor<1x8x4x4xf32>
  %2 = graph.mul %m, %1 : (tensor<f32>, tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  func.return %2 : tensor<1x8x4x4xf32>
}}"""


@pytest.mark.parametrize("scale", ["f32", "8xf32"])
@pytest.mark.parametrize("zero", ["1", "8"])
def test_matmul(run: Run, scale: str, zero: str) -> None:
    ran = run(MATMUL.replace("SCALE", scale).replace("ZERO", zero), "npu-undo-dynamic,dce", atol=0.5)
    assert ran.cosine() > 0.9999  # x was rounded to 8 bits, of values up to 100
    assert ran.count["matmul"] == ran.count["dequantize"] == 1
    assert not ran.count["matmul_integer"] + ran.count["dynamic_quantize"] + ran.count["mul"] + ran.count["cast"]


def test_conv(run: Run) -> None:
    ran = run(CONV, "npu-undo-dynamic,dce")
    assert ran.cosine() > 0.9999 and ran.count["conv"] == 1 and not ran.count["dynamic_quantize"]


def test_quantised_statically_afterwards(run: Run) -> None:
    text = MATMUL.replace("SCALE", "8xf32").replace("ZERO", "8")
    ran = run(text, "npu-undo-dynamic,fold-constants{keep=dequantize},npu-quantize,dce")
    assert ran.cosine() > 0.999 and ran.count["quantize"] == 2


def test_other_zero_points_and_scales_stay(run: Run) -> None:
    text = MATMUL.replace("SCALE", "f32").replace("ZERO", "1")
    other = text.replace("%q, %w, %z, %wz", "%q, %w, %y, %wz").replace(
        "%m = ", "%y = graph.constant dense<3> : tensor<ui8>\n  %m = "
    )
    assert run(other, "npu-undo-dynamic", atol=0).count["matmul_integer"] == 1
    rows = text.replace("SCALE", "f32").replace("tensor<f32>) -> tensor<f32>", "tensor<5x1xf32>) -> tensor<5x1xf32>")
    rows = rows.replace("dense<0.01> : tensor<f32>", "dense<0.01> : tensor<5x1xf32>")
    rows = rows.replace("(tensor<2x5x8xf32>, tensor<f32>)", "(tensor<2x5x8xf32>, tensor<5x1xf32>)")
    assert run(rows, "npu-undo-dynamic", atol=0).count["matmul_integer"] == 1
