"""What the NPU's arithmetic means, against exact fractions, scalar code of the published algorithms, and float64."""

import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from aic.dialects.npu._floating import FUNCTIONS, activated, activated_bf16, erfc
from aic.dialects.npu._meaning import ONNX, ORT, add, combine, looked_up, of_pairs, pairs, requantise
from aic.dialects.npu._product import chunk, product
from aic.dialects.npu._rows import norm, reduce, softmax

F32 = np.float32


def cases(count: int = 12000):
    """Sums, biases, multipliers, right shifts (some negative) in which results differ."""
    rng = np.random.default_rng(0)
    acc = rng.integers(-(2**24), 2**24, count, dtype=np.int32)
    bias = rng.integers(-(2**18), 2**18, count, dtype=np.int32)
    mult = rng.integers(1 << 30, (1 << 31) - 1, count, dtype=np.int32)
    return acc, bias, mult, rng.integers(-1, 22, count, dtype=np.int32)


def test_one_rounding_is_exact():
    """TFLite's single rounding: floor(x * mult / 2**(31 + shift) + 1/2)."""
    acc, bias, mult, shift = cases()
    found = requantise(acc, bias, mult, shift, 0, 3)
    for i, (a, b, m, s) in enumerate(zip(acc.tolist(), bias.tolist(), mult.tolist(), shift.tolist(), strict=True)):
        exact = math.floor(Fraction((a + b) * m, 1 << 31 + s) + Fraction(1, 2))
        assert found[i] == min(max(exact + 3, -128), 127)


def gemmlowp(x: int, mult: int, shift: int) -> int:
    """SaturatingRoundingDoublingHighMul and RoundingDivideByPOT, as fixedpoint.h has them."""
    product = (x << max(-shift, 0)) * mult
    nudge = (1 << 30) if product >= 0 else 1 - (1 << 30)
    high = int(Fraction(product + nudge, 1 << 31))
    right = max(shift, 0)
    mask = (1 << right) - 1
    return (high >> right) + (1 if high & mask > (mask >> 1) + (1 if high < 0 else 0) else 0)


def test_two_roundings_are_gemmlowps():
    acc, bias, mult, shift = cases()
    found = requantise(acc, bias, mult, shift, 1, -5)
    for i, (a, b, m, s) in enumerate(zip(acc.tolist(), bias.tolist(), mult.tolist(), shift.tolist(), strict=True)):
        assert found[i] == min(max(gemmlowp(a + b, m, s) - 5, -128), 127)


def test_sums_wrap_around_before_they_are_scaled():
    found = requantise(np.array([2**31 - 1], np.int32), np.int32(1), F32(2**-25), np.int32(0), ORT)
    assert found[0] == -64


def test_limits_of_16_bits():
    acc = np.array([-(2**30), -7, 9, 2**30], np.int32)
    found = requantise(acc, np.int32(0), F32(0.5), np.int32(0), ORT, 0, (-32768, 32767))
    assert found.tolist() == [-32768, -4, 4, 32767]


def every_pair():
    bits = np.arange(-128, 128, dtype=np.int16).astype(np.int8)
    return np.meshgrid(bits, bits, indexing="ij")


@pytest.mark.parametrize("mode", ["add", "sub", "mul", "max", "min"])
@pytest.mark.parametrize("unsigned", [False, True])
def test_tables_of_pairs_are_the_function(mode: str, unsigned: bool):
    a, b = every_pair()
    rest = (mode, (0.7, 0.4, -3.25), (3, -4, 5), ORT, (-128, 127), unsigned)
    wanted = combine(a, b, *rest).astype(np.int8)
    assert np.array_equal(of_pairs(pairs(combine, *rest), a, b), wanted)
    assert len(np.unique(wanted)) > 100


def test_sums_are_rounded_as_ort_or_onnx():
    a, b = every_pair()
    with pytest.raises(ValueError, match="ort or onnx"):
        add(a, b, (1.0, 1.0, 0.0), (0, 0, 0), 0)
    exact = np.clip(np.rint((a * 0.25 + b * 0.5 - 2.0) / 0.75) + 4, -128, 127)
    found = add(a, b, (0.25, 0.5, 0.75), (4, 2, 4), ONNX)
    assert np.abs(found - exact).max() <= 1


