"""Ops that only move elements go after ops that compute them.

    relu(transpose(x))                          -->    transpose(relu(x))
    add(transpose(x, p), transpose(y, p))       -->    transpose(add(x, y), p)
    mul(reshape(x), 2)                          -->    reshape(mul(x, 2))
    exp(expand(x))                              -->    expand(exp(x))
    reduce_max(transpose(x))                    -->    reduce_max(x) along other axes

There they meet others that undo them (`cancel-inverse`), or have less to move. Sums in another order are rounded
otherwise: with `fast` only. The rules stand in `sink_ops.rules`; slices go the other way (`raise-slices`).
"""

from dataclasses import dataclass

from .._rules import RulePass


@dataclass(frozen=True)
class SinkOps(RulePass):
    """Rules that let views sink."""

    name = "sink-ops"
