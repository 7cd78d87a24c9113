"""Fourier transforms against numpy's."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.dialects._shape import Array

RunNode = Callable[..., list[Array]]
rng = np.random.default_rng(0)


def parts(z: Array) -> Array:
    return np.stack([z.real, z.imag], -1).astype(np.float64)


@pytest.mark.parametrize("length", [None, 6, 12])
@pytest.mark.parametrize("onesided", [0, 1])
def test_forward(node: RunNode, length: int | None, onesided: int) -> None:
    x = rng.standard_normal((2, 9, 3, 1))
    given = (np.array(length),) if length else (None,)
    z = np.fft.fft(x[..., 0], length, 1)
    z = z[:, : z.shape[1] // 2 + 1] if onesided else z
    known = (1, 2) if length else (2,)
    node("DFT", x, *given, np.array(1), opset=20, known=known, onesided=onesided, expected=[parts(z)])


def test_inverse(node: RunNode) -> None:
    x = rng.standard_normal((2, 8, 2))
    z = x[..., 0] + 1j * x[..., 1]
    node("DFT", x, opset=20, inverse=1, expected=[parts(np.fft.ifft(z))])
    node("DFT", x, opset=17, axis=1, inverse=1, expected=[parts(np.fft.ifft(z))])
    real = np.fft.irfft(z)[..., None]
    node("DFT", x, opset=20, inverse=1, onesided=1, expected=[real])


def test_short_time(node: RunNode) -> None:
    x, window = rng.standard_normal((1, 32, 1)), np.hanning(8)
    frames = np.stack([x[:, s : s + 8, 0] * window for s in range(0, 25, 4)], 1)
    node("STFT", x, np.array(4), window, opset=17, known=(1,), expected=[parts(np.fft.rfft(frames))])


def test_mel_filters(node: RunNode) -> None:
    sizes = [np.array(v) for v in (8, 16, 8192)]
    node("MelWeightMatrix", *sizes, np.float32(0), np.float32(4096), opset=17, known=(0, 1, 2, 3, 4))
