"""Scaled dot-product attention over heads: softmax(q k^T * scale + bias) v.

%y = graph.attention %q, %k, %v {scale = 0.125 : f64, causal = true, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}
  : (tensor<1x8x16x64xf32>, tensor<1x2x16x64xf32>, tensor<1x2x16x64xf32>) -> tensor<1x8x16x64xf32>
"""

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import BoolAttr, FloatAttr, IntegerAttr, StringAttr, TensorType, i1, i64
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
from ._numbers import Numbers, expect_float, expect_same, present, rounded

Dims = tuple[int, ...]
STAGES = ("product", "capped", "masked", "weights")


@dataclass(frozen=True)
class Band:
    """Which keys j a query i sees: those from i + offset - left to i + offset + right, None being no bound."""

    left: int | None
    right: int | None
    offset: int

    @property
    def bounds(self) -> bool:
        """Whether any key is out of sight."""
        return self.left is not None or self.right is not None


class _AttentionOp(GraphOp, ABC):
    """q is [B, H, S, D]; k and v are [B, G, T, D] and [B, G, T, E], where G divides H and H / G neighbouring heads
    share a key. `mask` broadcasts to [B, H, S, T]: i1 says who is seen, a float is added, and its -inf hides whatever
    the product is. `lengths` [B] says how many keys are there; then the last query stands at the last of them, without
    it query 0 stands at key `offset`, 0 if absent."""

    fusion = Fusion.OPAQUE
    q = operand_def(TensorType)
    k = operand_def(TensorType)
    mask = opt_operand_def(TensorType)
    lengths = opt_operand_def(TensorType)
    scale = prop_def(FloatAttr)
    softcap = opt_prop_def(FloatAttr)
    causal = opt_prop_def(BoolAttr)
    left = opt_prop_def(IntegerAttr)
    right = opt_prop_def(IntegerAttr)
    offset = opt_prop_def(IntegerAttr)
    res = result_def(TensorType)
    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    @property
    def cap(self) -> float:
        """Products are squeezed into -cap..cap; 0 does nothing."""
        return 0.0 if self.softcap is None else self.softcap.value.data

    @property
    def band(self) -> Band:
        """The keys in sight of each query; with `lengths` the offset is lengths - S."""
        left, right = (None if p is None else p.value.data for p in (self.left, self.right))
        if self.causal:
            right = 0 if right is None else min(0, right)
        return Band(left, right, 0 if self.offset is None else self.offset.value.data)

    def scores(self) -> Dims:
        """[B, H, S, T]; VerifyException if the operands do not fit together."""
        q, k = shape(self.q), shape(self.k)
        expect_float(self, self.q)
        expect_same(self, self.q, self.k)
        if len(q) != 4 or len(k) != 4 or k[0] != q[0] or k[3] != q[3] or not k[1] or q[1] % k[1]:
            raise VerifyException(
                f"{self.name}: expected queries [B, H, S, D] and keys [B, G, T, D] with G dividing H, "
                f"found {list(q)} and {list(k)}"
            )
        for name, bound in (("left", self.left), ("right", self.right)):
            if bound is not None and bound.value.data < 0:
                raise VerifyException(f"{self.name}: expected {name} of at least 0, found {bound.value.data}")
        scores = (*q[:3], k[2])
        self._expect_masks(scores)
        return scores

    def _expect_masks(self, scores: Dims) -> None:
        if self.mask is not None:
            dims = shape(self.mask)
            if len(dims) > 4 or any(n not in (1, d) for n, d in zip(dims[::-1], scores[::-1], strict=False)):
                raise VerifyException(
                    f"{self.name}: expected a mask that broadcasts to {list(scores)}, found {list(dims)}"
                )
            if (kind := element(self.mask)) not in (i1, element(self.q)):
                raise VerifyException(f"{self.name}: expected a mask of i1 or {element(self.q)}, found {kind}")
        if self.lengths is not None and self.lengths.type != (wanted := tensor(i64, scores[:1])):
            raise VerifyException(f"{self.name}: expected lengths {wanted}, found {self.lengths.type}")

    def _masks(self, rest: Sequence[Numbers]) -> tuple[Numbers | None, Numbers | None]:
        mask = rest[0] if self.mask is not None else None
        return mask, (rest[-1] if self.lengths is not None else None)

    def _seen(self, lengths: Numbers | None) -> Numbers:
        """Which keys the band and the lengths leave to each query, broadcastable to the scores."""
        *_, rows, columns = self.scores()
        keys, queries = np.arange(columns), np.arange(rows)[:, None]
        band = self.band
        ends = None if lengths is None else lengths.reshape(-1, 1, 1, 1)
        at = queries + (band.offset if ends is None else ends - rows)
        seen = np.ones((1, 1, rows, columns), np.bool_) if ends is None else keys < ends
        seen = seen if band.left is None else seen & (keys >= at - band.left)
        return seen if band.right is None else seen & (keys <= at + band.right)

    def _stages(self, q: Numbers, k: Numbers, rest: Sequence[Numbers]) -> tuple[Numbers, ...]:
        """Products, capped products, masked ones, weights."""
        mask, lengths = self._masks(rest)
        share = q.shape[1] // k.shape[1]
        product = q * q.dtype.type(self.scale.value.data) @ np.repeat(k, share, 1).swapaxes(2, 3)
        capped = np.tanh(product / self.cap) * self.cap if self.cap > 0 else product
        seen = self._seen(lengths)
        masked = capped
        if mask is not None and mask.dtype == np.bool_:
            seen = seen & mask
        elif mask is not None:
            seen, masked = seen & ~np.isneginf(mask), capped + mask
        masked = np.where(seen, masked, -np.inf).astype(product.dtype)
        top = masked.max(axis=-1, keepdims=True, initial=-np.inf)
        grown = np.exp(masked - np.where(np.isneginf(top), 0, top))
        total = grown.sum(axis=-1, keepdims=True)
        return product, capped, masked, grown / np.where(total == 0, 1, total)


