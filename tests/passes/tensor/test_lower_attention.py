"""Attention: its formula query by query against the graph op against its lowering."""

import numpy as np
import pytest
from aic.dialects.graph.attention import STAGES, AttentionOp, AttentionScoresOp

CLOSE = {"rtol": 1e-4, "atol": 1e-5}  # products and exponentials of f32 in another order
BATCH, HEADS, GROUPS, ROWS, KEYS, DEPTH, WIDTH = 2, 4, 2, 3, 5, 6, 7


def rand(*dims, kind=np.float32):
    return np.random.default_rng(sum(dims)).standard_normal(dims).astype(kind)


def operands(kind=np.float32):
    q, k = rand(BATCH, HEADS, ROWS, DEPTH, kind=kind), rand(BATCH, GROUPS, KEYS, DEPTH, kind=kind)
    return q, k, rand(BATCH, GROUPS, KEYS, WIDTH, kind=kind)


def expected(q, k, v, mask=None, lengths=None, scale=0.5, softcap=0.0, causal=False, left=None, right=None, offset=0):
    y, weights = np.zeros((*q.shape[:3], v.shape[3])), np.zeros((*q.shape[:3], k.shape[2]))
    mask = None if mask is None else np.broadcast_to(mask, weights.shape)
    for b, h, i in np.ndindex(*q.shape[:3]):
        group = h // (q.shape[1] // k.shape[1])
        score = k[b, group].astype(np.float64) @ q[b, h, i].astype(np.float64) * scale
        score = softcap * np.tanh(score / softcap) if softcap else score
        at = i + (offset if lengths is None else lengths[b] - q.shape[2])
        for j in range(len(score)):
            hidden = (
                (causal and j > at) or (left is not None and j < at - left) or (right is not None and j > at + right)
            )
            hidden = hidden or (lengths is not None and j >= lengths[b])
            if mask is not None and mask.dtype == bool:
                hidden = hidden or not mask[b, h, i, j]
            elif mask is not None:
                score[j] += mask[b, h, i, j]
            score[j] = -np.inf if hidden else score[j]
        if np.isfinite(score.max()):
            share = np.exp(score - score.max())
            weights[b, h, i] = share / share.sum()
        y[b, h, i] = weights[b, h, i] @ v[b, group].astype(np.float64)
    return y, weights


CASES = [
    (None, None, {}),
    (None, None, {"softcap": 0.7}),
    (None, None, {"causal": True}),
    (None, None, {"causal": True, "offset": 2}),
    (None, None, {"left": 1, "offset": 1}),
    (None, None, {"left": 1, "right": 0, "offset": 2}),
    (None, (5, 2), {}),
    (None, (5, 1), {"causal": True}),
    (None, (4, 3), {"left": 0, "right": 1}),
    ("float", None, {}),
    ("bool", None, {"causal": True}),
    ("bool", (5, 0), {"softcap": 2.0}),
]


def masks(word):
    if word == "bool":
        return np.random.default_rng(0).integers(0, 2, (HEADS, ROWS, KEYS)).astype(bool)
    if word == "float":
        return np.where(np.arange(KEYS) == 1, -np.inf, rand(BATCH, 1, 1, KEYS)).astype(np.float32)
    return None


@pytest.mark.parametrize("mask, lengths, props", CASES)
def test_attention(levels, mask, lengths, props):
    q, k, v = operands()
    mask, lengths = masks(mask), None if lengths is None else np.array(lengths, np.int64)
    y, weights = expected(q, k, v, mask, lengths, **props)
    (meant,), (lowered,) = levels(AttentionOp, q, k, v, mask, lengths, scale=0.5, **props)
    np.testing.assert_allclose(meant, y, **CLOSE)
    np.testing.assert_allclose(lowered, meant, **CLOSE)
    (meant,), (lowered,) = levels(AttentionScoresOp, q, k, mask, lengths, scale=0.5, stage="weights", **props)
    np.testing.assert_allclose(meant, weights, **CLOSE)
    np.testing.assert_allclose(lowered, meant, **CLOSE)


@pytest.mark.parametrize("stage", STAGES)
def test_stages(levels, stage):
    q, k, _ = operands()
    props = {"scale": 2.0, "softcap": 0.7, "causal": True}
    (meant,), (lowered,) = levels(AttentionScoresOp, q, k, masks("float"), None, **props, stage=stage)
    np.testing.assert_allclose(lowered, meant, **CLOSE)
    assert np.isneginf(meant).any() == (stage == "masked")
    assert (np.abs(meant) <= 0.7).all() == (stage == "capped")


def test_an_infinite_product_that_is_hidden_does_no_harm(levels):
    q, k, v = operands()
    q[:, :, 0] = np.inf
    hidden = np.zeros((ROWS, 1), bool)
    (meant,), (lowered,) = levels(AttentionOp, np.nan_to_num(q), k, v, hidden, None, scale=1e300)
    assert not meant.any() and not lowered.any()


def test_halves_are_computed_in_f32(levels):
    q, k, v = operands(np.float16)
    (meant,), (lowered,) = levels(AttentionOp, q, k, v, None, None, scale=0.5)
    y, _ = expected(q, k, v)
    np.testing.assert_allclose(meant, y, rtol=1e-3, atol=1e-4)  # one rounding to 11 bits
    np.testing.assert_allclose(lowered, meant, rtol=1e-3, atol=1e-4)
