"""The arithmetic of one time step of a recurrent cell, on numpy arrays, and the activations it is given by name.

The gates lie one after the other along the last axis: i o f c (LSTM), z r h (GRU), one (RNN), as in ONNX.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ._numbers import Numbers

Activation = Callable[[Numbers, float, float], Numbers]

ACTIVATIONS: dict[str, Activation] = {
    "sigmoid": lambda x, a, b: 1 / (1 + np.exp(-x)),
    "tanh": lambda x, a, b: np.tanh(x),
    "relu": lambda x, a, b: np.maximum(x, 0),
    "affine": lambda x, a, b: a * x + b,
    "leakyrelu": lambda x, a, b: np.where(x < 0, a * x, x),
    "thresholdedrelu": lambda x, a, b: np.where(x > a, x, 0 * x),
    "scaledtanh": lambda x, a, b: a * np.tanh(b * x),
    "hardsigmoid": lambda x, a, b: np.clip(a * x + b, 0, 1),
    "elu": lambda x, a, b: np.where(x < 0, a * np.expm1(x), x),
    "softsign": lambda x, a, b: x / (1 + np.abs(x)),
    "softplus": lambda x, a, b: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
}


@dataclass(frozen=True)
class Act:
    """An activation with its parameters."""

    name: str
    alpha: float
    beta: float

    def __call__(self, x: Numbers) -> Numbers:
        return ACTIVATIONS[self.name](x, self.alpha, self.beta).astype(x.dtype)


@dataclass(frozen=True)
class Cell:
    """One direction: recurrent weights [G H, H] and the activations; `clip` bounds the sums of the gates."""

    r: Numbers
    acts: Sequence[Act]
    clip: float | None

    def bounded(self, x: Numbers) -> Numbers:
        """The sum of a gate within the clip."""
        return x if self.clip is None else np.clip(x, -self.clip, self.clip).astype(x.dtype)


def rnn_step(cell: Cell, x: Numbers, h: Numbers) -> Numbers:
    """The next state from the sums of the input and the state."""
    return cell.acts[0](cell.bounded(x + h @ cell.r.T))


def gru_step(cell: Cell, x: Numbers, h: Numbers, bias: Numbers, *, reset_after: bool) -> Numbers:
    """The next state; `bias` [H] belongs to the hidden gate's recurrent sum, which is reset after it or before."""
    size = h.shape[-1]
    f, g = cell.acts
    z, r = np.split(f(cell.bounded(x[..., : 2 * size] + h @ cell.r[: 2 * size].T)), 2, axis=-1)
    hidden = cell.r[2 * size :].T
    inner = r * (h @ hidden + bias) if reset_after else (r * h) @ hidden + bias
    return (1 - z) * g(cell.bounded(x[..., 2 * size :] + inner)) + z * h


def lstm_step(
    cell: Cell, x: Numbers, h: Numbers, c: Numbers, peep: Numbers | None, *, coupled: bool
) -> tuple[Numbers, Numbers]:
    """The next state and cell; peepholes go i o f, coupled gates have f = 1 - i."""
    f, g, last = cell.acts
    i, o, forget, new = np.split(x + h @ cell.r.T, 4, axis=-1)
    pi, po, pf = np.split(peep, 3) if peep is not None else (0, 0, 0)
    i = f(cell.bounded(i + pi * c))
    forget = 1 - i if coupled else f(cell.bounded(forget + pf * c))
    after = forget * c + i * g(cell.bounded(new))
    o = f(cell.bounded(o + po * after))
    return o * last(after), after
