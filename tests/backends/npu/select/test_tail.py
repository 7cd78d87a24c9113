"""How sums of integers are rounded: as onnxruntime does, in its kernels or, where it has none, in floating point."""

import numpy as np
import pytest

from .conftest import ReadText

SHAPE = "tensor<1x16x64x64x"
TEXT = f"""
  func.func @main(%a: {SHAPE}i8>, %b: {SHAPE}i8>) -> {SHAPE}i8> {{
    %sa = graph.constant dense<0.5> : tensor<f32>
    %za = graph.constant dense<3> : tensor<i8>
    %sb = graph.constant dense<0.3> : tensor<f32>
    %zb = graph.constant dense<8> : tensor<i8>
    %sy = graph.constant dense<0.6> : tensor<f32>
    %zy = graph.constant dense<-5> : tensor<i8>
    %x = graph.dequantize %a, %sa, %za {{to = f32}} : ({SHAPE}i8>, tensor<f32>, tensor<i8>) -> {SHAPE}f32>
    %y = graph.dequantize %b, %sb, %zb {{to = f32}} : ({SHAPE}i8>, tensor<f32>, tensor<i8>) -> {SHAPE}f32>
    %s = graph.add %x, %y {{how}} : ({SHAPE}f32>, {SHAPE}f32>) -> {SHAPE}f32>
    {{act}}
    %q = graph.quantize %t, %sy, %zy {{to = i8}} : ({SHAPE}f32>, tensor<f32>, tensor<i8>) -> {SHAPE}i8>
    return %q : {SHAPE}i8>
  }}"""
RELU = f"%t = graph.relu %s : ({SHAPE}f32>) -> {SHAPE}f32>"
PAIRS = np.arange(1 << 16).reshape(1, 16, 64, 64)
GIVEN = {0: (PAIRS >> 8).astype(np.uint8).view(np.int8), 1: (PAIRS & 255).astype(np.uint8).view(np.int8)}


@pytest.mark.parametrize(
    ("how", "act", "apart"),
    [("", "", False), ("{floating = true}", "", True), ("", RELU, True)],
    ids=["add", "sum", "activation that cuts"],
)
def test_sums_of_integers(read: ReadText, how: str, act: str, apart: bool):
    """All pairs of int8; some of the sums lie between two steps, where the two ways part."""
    text = TEXT.replace("{how}", how).replace("{act}", act)
    found = read(text if act else text.replace("%t", "%s"), given=GIVEN)
    (layer,) = found.network.layers
    assert getattr(layer, "rounding") == ("onnx" if apart else "ort")  # noqa: B009  a layer of that kind has it
    assert np.array_equal(found.ran[0], found.layers[0])
    steps = np.abs(found.ran[0].astype(int) - found.wanted[0])
    assert steps.max() == (0 if apart else 1)
