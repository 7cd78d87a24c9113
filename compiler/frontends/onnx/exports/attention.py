"""Exporters of attention."""

from xdsl.ir import SSAValue

from .....dialects._shape import shape
from .....dialects.graph.attention import STAGES, AttentionOp, AttentionScoresOp
from ..export_registry import exports
from ..writer import Attribute, Value, Writer


def attributes(op: AttentionOp | AttentionScoresOp) -> dict[str, Attribute]:
    """What both ops say of the scores."""
    return {
        "scale": float(op.scale.value.data),
        "softcap": op.cap or None,
        "is_causal": 1 if op.causal else None,
        "left_window_size": op.left.value.data if op.left is not None else None,
        "right_window_size": op.right.value.data if op.right is not None else None,
    }


def operands(w: Writer, op: AttentionOp | AttentionScoresOp, k: SSAValue, v: SSAValue) -> list[Value]:
    """Q, K, V, mask, past key and value, lengths. Where queries begin at a later key, what is before it is the past."""
    if not (past := op.band.offset):
        return [op.q, k, v, op.mask, None, None, op.lengths]

    def part(value: SSAValue, start: int, end: int) -> str:
        return w.value("Slice", op, value, w.ints([start]), w.ints([end]), w.ints([2]))

    count = shape(k)[2]
    if not 0 < past <= count:
        w.refuse(f"queries that begin at key {past} of {count}")
    return [
        op.q,
        *(part(value, past, count) for value in (k, v)),
        op.mask,
        *(part(value, 0, past) for value in (k, v)),
        op.lengths,
    ]


@exports(AttentionOp)
def attention(w: Writer, op: AttentionOp) -> None:
    """One node, and slices where there is a past."""
    w.need(23)
    w.outputs("Attention", op, operands(w, op, op.k, op.v), outputs(w, op), **attributes(op))


@exports(AttentionScoresOp)
def attention_scores(w: Writer, op: AttentionScoresOp) -> None:
    """The last output of an Attention whose values are the keys."""
    w.need(23)
    unused = w.fresh(f"{w.label(op)}_unused")
    given = ([unused, "", "", w.result(op, 0)] if not op.band.offset else
             [unused, *(w.fresh(unused) for _ in range(2)), w.result(op, 0)])  # fmt: skip
    stage = STAGES.index(op.stage.data)
    w.outputs("Attention", op, operands(w, op, op.k, op.k), given, qk_matmul_output_mode=stage, **attributes(op))


def outputs(w: Writer, op: AttentionOp) -> list[str]:
    """The result, and with a past the keys and values that it makes, which nobody reads."""
    result = w.result(op, 0)
    return [result, *(w.fresh(f"{result}_present") for _ in range(2))] if op.band.offset else [result]
