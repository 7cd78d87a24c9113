"""Importers of attention and rotary embeddings."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from xdsl.dialects.builtin import i1
from xdsl.ir import SSAValue

from .....dialects._shape import dtype, element, shape
from .....dialects.graph.attention import STAGES, AttentionOp, AttentionScoresOp
from .....dialects.graph.cast import CastOp
from .....dialects.graph.view import ConcatOp, PadOp, ReshapeOp, TransposeOp
from ..node import Node
from ..registry import onnx_op
from .conv import optional


@onnx_op("Attention")
def attention(n: Node) -> Sequence[SSAValue | None]:
    """Heads are split off 3-D inputs, the past is put before keys and values, a short mask hides what it does not
    cover; the rest is the op's."""
    q, k, v = _heads(n, 0, "q_num_heads"), _heads(n, 1, "kv_num_heads"), _heads(n, 2, "kv_num_heads")
    if n.has(4) != n.has(5):
        raise ValueError("past_key and past_value: expected both or neither")
    if n.has(4) and n.has(6):
        raise ValueError("nonpad_kv_seqlen: expected no past_key beside it")
    offset = n.shape(4)[2] if n.has(4) else 0
    if n.has(4):
        k = n.emit(ConcatOp, [n.input(4), k], axis=2)
        v = n.emit(ConcatOp, [n.input(5), v], axis=2)
    mode = n.int("qk_matmul_output_mode", 0)
    if mode not in range(len(STAGES)):
        raise ValueError(f"qk_matmul_output_mode: expected 0 to {len(STAGES) - 1}, found {mode}")
    mask, lengths = _mask(n, q, k), optional(n, 6)
    left, right = (n.int(f"{side}_window_size", -1) for side in ("left", "right"))
    if min(left, right) < -1:
        raise ValueError(f"window sizes: expected -1 or more, found {left} and {right}")

    def emit(
        op: type[AttentionOp | AttentionScoresOp], *operands: SSAValue | None, stage: str | None = None
    ) -> SSAValue:
        return n.emit(
            op,
            *operands,
            scale=n.float("scale", 1 / sqrt(shape(q)[3]) if shape(q)[3] else 1.0),
            softcap=n.float("softcap", None) or None,
            causal=n.int("is_causal", 0) != 0 or None,
            left=left if left >= 0 else None,
            right=right if right >= 0 else None,
            offset=offset or None,
            stage=stage,
        )

    y = emit(AttentionOp, q, k, v, mask, lengths)
    if n.rank(0) == 3:
        batch, heads, rows, depth = shape(y)
        y = n.emit(ReshapeOp, n.emit(TransposeOp, y, perm=(0, 2, 1, 3)), shape=(batch, rows, heads * depth))
    scores = emit(AttentionScoresOp, q, k, mask, lengths, stage=STAGES[mode]) if n.wants(3) else None
    return (y, k, v, scores)[: n.outputs]


def _heads(n: Node, index: int, name: str) -> SSAValue:
    """[B, H, S, D] of an input of that shape or of [B, S, H * D]."""
    if n.rank(index) == 4:
        return n.input(index)
    if n.rank(index) != 3:
        raise ValueError(f"input {index}: expected rank 3 or 4, found {list(n.shape(index))}")
    batch, rows, width = n.shape(index)
    heads = n.int(name)
    if heads < 1 or width % heads:
        raise ValueError(f"{name}: expected a divisor of {width}, found {heads}")
    split = n.emit(ReshapeOp, n.input(index), shape=(batch, rows, heads, width // heads))
    return n.emit(TransposeOp, split, perm=(0, 2, 1, 3))


def _mask(n: Node, q: SSAValue, k: SSAValue) -> SSAValue | None:
    """Input 3 of i1 or the type of q, as long as there are keys: beyond its end nothing is seen."""
    if not n.has(3):
        return None
    mask, keys = n.input(3), shape(k)[2]
    if element(mask) not in (i1, element(q)):
        mask = n.emit(CastOp, mask, to=element(q))
    if not (dims := shape(mask)) or dims[-1] >= keys:
        return mask
    kind = dtype(mask.type)
    hidden = n.const(np.asarray(False if kind == np.bool_ else -np.inf, kind))
    high = (*(0 for _ in dims[1:]), keys - dims[-1])
    return n.emit(PadOp, mask, hidden, low=(0,) * len(dims), high=high, mode="constant")
