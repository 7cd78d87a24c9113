"""Exporters of RNN, GRU and LSTM."""

from typing import cast

from xdsl.dialects.builtin import AnyFloat, DenseArrayBase
from xdsl.ir import SSAValue

from .....dialects.graph.recurrent import GRUOp, LSTMOp, RecurrentOp, RNNOp
from ..export_registry import exports
from ..ops.recurrent import PARAMETERS
from ..writer import Attribute, Writer

NAMES = (
    *("Sigmoid", "Tanh", "Relu", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh"),
    *("HardSigmoid", "Elu", "Softsign", "Softplus"),
)
SPELLED = {name.lower(): name for name in NAMES}
"""ONNX's spelling of the activations."""


@exports(RNNOp)
def rnn(w: Writer, op: RNNOp) -> None:
    """One node."""
    recurrent(w, "RNN", op)


@exports(GRUOp)
def gru(w: Writer, op: GRUOp) -> None:
    """One node."""
    recurrent(w, "GRU", op, linear_before_reset=1 if op.reset_after else None)


@exports(LSTMOp)
def lstm(w: Writer, op: LSTMOp) -> None:
    """One node."""
    recurrent(w, "LSTM", op, op.c0, op.p, input_forget=1 if op.coupled else None)


def recurrent(w: Writer, name: str, op: RecurrentOp, *more: SSAValue | None, **attributes: Attribute) -> None:
    """The attributes that all three have; parameters are listed for the activations that take them."""
    acts = [a.data for a in op.activations]
    direction = op.direction.data
    w.node(
        name,
        op,
        *(op.x, op.w, op.r, op.b, op.lengths, op.h0, *more),
        hidden_size=op.hidden,
        direction=direction if direction != "forward" else None,
        activations=[SPELLED[a] for a in acts],
        activation_alpha=_listed(acts, op.alpha, 0),
        activation_beta=_listed(acts, op.beta, 1),
        clip=op.bound,
        **attributes,
    )


def _listed(acts: list[str], values: DenseArrayBase, which: int) -> list[float] | None:
    numbers = cast(DenseArrayBase[AnyFloat], values).get_values()
    found = [n for a, n in zip(acts, numbers, strict=True) if PARAMETERS.get(a, (None, None))[which] is not None]
    return found or None
