"""Requantisation, sums, products and means, bit by bit what onnxruntime computes.

Models are quantised operators, or floating ones between DequantizeLinear and QuantizeLinear; both kinds become the same
kernels there. Weights stay within 64 where activations are uint8: beyond, kernels without VNNI may saturate.
"""

from collections.abc import Callable

import numpy as np
import pytest
from aic.dialects.npu._meaning import ONNX, ORT, add, add_numbers, multiply, requantise, rounded
from aic.dialects.npu._product import product
from aic.dialects.npu._rows import reduce

ort = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

F32 = np.float32
TYPES = {"i8": np.int8, "u8": np.uint8}


def run(nodes: list, inputs: dict[str, np.ndarray], constants: dict[str, np.ndarray], optimised: bool = True):
    """The output `y` of a model of these nodes."""
    made = [onnx.numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    kind = onnx.helper.np_dtype_to_tensor_dtype
    given = [onnx.helper.make_tensor_value_info(k, kind(v.dtype), v.shape) for k, v in inputs.items()]
    y = onnx.helper.make_tensor_value_info("y", kind(next(iter(inputs.values())).dtype), None)
    graph = onnx.helper.make_graph(nodes, "g", given, [y], made)
    domains = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.microsoft", 1)]
    model = onnx.helper.make_model(graph, opset_imports=domains, ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(["y"], inputs)[0]


def node(op: str, inputs: str, output: str = "y", **attributes: object):
    ours = op.startswith("QLinear") and op not in ("QLinearMatMul", "QLinearConv")
    return onnx.helper.make_node(op, inputs.split(), [output], domain="com.microsoft" if ours else "", **attributes)


def scale(rng: np.random.Generator, low: float, high: float) -> F32:
    return F32(rng.uniform(low, high))


def some(rng: np.random.Generator, kind: str, *shape: int) -> np.ndarray:
    limits = np.iinfo(TYPES[kind])
    return rng.integers(limits.min, limits.max + 1, shape).astype(TYPES[kind])


def zero(rng: np.random.Generator, kind: str) -> np.ndarray:
    limits = np.iinfo(TYPES[kind])
    return np.array(rng.integers(limits.min // 3 + limits.max // 3, limits.max // 2), TYPES[kind])


def stored(x: np.ndarray) -> np.ndarray:
    """As the NPU has it: int8."""
    return (x ^ np.uint8(0x80)).view(np.int8) if x.dtype == np.uint8 else x


def finished(acc: np.ndarray, ratios: np.ndarray, out_zero: np.ndarray, bias: np.ndarray | int = 0) -> np.ndarray:
    shift = np.zeros_like(acc[:1, :1])
    y = requantise(acc, np.asarray(bias, np.int32), ratios, shift, ORT, int(stored(out_zero)))
    return y.astype(np.int8)


@pytest.mark.parametrize("kind", ["i8", "u8"])
@pytest.mark.parametrize("seed", range(6))
def test_matrix_products(kind: str, seed: int):
    """QLinearMatMul: scale = float32(float32(sx * sw) / sy)."""
    rng = np.random.default_rng(seed)
    m, k, n = int(rng.integers(1, 40)), int(rng.integers(1, 400)), int(rng.integers(1, 70))
    a, b = some(rng, kind, m, k), rng.integers(-64, 65, (k, n)).astype(np.int8)
    za, zy = zero(rng, kind), zero(rng, kind)
    sa, sb, sy = scale(rng, 0.01, 0.05), scale(rng, 0.001, 0.01), scale(rng, 0.02, 0.2)
    constants = dict(b=b, sa=sa, za=za, sb=sb, zb=np.int8(0), sy=sy, zy=zy)
    wanted = run([node("QLinearMatMul", "a sa za b sb zb sy zy")], {"a": a}, constants)
    acc = product(stored(a), b, "i8", int(stored(za)))
    assert np.array_equal(finished(acc, F32(F32(sa * sb) / sy), zy), stored(wanted))


def patches(x: np.ndarray, k: int, stride: int, pad: int, fill: int) -> np.ndarray:
    """[1, C, H, W] as rows of C * k * k around each output pixel."""
    x = np.pad(x[0], ((0, 0), (pad, pad), (pad, pad)), constant_values=fill)
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), (1, 2))[:, ::stride, ::stride]
    return windows.transpose(1, 2, 0, 3, 4).reshape(windows.shape[1] * windows.shape[2], -1)


@pytest.mark.parametrize("kind", ["i8", "u8"])
@pytest.mark.parametrize("form", ["operator", "qdq"])
@pytest.mark.parametrize("seed", range(4))
def test_convolutions(kind: str, form: str, seed: int):
    """QLinearConv and a floating Conv between DequantizeLinear and QuantizeLinear: weights by channel, the input's zero
    point folded into the bias."""
    rng = np.random.default_rng(seed)
    c, n, k, stride = (
        int(rng.integers(1, 24)),
        int(rng.integers(1, 40)),
        int(rng.integers(1, 4)),
        int(rng.integers(1, 3)),
    )
    x = some(rng, kind, 1, c, 9, 11)
    w = rng.integers(-64, 65, (n, c, k, k)).astype(np.int8)
    bias = rng.integers(-4000, 4000, n).astype(np.int32)
    zx, zy = zero(rng, kind), zero(rng, kind)
    sx, sy, sw = scale(rng, 0.01, 0.05), scale(rng, 0.05, 0.3), rng.uniform(0.001, 0.01, n).astype(F32)
    window = dict(kernel_shape=[k, k], strides=[stride, stride], pads=[k // 2] * 4)
    constants = dict(sx=sx, zx=zx, w=w, sw=sw, zw=np.zeros(n, np.int8), sy=sy, zy=zy, b=bias)
    if form == "operator":
        nodes = [node("QLinearConv", "x sx zx w sw zw sy zy b", **window)]
    else:
        constants |= dict(sb=(sx * sw).astype(F32), zb=np.zeros(n, np.int32))
        nodes = [
            node("DequantizeLinear", "x sx zx", "xf"),
            node("DequantizeLinear", "w sw zw", "wf", axis=0),
            node("DequantizeLinear", "b sb zb", "bf", axis=0),
            node("Conv", "xf wf bf", "yf", **window),
            node("QuantizeLinear", "yf sy zy"),
        ]
    wanted = run(nodes, {"x": x}, constants)
    at_rest = int(stored(zx))
    rows, matrix = patches(stored(x), k, stride, k // 2, at_rest), w.reshape(n, -1).T
    acc = product(rows, matrix, "i8")
    folded = bias - at_rest * matrix.astype(np.int32).sum(0)
    found = finished(acc, ((sx * sw).astype(F32) / sy).astype(F32), zy, folded)
    assert np.array_equal(found.T.reshape(wanted.shape), stored(wanted))


def of_two(rng: np.random.Generator, kind: str):
    a, b = some(rng, kind, 200, 250), some(rng, kind, 200, 250)
    scales = scale(rng, 0.01, 0.2), scale(rng, 0.01, 0.2), scale(rng, 0.02, 0.3)
    return a, b, scales, (zero(rng, kind), zero(rng, kind), zero(rng, kind))


def constants_of(scales: tuple, zeros: tuple) -> dict[str, np.ndarray]:
    return dict(sa=scales[0], za=zeros[0], sb=scales[1], zb=zeros[1], sc=scales[2], zc=zeros[2])


@pytest.mark.parametrize("kind", ["i8", "u8"])
@pytest.mark.parametrize("seed", range(8))
def test_sums(kind: str, seed: int):
    """QLinearAdd, 50,000 values a case."""
    a, b, scales, zeros = of_two(np.random.default_rng(seed), kind)
    wanted = run([node("QLinearAdd", "a sa za b sb zb sc zc")], {"a": a, "b": b}, constants_of(scales, zeros))
    numbers = add_numbers(scales, tuple(int(z) for z in zeros))
    found = add(stored(a), stored(b), numbers, (0, 0, 0), ORT, (-128, 127), kind == "u8")
    assert np.array_equal(found.astype(np.int8), stored(wanted))


@pytest.mark.parametrize("kind", ["i8", "u8"])
@pytest.mark.parametrize("op", ["Add", "Sub"])
@pytest.mark.parametrize("seed", range(4))
def test_sums_of_the_plain_operators(kind: str, op: str, seed: int):
    """DequantizeLinear, Add or Sub, QuantizeLinear with nothing fused."""
    a, b, scales, zeros = of_two(np.random.default_rng(seed), kind)
    nodes = [
        node("DequantizeLinear", "a sa za", "af"),
        node("DequantizeLinear", "b sb zb", "bf"),
        node(op, "af bf", "yf"),
        node("QuantizeLinear", "yf sc zc"),
    ]
    wanted = run(nodes, {"a": a, "b": b}, constants_of(scales, zeros), optimised=False)
    signed = (scales[0], scales[1] if op == "Add" else -scales[1], scales[2])
    rest = tuple(float(s) for s in signed), tuple(int(stored(z)) for z in zeros)
    found = add(stored(a), stored(b), *rest, ONNX, (-128, 127), kind == "u8")
    assert np.array_equal(found.astype(np.int8), stored(wanted))


@pytest.mark.parametrize("kind", ["i8", "u8"])
@pytest.mark.parametrize("seed", range(6))
def test_products(kind: str, seed: int):
    """QLinearMul."""
    a, b, scales, zeros = of_two(np.random.default_rng(seed), kind)
    wanted = run([node("QLinearMul", "a sa za b sb zb sc zc")], {"a": a, "b": b}, constants_of(scales, zeros))
    ratio = F32(F32(scales[0] * scales[1]) / scales[2])
    at_rest = tuple(int(stored(z)) for z in zeros)
    found = multiply(stored(a), stored(b), float(ratio), at_rest, (-128, 127), kind == "u8")
    assert np.array_equal(found.astype(np.int8), stored(wanted))
    assert len(np.unique(found)) > 60


@pytest.mark.parametrize("kind", ["i8", "u8"])
@pytest.mark.parametrize("seed", range(6))
def test_global_means(kind: str, seed: int):
    """QLinearGlobalAveragePool: float32(sum - n * zx) * float32(sx / (sy * n))."""
    rng = np.random.default_rng(seed)
    h, w = int(rng.integers(2, 9)), int(rng.integers(2, 9))
    x, zx, zy = some(rng, kind, 4, 64, h, w), zero(rng, kind), zero(rng, kind)
    sx, sy = scale(rng, 0.02, 0.1), scale(rng, 0.005, 0.02)
    constants = dict(sx=sx, zx=zx, sy=sy, zy=zy)
    wanted = run([node("QLinearGlobalAveragePool", "x sx zx sy zy", channels_last=0)], {"x": x}, constants)
    total = reduce("sum", stored(x), (2, 3), int(stored(zx)))
    found = rounded(total * F32(sx / F32(sy * F32(h * w))), int(stored(zy)), (-128, 127))
    assert np.array_equal(found.astype(np.int8), stored(wanted))


def test_a_residual_is_two_steps():
    """A quantised convolution and the QLinearAdd after it: requantised to 8 bits, then added."""
    rng = np.random.default_rng(9)
    first: Callable[..., np.ndarray] = product
    a, b, r = some(rng, "i8", 30, 64), rng.integers(-64, 65, (64, 32)).astype(np.int8), some(rng, "i8", 30, 32)
    sa, sb, sm, sr, sy = F32(0.02), F32(0.004), F32(0.03), F32(0.05), F32(0.06)
    zm, zr, zy = np.int8(4), np.int8(-9), np.int8(12)
    nodes = [node("QLinearMatMul", "a sa z b sb z sm zm", "m"), node("QLinearAdd", "m sm zm r sr zr sy zy")]
    constants = dict(b=b, sa=sa, sb=sb, z=np.int8(0), sm=sm, zm=zm, sr=sr, zr=zr, sy=sy, zy=zy)
    wanted = run(nodes, {"a": a, "r": r}, constants)
    middle = finished(first(a, b, "i8"), F32(F32(sa * sb) / sm), np.array(zm))
    numbers = add_numbers((sm, sr, sy), (int(zm), int(zr), int(zy)))
    assert np.array_equal(add(middle, r, numbers, (0, 0, 0), ORT).astype(np.int8), wanted)
