"""A product that is only read in parts of its columns becomes several, with parts of the weights.

    %qkv = graph.add (graph.matmul %x, %w), %b : tensor<197x1152xf32>
    %r = graph.transpose (graph.reshape %qkv {197, 3, 6, 64}) {2, 1, 0, 3}
    %q = graph.slice %r {0}   %k = graph.slice %r {1}   %v = graph.slice %r {2}
-->
    %q = graph.transpose (graph.reshape (graph.add (graph.matmul %x, (graph.slice %w)), (graph.slice %b)) ..) ..
    %k = ..  %v = ..

The same multiplications and additions. Each part can then be stored as its readers want it (the keys of attention by
column), and what is done to one of them (queries are scaled) is done before it is stored. After `recompose`, before
`fold-constants`, which slices known weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from ...dialects._report import missed
from ...dialects._shape import shape
from ...dialects.graph._base import GraphOp
from ...dialects.graph._pointwise import PointwiseOp
from ...dialects.graph.contraction import MatmulOp
from ...dialects.graph.view import ReshapeOp, SliceOp, TransposeOp
from ...dialects.graph.weight import WeightOp
from ._cuts import Cut, cut_of, operand_cuts, raised, whole

NARROW = 64
"""Columns that a product keeps at least: narrower ones read their rows again for too little."""


@dataclass(frozen=True)
class SplitProducts(ModulePass):
    """Options: the fewest columns that a part may have."""

    name = "split-products"
    narrow: int = NARROW

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for product in [o for o in op.walk() if isinstance(o, MatmulOp) and isinstance(o.rhs.owner, WeightOp)]:
            slices = _readers(product.res)
            if len(slices) < 2 or (columns := _columns(product, slices)) is None:
                continue
            if any(size < self.narrow for _, size, _ in columns):
                missed(product, "split", f"a part of it would have fewer than {self.narrow} columns")
                continue
            for one in slices:
                _raise(one, product)


def _readers(value: SSAValue) -> list[SliceOp]:
    """The slices that are all that is read of a value, behind ops that keep its elements apart; [] if there are other
    readers."""
    users = [use.operation for use in value.uses]
    if users and all(isinstance(user, SliceOp) for user in users):
        return [user for user in users if isinstance(user, SliceOp)]
    match users:
        case [ReshapeOp() | TransposeOp() as user]:
            return _readers(user.results[0])
        case [PointwiseOp() as user] if all(v is value or isinstance(v.owner, WeightOp) for v in user.operands):
            return _readers(user.results[0]) if shape(user.results[0]) == shape(value) else []
        case _:
            return []


def _columns(product: MatmulOp, slices: Sequence[SliceOp]) -> list[tuple[int, int, int]] | None:
    """The columns of a product that each slice takes, if these take all rows, and no column twice."""
    found: list[tuple[int, int, int]] = []
    dims = shape(product.res)
    for one in slices:
        cut: Cut | None = cut_of(one)
        value = one.x
        while cut is not None and value is not product.res:
            op = value.owner
            assert isinstance(op, GraphOp)
            at = next(i for i, v in enumerate(op.operands) if not isinstance(v.owner, WeightOp))
            cuts = operand_cuts(op, cut)
            cut, value = (None, value) if cuts is None else (cuts[at], op.operands[at])
        if cut is None or cut[:-1] != whole(dims)[:-1] or cut[-1][2] != 1:
            return None
        found.append(cut[-1])
    apart = all(a[0] + a[1] <= b[0] for a, b in pairwise(sorted(found)))
    return found if apart else None


def _raise(one: SliceOp, product: MatmulOp) -> None:
    """Move a slice up to the product, and into its weights."""
    pending = [one]
    while pending:
        current = pending.pop()
        if isinstance(current.x.owner, WeightOp):
            continue
        pending += raised(current)