@irdl_op_definition
class AttentionOp(_AttentionOp):
    """The values, weighted: softmax(scores) v, computed in f32 for f16 and bf16. A query that sees no key gives 0."""

    name = "graph.attention"
    q = operand_def(TensorType)
    k = operand_def(TensorType)
    v = operand_def(TensorType)
    mask = opt_operand_def(TensorType)
    lengths = opt_operand_def(TensorType)

    def infer(self) -> Types:
        scores, k, v = self.scores(), shape(self.k), shape(self.v)
        expect_same(self, self.q, self.v)
        if len(v) != 4 or v[:3] != k[:3]:
            raise VerifyException(f"{self.name}: expected values of shape {[*k[:3], 'E']}, found {list(v)}")
        return (tensor(element(self.q), (*scores[:3], v[3])),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        q, k, v, *rest = present(inputs)
        with np.errstate(all="ignore"):
            weights = self._stages(q, k, rest)[-1]
            return (rounded(weights @ np.repeat(v, q.shape[1] // v.shape[1], 1), self.q),)


@irdl_op_definition
class AttentionScoresOp(_AttentionOp):
    """What attention computes on its way, [B, H, S, T], at one of its stages: the scaled `product`, `capped` products,
    `masked` ones (-inf where hidden), or the softmax `weights`."""

    name = "graph.attention_scores"
    stage = prop_def(StringAttr)

    def infer(self) -> Types:
        if self.stage.data not in STAGES:
            raise VerifyException(f"{self.name}: expected a stage of {', '.join(STAGES)}, found {self.stage.data!r}")
        return (tensor(element(self.q), self.scores()),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        q, k, *rest = present(inputs)
        with np.errstate(all="ignore"):
            return (rounded(self._stages(q, k, rest)[STAGES.index(self.stage.data)], self.q),)
