"""Functions of all channels of a pixel, and reductions: arrays with channels last, float32 inside."""

import numpy as np

from ._meaning import Numbers

F32 = np.float32


def softmax(x: Numbers, mask: Numbers | None = None) -> Numbers:
    """exp(x - max) / sum over the last axis; `mask` is added first. x float32."""
    v = x if mask is None else x + mask
    e = v - v.max(-1, keepdims=True)
    np.exp(e, out=e)
    e /= e.sum(-1, keepdims=True, dtype=F32)
    return e


def norm(mode: str, x: Numbers, gamma: Numbers, beta: Numbers, epsilon: float) -> Numbers:
    """`ln`: (x - mean) / sqrt(variance + epsilon) * gamma + beta; `rms`: x / sqrt(mean square + epsilon) * gamma +
    beta; over the last axis, float32."""
    centred = x - x.mean(-1, keepdims=True, dtype=F32) if mode == "ln" else x
    power = np.mean(centred * centred, -1, keepdims=True, dtype=F32)
    y = centred / np.sqrt(power + F32(epsilon))
    y *= gamma
    y += beta
    return y


def reduce(mode: str, x: Numbers, axis: tuple[int, ...], zero: int = 0) -> Numbers:
    """`sum`, `mean`, `max` of (x - zero) over axes, which stay with extent 1; float32, integer sums exact before."""
    if mode == "max":
        return x.max(axis, keepdims=True).astype(F32) - F32(zero)
    integral = np.issubdtype(x.dtype, np.integer)
    count = int(np.prod([x.shape[a] for a in axis]))
    total = x.sum(axis, keepdims=True, dtype=np.int64 if integral else F32)
    y = (total - count * zero).astype(F32)
    return y / F32(count) if mode == "mean" else y
