"""Importers of products, quantization and attention, against onnx.reference."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.dialects._shape import Array

RunNode = Callable[..., list[Array]]


def rand(*dims: int, kind: type = np.float32) -> Array:
    return np.random.default_rng(sum(dims)).standard_normal(dims).astype(kind)


def whole(*dims: int, kind: type = np.uint8) -> Array:
    ends = np.iinfo(kind)
    return np.random.default_rng(sum(dims)).integers(ends.min, ends.max, dims, dtype=kind)


def number(value: float, kind: type = np.float32) -> Array:
    return np.array(value, kind)


def test_matmul(node: RunNode) -> None:
    node("MatMul", rand(2, 3, 4), rand(4, 5), opset=9)
    node("MatMul", rand(4), rand(2, 4, 5), opset=13, known=(1,))


@pytest.mark.parametrize("opset", [6, 7, 9, 13])
def test_gemm(node: RunNode, opset: int) -> None:
    a, b, c = rand(3, 2), rand(4, 3), rand(4)
    extra = {"broadcast": 1} if opset < 7 else {}
    expected = [np.float32(0.5) * a.T @ b.T + np.float32(2) * c]
    attributes = {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0}
    node("Gemm", a, b, c, opset=opset, expected=expected, **attributes, **extra)


def test_gemm_without_c(node: RunNode) -> None:
    node("Gemm", rand(3, 2), rand(2, 4), opset=11)


def test_einsum(node: RunNode) -> None:
    node("Einsum", rand(2, 3, 4), rand(2, 4, 5), opset=12, equation="...ij,...jk->...ik")
    node("Einsum", rand(3, 3), opset=12, equation="ii->i")


@pytest.mark.parametrize("zero", [np.uint8, np.int8])
def test_quantize(node: RunNode, zero: type) -> None:
    x, scale = rand(2, 3, 4), np.array([0.1, 0.02, 0.5], np.float32)
    node("QuantizeLinear", x, scale, np.array([1, 2, 3], zero), opset=13, axis=1)
    node("QuantizeLinear", x, number(0.02), number(3, zero), opset=10)
    node("DequantizeLinear", whole(2, 3, 4, kind=zero), scale, np.array([1, 2, 3], zero), opset=19, axis=-2)


def test_quantize_of_newer_opsets(node: RunNode) -> None:
    x, scale = rand(2, 6), np.abs(rand(2, 2)) + np.float32(0.01)
    node("QuantizeLinear", x, scale, opset=21, axis=1, block_size=3, output_dtype=5)
    node("QuantizeLinear", x.astype(np.float16), number(0.02, np.float16), opset=23, output_dtype=3, precision=1)
    node("DequantizeLinear", whole(2, 6, kind=np.int16), scale, opset=21, axis=1, block_size=3)


def test_dynamic_quantize(node: RunNode) -> None:
    node("DynamicQuantizeLinear", rand(3, 5), opset=11, outputs=3)


def test_matmul_integer(node: RunNode) -> None:
    node("MatMulInteger", whole(3, 4), whole(4, 5, kind=np.int8), number(9, np.uint8), number(-3, np.int8), opset=10)


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
@pytest.mark.parametrize("scale", [np.float32, np.float16])
def test_qlinear_matmul(node: RunNode, kind: type, scale: type) -> None:
    scales = [number(v, scale) for v in (0.0066, 0.00705, 0.0107)]
    zeros = [number(v, kind) for v in (113, 114, 118)]
    pairs = zip((whole(2, 3, 4, kind=kind), whole(4, 5, kind=kind)), scales[:2], zeros[:2], strict=True)
    inputs = [a for triple in pairs for a in triple]
    node("QLinearMatMul", *inputs, scales[2], zeros[2], opset=21, known=(3, 4, 5))


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_qlinear_conv(node: RunNode, per_channel: bool, bias: bool) -> None:
    x, w = whole(1, 4, 6, 6), whole(3, 4, 3, 3, kind=np.int8)
    scale = np.array([0.01, 0.02, 0.005], np.float32) if per_channel else number(0.01)
    zero = np.zeros(3, np.int8) if per_channel else number(0, np.int8)
    inputs = [x, number(0.02), number(120, np.uint8), w, scale, zero, number(0.3), number(100, np.uint8)]
    extra = [np.array([100, -2000, 5], np.int32)] if bias else []
    node("QLinearConv", *inputs, *extra, opset=10, known=(3, 4, 5), pads=(1, 1, 1, 1), strides=(2, 1))


def test_attention_3d(node: RunNode) -> None:
    q, k, v = rand(2, 4, 24), rand(2, 6, 12), rand(2, 6, 12)
    node("Attention", q, k, v, opset=23, rtol=1e-4, q_num_heads=4, kv_num_heads=2, is_causal=1, softcap=2.0)


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_attention_with_past_and_scores(node: RunNode, mode: int) -> None:
    q, k, v = rand(2, 4, 3, 8), rand(2, 2, 3, 8), rand(2, 2, 3, 8)
    past = rand(2, 2, 5, 8), rand(2, 2, 5, 8)
    mask = np.random.default_rng(0).integers(0, 2, (3, 8)).astype(bool)
    mask[:, 0] = True
    node("Attention", q, k, v, mask, *past, opset=23, outputs=4, rtol=1e-4, qk_matmul_output_mode=mode)


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("dims", [(2, 3, 4, 8), (2, 4, 24)])
def test_rotary_embedding(node: RunNode, interleaved: int, dims: tuple[int, ...]) -> None:
    caches = rand(10, 2), rand(10, 2)
    positions = np.array([[0, 3, 1, 9], [4, 4, 4, 2]], np.int64)
    attributes = {"interleaved": interleaved, "rotary_embedding_dim": 4, "num_heads": 3}
    node("RotaryEmbedding", rand(*dims), *caches, positions, opset=23, **attributes)


def test_spatial(node: RunNode) -> None:
    x = rand(1, 2, 4, 5)
    node("CenterCropPad", x, np.array([7, 2], np.int64), opset=18, known=(1,), axes=(-2, -1))
    grid = rand(1, 3, 3, 2)
    node("GridSample", x, grid, opset=20, mode="cubic", padding_mode="reflection", rtol=1e-4)
    columns, image, block = rand(1, 8, 12), np.array([4, 5], np.int64), np.array([2, 2], np.int64)
    node("Col2Im", columns, image, block, opset=18, known=(1, 2))
    rois = np.array([[0, 0, 3, 3], [1, 1, 4, 3]], np.float32)
    node("RoiAlign", x, rois, np.zeros(2, np.int64), opset=16, output_height=2, output_width=2, rtol=1e-4)
    offset, w = rand(1, 8, 3, 4), rand(3, 2, 2, 2)
    node("DeformConv", x, w, offset, rand(3), opset=19, rtol=1e-3)
