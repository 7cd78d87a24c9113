"""Importers of attention and rotary embeddings."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from xdsl.dialects.builtin import i1
from xdsl.ir import SSAValue

from .....dialects._shape import dtype, element, shape
from .....dialects.graph.attention import STAGES, AttentionOp, AttentionScoresOp
from .....dialects.graph.cast import CastOp
from .....dialects.graph.elementwise import AddOp, MulOp, SubOp
from .....dialects.graph.gather import GatherOp
from .....dialects.graph.view import ConcatOp, PadOp, ReshapeOp, SliceOp, TransposeOp
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


@onnx_op("RotaryEmbedding")
def rotary_embedding(n: Node) -> SSAValue:
    """Pairs of the first dimensions of each head turn by an angle that its position gives: (x, y) becomes
    (c x - s y, s x + c y). Pairs are neighbours if interleaved, else one from each half."""
    dims, heads = n.shape(0), n.int("num_heads", 0)
    x = n.input(0)
    if len(dims) == 3:
        if heads < 1 or dims[2] % heads:
            raise ValueError(f"num_heads: expected a divisor of {dims[2]}, found {heads}")
        x = n.emit(ReshapeOp, x, shape=(*dims[:2], heads, dims[2] // heads))
    elif len(dims) != 4:
        raise ValueError(f"expected an input of rank 3 or 4, found {list(dims)}")
    turned = n.int("rotary_embedding_dim", 0) or shape(x)[3]
    if turned % 2 or not 0 < turned <= shape(x)[3]:
        raise ValueError(f"rotary_embedding_dim: expected an even number up to {shape(x)[3]}, found {turned}")
    cos, sin = (_angles(n, i, len(dims) == 3, turned // 2) for i in (1, 2))
    step = 2 if n.int("interleaved", 0) else 1
    left, right = (_part(n, x, i * (turned // 2 if step == 1 else 1), turned // 2, step) for i in (0, 1))
    parts = [
        n.emit(SubOp, n.emit(MulOp, cos, left), n.emit(MulOp, sin, right)),
        n.emit(AddOp, n.emit(MulOp, sin, left), n.emit(MulOp, cos, right)),
    ]
    if step == 2:
        parts = [n.emit(ReshapeOp, p, shape=(*shape(p), 1)) for p in parts]
        parts = [n.emit(ReshapeOp, n.emit(ConcatOp, parts, axis=4), shape=(*shape(x)[:3], turned))]
    if turned < shape(x)[3]:
        parts.append(_part(n, x, turned, shape(x)[3] - turned, 1))
    y = parts[0] if len(parts) == 1 else n.emit(ConcatOp, parts, axis=3)
    return n.emit(ReshapeOp, y, shape=dims)


def _angles(n: Node, index: int, rows_first: bool, count: int) -> SSAValue:
    """Cosines or sines for [B, S, H, D], or for [B, H, S, D], looked up by position if positions are given."""
    cache = n.emit(GatherOp, n.input(index), n.input(3), axis=0) if n.has(3) else n.input(index)
    dims = shape(cache)
    if len(dims) != 3 or dims[2] != count:
        raise ValueError(f"input {index}: expected {count} angles a position, found {list(n.shape(index))}")
    return n.emit(ReshapeOp, cache, shape=(*dims[:2], 1, count) if rows_first else (dims[0], 1, *dims[1:]))


def _part(n: Node, x: SSAValue, start: int, count: int, step: int) -> SSAValue:
    """`count` of the last dimension's elements from `start` on."""
    sizes = (*shape(x)[:3], count)
    return n.emit(SliceOp, x, offsets=(0, 0, 0, start), sizes=sizes, strides=(1, 1, 1, step))
