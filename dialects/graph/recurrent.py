"""Recurrent layers over a whole sequence: rnn, gru, lstm.

%y, %h, %c = graph.lstm %x, %w, %r, %b {direction = "bidirectional", activations = ["sigmoid", "tanh", "tanh", ..], ..}
    : (tensor<100x1x64xf32>, tensor<2x1024x64xf32>, tensor<2x1024x256xf32>, tensor<2x2048xf32>)
   -> (tensor<100x2x1x256xf32>, tensor<2x1x256xf32>, tensor<2x1x256xf32>)

x is [time, batch, in], y [time, directions, batch, hidden], states [directions, batch, hidden]; weights, biases and
peepholes are laid out as in ONNX. A batch entry stops at its length: its y is 0 from there on, its state stays.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import cast

import numpy as np
from xdsl.dialects.builtin import AnyFloat, ArrayAttr, BoolAttr, DenseArrayBase, FloatAttr, StringAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
)
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, element, shape, tensor
from ._base import Fusion, GraphOp, Types
from ._cells import ACTIVATIONS, Act, Cell, gru_step, lstm_step, rnn_step
from ._numbers import Numbers, expect_float, expect_same, present, rounded

DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
States = tuple[Numbers, ...]
Step = Callable[[Numbers, States], States]


class RecurrentOp(GraphOp, ABC):
    """What the three cells share; `alpha` and `beta` hold a number for each activation, used or not."""

    x = operand_def(TensorType)
    w = operand_def(TensorType)
    r = operand_def(TensorType)
    b = opt_operand_def(TensorType)
    lengths = opt_operand_def(TensorType)
    h0 = opt_operand_def(TensorType)
    direction = prop_def(StringAttr)
    activations = prop_def(ArrayAttr[StringAttr])
    alpha = prop_def(DenseArrayBase)
    beta = prop_def(DenseArrayBase)
    clip = opt_prop_def(FloatAttr)
    y = result_def(TensorType)
    h = result_def(TensorType)
    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    fusion = Fusion.OPAQUE

    @property
    @abstractmethod
    def gates(self) -> int:
        """How many gates the weights hold."""

    @property
    def functions(self) -> int:
        """How many activations a direction has."""
        return self.gates - 1 or 1

    @property
    def reversed(self) -> tuple[bool, ...]:
        """For each direction whether it runs backwards in time."""
        return DIRECTIONS[self.direction.data]

    @property
    def hidden(self) -> int:
        """The size of a state."""
        return shape(self.r)[-1]

    @property
    def bound(self) -> float | None:
        """What the sums of the gates are clipped to."""
        return None if self.clip is None else self.clip.value.data

    def acts(self, direction: int) -> tuple[Act, ...]:
        """The activations of a direction."""
        count = self.functions
        alpha, beta = (cast(DenseArrayBase[AnyFloat], v).get_values() for v in (self.alpha, self.beta))
        names = [name.data for name in self.activations]
        return tuple(Act(names[i], alpha[i], beta[i]) for i in range(direction * count, (direction + 1) * count))

    def wanted(self) -> dict[str, tuple[SSAValue | None, tuple[int, ...]]]:
        """The operands by name with the shapes that x, r and the direction imply."""
        (_, batch, width), hidden, count = shape(self.x), self.hidden, len(self.reversed)
        rows = self.gates * hidden
        return {
            "weights": (self.w, (count, rows, width)),
            "recurrent weights": (self.r, (count, rows, hidden)),
            "biases": (self.b, (count, 2 * rows)),
            "lengths": (self.lengths, (batch,)),
            "initial state": (self.h0, (count, batch, hidden)),
        }

    def infer(self) -> Types:
        if self.direction.data not in DIRECTIONS:
            raise VerifyException(
                f"{self.name}: expected a direction of {', '.join(DIRECTIONS)}, found {self.direction}"
            )
        if len(shape(self.x)) != 3 or len(shape(self.r)) != 3:
            raise VerifyException(
                f"{self.name}: expected x and recurrent weights of rank 3, "
                f"found {list(shape(self.x))} and {list(shape(self.r))}"
            )
        for role, (value, dims) in self.wanted().items():
            if value is not None and shape(value) != dims:
                raise VerifyException(f"{self.name}: expected {role} of shape {list(dims)}, found {list(shape(value))}")
        floats = [v for v in self.operands if v is not self.lengths]
        expect_float(self, *floats)
        expect_same(self, *floats)
        count = len(self.reversed) * self.functions
        if wrong := [name.data for name in self.activations if name.data not in ACTIVATIONS]:
            raise VerifyException(f"{self.name}: expected activations of {', '.join(ACTIVATIONS)}, found {wrong[0]}")
        if not len(self.activations) == len(self.alpha) == len(self.beta) == count:
            raise VerifyException(
                f"{self.name}: expected {count} activations, alphas and betas, "
                f"found {len(self.activations)}, {len(self.alpha)}, {len(self.beta)}"
            )
        (time, batch, _), kind, dirs = shape(self.x), element(self.x), len(self.reversed)
        state = tensor(kind, (dirs, batch, self.hidden))
        extra = len(self.get_irdl_definition().results) - 2
        return (tensor(kind, (time, dirs, batch, self.hidden)), state, *(state,) * extra)

    @abstractmethod
    def split_bias(self, bias: Numbers) -> tuple[Numbers, Numbers]:
        """A direction's biases as those added to the input's sums, and those that stay with the recurrent sums."""

    @abstractmethod
    def step(self, cell: Cell, own: dict[str, Numbers], rest: Numbers) -> Step:
        """One time step of a direction: from the input's sums and the states to the next states. `own` holds the
        direction's part of the operands by field, `rest` what `split_bias` left."""

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        flat = iter(present(inputs))
        names = [name for name, _ in self.get_irdl_definition().operands]
        given = {name: next(flat) for name in names if getattr(self, name) is not None}
        x, lengths = given.pop("x"), given.pop("lengths", None)
        count = np.full(x.shape[1], x.shape[0]) if lengths is None else lengths
        runs: list[tuple[Numbers, States]] = []
        with np.errstate(all="ignore"):
            for d, backwards in enumerate(self.reversed):
                own = {name: value[d] for name, value in given.items()}
                runs.append(self._run(d, backwards, x, count, own))
        y = np.stack([ys for ys, _ in runs], axis=1)
        states = [np.stack(parts) for parts in zip(*(states for _, states in runs), strict=True)]
        return tuple(rounded(v, self.x) for v in (y, *states))

    def _run(
        self, d: int, backwards: bool, x: Numbers, count: Numbers, own: dict[str, Numbers]
    ) -> tuple[Numbers, States]:
        time, batch, _ = x.shape
        bias, rest = self.split_bias(own.get("b", np.zeros(2 * len(own["w"]), x.dtype)))
        step = self.step(Cell(own["r"], self.acts(d), self.bound), own, rest)
        sums = x @ own["w"].T + bias
        zero = np.zeros((batch, self.hidden), x.dtype)
        states: States = tuple(own.get(f"{s}0", zero) for s in ("h", "c")[: len(self.results) - 1])
        ys = np.zeros((time, batch, self.hidden), x.dtype)
        for t in reversed(range(time)) if backwards else range(time):
            valid = (t < count)[:, None]
            states = tuple(np.where(valid, n, o) for n, o in zip(step(sums[t], states), states, strict=True))
            ys[t] = np.where(valid, states[0], 0)
        return ys, states


