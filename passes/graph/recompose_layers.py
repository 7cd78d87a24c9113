"""Layers that a model spells out become the one op that a target may have a kernel for.

    %p = graph.matmul %q, %kt
    %s = graph.softmax (graph.add (graph.mul %p, %scale), %mask)
    %y = graph.matmul %s, %v                                        -->    %y = graph.attention %q, %k, %v, %mask

    graph.add (graph.matmul %x, (graph.transpose %w)), %b           -->    graph.gemm %x, %w, %b {trans_b = true}
    graph.reduce_mean %images over all pixels                       -->    graph.average_pool %images of one window

Attention of four dimensions, products of matrices (two dimensions, as Gemm has it), pools of whole images. Sums are
rounded in another order, and a query that sees nothing gives 0, not NaN: all rules want `fast`. Which of them a target
gains by it says by name: `recompose-layers{only=attention,masked-attention fast=true}`; no pipeline wants it by itself.
The rules stand in `recompose_layers.rules`.
"""

from dataclasses import dataclass

from .._rules import RulePass


@dataclass(frozen=True)
class RecomposeLayers(RulePass):
    """Ops in between stay where others use them; dead ones are left to dce."""

    name = "recompose-layers"
