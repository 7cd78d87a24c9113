"""What requantisation and sums of quantised tensors mean, bit by bit: the vector unit's integer results.

requantise(acc, bias, scale, shift, ORT, zero=3)     int32 sums -> whole numbers -128..127
add(a, b, (rA, rB, k), ..)                           int8 + int8 -> whole numbers, as QLinearAdd

Results are whole numbers within the limits, of a type that holds them; who stores them casts. Parameters of channels
broadcast against the sums.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

Numbers = np.ndarray[tuple[int, ...], np.dtype[Any]]
"""An array that numpy's operators take."""
TFLITE, GEMMLOWP, ORT, ONNX = range(4)
"""Roundings of a requantisation."""
BYTE = (-128, 127)
F32, F64, I64 = np.float32, np.float64, np.int64


def requantise(
    acc: Numbers,
    bias: Numbers,
    mult: Numbers,
    shift: Numbers,
    rounding: int,
    zero: int = 0,
    limits: tuple[int, int] = BYTE,
) -> Numbers:
    """round((acc + bias) * scale) + zero within limits; acc and bias int32, their sum wraps around.

    `ORT` and `ONNX`: mult is a float32 scale, product in float32, half to even. `TFLITE`, `GEMMLOWP`: int32 mult and a
    right shift, as TFLite's MultiplyByQuantizedMultiplier with one rounding and with two.
    """
    x = np.add(acc, bias, dtype=np.int32)
    if rounding in (TFLITE, GEMMLOWP):
        y = _one_rounding(x, mult, shift) if rounding == TFLITE else _two_roundings(x, mult, shift)
        return np.clip(y + zero, *limits)
    y = x.astype(F32)
    y *= mult
    return rounded(y, zero, limits)


def rounded(y: Numbers, zero: int, limits: tuple[int, int]) -> Numbers:
    """rint(y) + zero within limits; y is float32 and is overwritten."""
    np.clip(y, F32(limits[0] - zero), F32(limits[1] - zero), out=y)
    np.rint(y, out=y)
    if zero:
        y += F32(zero)
    return y


def _one_rounding(x: Numbers, mult: Numbers, shift: Numbers) -> Numbers:
    """x * mult / 2**(31 + shift), half up."""
    total = 31 + shift.astype(I64)
    return (x.astype(I64) * mult + (I64(1) << (total - 1))) >> total


def _two_roundings(x: Numbers, mult: Numbers, shift: Numbers) -> Numbers:
    """gemmlowp: SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT."""
    product = (x.astype(I64) << np.maximum(-shift, 0)) * mult.astype(I64)
    high = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.where(high >= 0, high >> 31, -((-high) >> 31))
    right = np.maximum(shift, 0).astype(I64)
    mask = (I64(1) << right) - 1
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))


def add(
    a: Numbers,
    b: Numbers,
    numbers: tuple[float, float, float],
    zeros: tuple[int, int, int],
    rounding: int,
    limits: tuple[int, int] = BYTE,
    unsigned: bool = False,
) -> Numbers:
    """Sum of two quantised tensors with zero points of a, b and the result.

    `ORT`: numbers are rA, rB, k of `add_numbers`. `ONNX`: the scales of a, b and the result, as DequantizeLinear, Add,
    QuantizeLinear. `unsigned`: the network's values are 128 higher than the stored ones.
    """
    first, second, third = map(F32, numbers)
    if rounding == ORT:
        up = 128 if unsigned else 0
        t = ((b.astype(F64) + up) * F64(second) + F64(third)).astype(F32)
        y = ((a.astype(F64) + up) * F64(first) + t).astype(F32)
        return np.clip(np.rint(y), limits[0] + up, limits[1] + up) - F32(up)
    if rounding != ONNX:
        raise ValueError(f"a sum is rounded as ort or onnx say, not by rounding {rounding}")
    y = ((a.astype(F32) - F32(zeros[0])) * first + (b.astype(F32) - F32(zeros[1])) * second) / third
    return np.clip(np.rint(y) + F32(zeros[2]), F32(limits[0]), F32(limits[1]))