@irdl_op_definition
class RNNOp(RecurrentOp):
    """h' = f(W x + R h + b)."""

    name = "graph.rnn"

    @property
    def gates(self) -> int:
        return 1

    def split_bias(self, bias: Numbers) -> tuple[Numbers, Numbers]:
        w, r = np.split(bias, 2)
        return w + r, np.zeros(0, bias.dtype)

    def step(self, cell: Cell, own: dict[str, Numbers], rest: Numbers) -> Step:
        return lambda x, states: (rnn_step(cell, x, states[0]),)


@irdl_op_definition
class GRUOp(RecurrentOp):
    """Gates z (update) and r (reset): h' = (1 - z) g(W x + R (r h) + b) + z h; with `reset_after`, r (R h + b)."""

    name = "graph.gru"
    reset_after = prop_def(BoolAttr)

    @property
    def gates(self) -> int:
        return 3

    def split_bias(self, bias: Numbers) -> tuple[Numbers, Numbers]:
        size = self.hidden
        w, r = np.split(bias, 2)
        return np.concatenate([w[: 2 * size] + r[: 2 * size], w[2 * size :]]), r[2 * size :]

    def step(self, cell: Cell, own: dict[str, Numbers], rest: Numbers) -> Step:
        after = bool(self.reset_after)
        return lambda x, states: (gru_step(cell, x, states[0], rest, reset_after=after),)


@irdl_op_definition
class LSTMOp(RecurrentOp):
    """Gates i, o, f and the new cell g: c' = f c + i g, h' = o tanh(c'); `coupled` makes f = 1 - i."""

    name = "graph.lstm"
    x = operand_def(TensorType)
    w = operand_def(TensorType)
    r = operand_def(TensorType)
    b = opt_operand_def(TensorType)
    lengths = opt_operand_def(TensorType)
    h0 = opt_operand_def(TensorType)
    c0 = opt_operand_def(TensorType)
    p = opt_operand_def(TensorType)
    coupled = prop_def(BoolAttr)
    y = result_def(TensorType)
    h = result_def(TensorType)
    c = result_def(TensorType)

    @property
    def gates(self) -> int:
        return 4

    def wanted(self) -> dict[str, tuple[SSAValue | None, tuple[int, ...]]]:
        count, batch, hidden = len(self.reversed), shape(self.x)[1], self.hidden
        own = {"initial cell": (self.c0, (count, batch, hidden)), "peepholes": (self.p, (count, 3 * hidden))}
        return super().wanted() | own

    def split_bias(self, bias: Numbers) -> tuple[Numbers, Numbers]:
        w, r = np.split(bias, 2)
        return w + r, np.zeros(0, bias.dtype)

    def step(self, cell: Cell, own: dict[str, Numbers], rest: Numbers) -> Step:
        peep, coupled = own.get("p"), bool(self.coupled)
        return lambda x, states: lstm_step(cell, x, states[0], states[1], peep, coupled=coupled)
