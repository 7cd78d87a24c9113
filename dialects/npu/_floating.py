"""What floating results mean: float32 inside, rounded to bf16 (nearest, ties to even) where they are stored."""

from collections.abc import Callable
from functools import lru_cache

import ml_dtypes
import numpy as np

from ._meaning import Numbers

F32 = np.float32
BF16 = ml_dtypes.bfloat16

_ERFC = (
    *(0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807),
    *(-0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223),
)
"""Chebyshev fit of log(erfc(x) / t) + x^2 in t = 1 / (1 + x / 2), highest power first; relative error below 1.2e-7
everywhere (Press et al., Numerical Recipes in C, 2nd edition, section 6.2)."""


def erfc(x: Numbers) -> Numbers:
    """1 - erf(x) of float32, to a small relative error also where it is tiny."""
    size = np.abs(x)
    t = F32(1) / (F32(1) + F32(0.5) * size)
    power = np.full_like(t, _ERFC[0])
    for factor in _ERFC[1:]:
        power *= t
        power += F32(factor)
    power -= size * size
    y = t * np.exp(power)
    return np.where(x >= 0, y, F32(2) - y)


def _gelu(x: Numbers) -> Numbers:
    return F32(0.5) * x * erfc(x * F32(-np.sqrt(0.5)))


def _sigmoid(x: Numbers) -> Numbers:
    return F32(1) / (F32(1) + np.exp(-x))


FUNCTIONS: dict[str, Callable[[Numbers], Numbers]] = {
    "relu": lambda x: np.maximum(x, F32(0)),
    "gelu": _gelu,
    "silu": lambda x: x * _sigmoid(x),
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "exp": np.exp,
}
"""float32 to float32; gelu by erf."""


def activated(mode: str, x: Numbers) -> Numbers:
    """A function of FUNCTIONS of float32; "" is x itself."""
    if not mode:
        return x
    with np.errstate(all="ignore"):
        return FUNCTIONS[mode](x)


@lru_cache(16)
def of_every_bf16(mode: str) -> Numbers:
    """What a function gives for each of the 65,536 bf16, rounded to bf16; the index is the argument's bits."""
    every = np.arange(1 << 16, dtype=np.uint16).view(BF16).astype(F32)
    with np.errstate(all="ignore"):
        return activated(mode, every).astype(BF16)


def activated_bf16(mode: str, x: Numbers) -> Numbers:
    """A function of FUNCTIONS of bf16, as bf16."""
    return of_every_bf16(mode).take(x.view(np.uint16))


def finish(
    acc: Numbers,
    bias: Numbers,
    scale: Numbers,
    act: str = "",
    residual: Numbers | None = None,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> Numbers:
    """float32: act(acc * scale + bias + residual) within limits; int32 sums: act((acc + bias) * scale + residual), the
    sum in brackets mod 2**32."""
    if acc.dtype == np.int32:
        y = np.add(acc, bias, dtype=np.int32).astype(F32)
        y *= scale
    else:
        y = acc * scale
        y += bias
    if residual is not None:
        y += residual
    y = activated(act, y)
    if limits != (-np.inf, np.inf):
        np.clip(y, F32(limits[0]), F32(limits[1]), out=y)
    return y


def combine(a: Numbers, b: Numbers, mode: str) -> Numbers:
    """`add`, `sub`, `mul`, `max`, `min` of float32."""
    functions = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
    return functions[mode](a, b)