def add_numbers(
    scales: tuple[float, float, float], zeros: tuple[int, int, int], subtract: bool = False
) -> tuple[float, float, float]:
    """rA, rB and k of a sum (or difference) by rounding `ORT`, from scales and zero points (as the network has them) of
    a, b and the result; rB is positive in both cases, the instruction negates it."""
    sa, sb, sc = map(F32, scales)
    first, second = F32(sa / sc), F32(sb / sc)
    signed = -second if subtract else second
    inner = F64(first) * F64(zeros[0]) + F64(F32(signed * F32(zeros[1])))
    return float(first), float(second), float(F32(F32(zeros[2]) - F32(inner)))


def multiply(
    a: Numbers,
    b: Numbers,
    ratio: float,
    zeros: tuple[int, int, int],
    limits: tuple[int, int] = BYTE,
    unsigned: bool = False,
) -> Numbers:
    """Product of two quantised tensors as QLinearMul; ratio = float32(float32(sa * sb) / sc). The zero point of the
    result is added before rounding."""
    up = 128 if unsigned else 0
    y = (a.astype(F32) - F32(zeros[0])) * (b.astype(F32) - F32(zeros[1]))
    y *= F32(ratio)
    y += F32(zeros[2] + up)
    return np.clip(np.rint(y), limits[0] + up, limits[1] + up) - F32(up)


def combine(
    a: Numbers,
    b: Numbers,
    mode: str,
    numbers: tuple[float, float, float],
    zeros: tuple[int, int, int],
    rounding: int,
    limits: tuple[int, int] = BYTE,
    unsigned: bool = False,
) -> Numbers:
    """`add`, `sub`, `mul`, `max`, `min` of quantised tensors; the last two where all have one scale and zero point."""
    match mode:
        case "add":
            return add(a, b, numbers, zeros, rounding, limits, unsigned)
        case "sub":
            return add(a, b, (numbers[0], -numbers[1], numbers[2]), zeros, rounding, limits, unsigned)
        case "mul":
            return multiply(a, b, numbers[0], zeros, limits, unsigned)
        case "max":
            return np.clip(np.maximum(a, b), *limits)
        case "min":
            return np.clip(np.minimum(a, b), *limits)
        case _:
            raise ValueError(f"no operation {mode!r} on two tensors")


def _negated(numbers: tuple[float, float, float], rounding: int) -> tuple[float, float, float]:
    """The numbers of a difference: -rB, or -sb."""
    del rounding
    return numbers[0], -numbers[1], numbers[2]


@lru_cache(64)
def pairs(function: Callable[..., Numbers], *arguments: object) -> Numbers:
    """What a function of two int8 gives for all of their 65,536 pairs: int8 at (bits of a) * 256 + (bits of b)."""
    bits = np.arange(256, dtype=np.uint8).view(np.int8)
    a, b = np.meshgrid(bits, bits, indexing="ij")
    return function(a, b, *arguments).astype(np.int8).reshape(-1)


def of_pairs(table: Numbers, a: Numbers, b: Numbers) -> Numbers:
    """A table made by `pairs` at two int8 arrays."""
    index = a.view(np.uint8).astype(np.intp)
    index <<= 8
    index |= b.view(np.uint8)
    return table.take(index)


def looked_up(table: Numbers, x: Numbers) -> Numbers:
    """table[x + 128]: 256 int8 for the values -128 to 127."""
    return np.roll(table, 128).take(x.view(np.uint8))


def quantised(y: Numbers, ratio: float, zero: int, limits: tuple[int, int] = BYTE) -> Numbers:
    """rint(y * ratio) + zero within limits; y float32."""
    return rounded(y.astype(F32) * F32(ratio), zero, limits)