def test_tables():
    table = np.arange(-128, 128).astype(np.int8)[::-1].copy()
    x = np.array([[-128, 0], [1, 127]], np.int8)
    assert np.array_equal(looked_up(table, x), -1 - x)


@pytest.mark.parametrize("dtype", ["i8", "i16xi8", "i16"])
@pytest.mark.parametrize("zeros", [(0, 0), (-128, 0), (17, -100), (127, -128)])
def test_products_are_exact(dtype: str, zeros: tuple[int, int]):
    """Random shapes, and the least operands everywhere, mod 2**32."""
    rng = np.random.default_rng(1)
    low = [-(1 << bits - 1) for bits in {"i8": (8, 8), "i16xi8": (16, 8), "i16": (16, 16)}[dtype]]
    for m, k, n in ((3, 3000, 5), (1, 1, 1), (20, 1025, 33), (7, 513, 64)):
        for least in (False, True):
            a = np.full((m, k), low[0]) if least else rng.integers(low[0], -low[0], (m, k))
            b = np.full((k, n), low[1]) if least else rng.integers(low[1], -low[1], (k, n))
            exact = (a - zeros[0]).astype(np.int64) @ (b - zeros[1])
            assert np.array_equal(product(a, b, dtype, *zeros), exact.astype(np.int32))


def test_chunks_of_exact_sums():
    assert [chunk("i8", *z) for z in ((0, 0), (1, 0), (-128, 0))] == [1024, 1016, 514]
    assert chunk("i8", -128, -128) == 258


def test_bf16_products_are_sums_in_float32():
    rng = np.random.default_rng(2)
    a, b = (rng.normal(size=s).astype(ml_dtypes.bfloat16).astype(F32) for s in ((5, 700), (700, 6)))
    exact = a.astype(np.float64) @ b
    assert np.abs(product(a, b, "bf16") - exact).max() < 1e-4


def test_erfc_is_relatively_exact():
    x = np.linspace(-6, 9, 4001).astype(F32)
    exact = np.array([math.erfc(v) for v in x.tolist()])
    assert np.abs(erfc(x) / exact - 1).max() < 2e-5


@pytest.mark.parametrize("mode", sorted(FUNCTIONS))
def test_functions_of_every_bf16(mode: str):
    """The table is the function, rounded."""
    x = np.arange(1 << 16, dtype=np.uint16).view(ml_dtypes.bfloat16)
    x = x[np.isfinite(x.astype(F32))]
    found = activated_bf16(mode, x)
    wanted = activated(mode, x.astype(F32)).astype(ml_dtypes.bfloat16)
    assert np.array_equal(found.view(np.uint16), wanted.view(np.uint16))


def test_rows():
    rng = np.random.default_rng(3)
    x = rng.normal(0, 3, (4, 5, 70))
    e = np.exp(x - x.max(-1, keepdims=True))
    assert np.allclose(softmax(x.astype(F32)), e / e.sum(-1, keepdims=True), atol=1e-6)
    mask = np.where(rng.random(x.shape) < 0.3, -1e30, 0.0).astype(F32)
    assert (softmax(x.astype(F32), mask)[mask != 0] == 0).all()
    g, b = rng.normal(size=(2, 70)).astype(F32)
    centred = x - x.mean(-1, keepdims=True)
    wanted = centred / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * g + b
    assert np.allclose(norm("ln", x.astype(F32), g, b, 1e-5), wanted, atol=1e-4)
    wanted = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * g + b
    assert np.allclose(norm("rms", x.astype(F32), g, b, 1e-5), wanted, atol=1e-4)
    q = rng.integers(-128, 128, (3, 4, 5), dtype=np.int8)
    assert np.array_equal(reduce("sum", q, (0, 1), -128)[0, 0], (q.astype(int) + 128).sum((0, 1)))
    assert np.array_equal(reduce("max", q, (2,), 5)[..., 0], q.max(2).astype(int) - 5)
