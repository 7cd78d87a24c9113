"""Groups generics into kernels and outlines them; the host keeps views, pads, concats, launches and control flow.

    %0 = linalg.generic (m, n, k) .. ins(%x, %w) outs(%zeros)   loc("/l0/MatMul")
    %1 = linalg.generic (m, n) .. ins(%0, %b) outs(%e)          loc("/l0/Add")
    %2 = linalg.generic (m, n) .. ins(%1) outs(%e)              loc("/l0/Relu")
-->
    kernel.func @k0(%x, %w, %b) { zeros, empty, the three generics; kernel.return %2 }
    %2 = kernel.launch @k0(%x, %w, %b)                          loc(fused["/l0/MatMul", "/l0/Add", "/l0/Relu"])

After `fold-views`, because a view between two generics keeps them apart. Which generics are a group, `strategy` says:

    greedy            each in program order joins the kernels it reads: a kernel may have several results
    post-dominators   as TVM: a kernel has one result, which all in it leads to; for comparison, and where no kernel may
                      store twice. Up to twice the launches of greedy in transformers, a few more in CNNs
    multi-output      greedy, and siblings that read the same large operand become one kernel: fewer launches and reads
                      of memory, more results alive at a time. For GPUs, where a launch costs microseconds: cosine and
                      sine, the halves of a rotary embedding. Of 16 CNNs, transformers and LSTMs none has such siblings
                      left on the C target, after combine-parallel; so no level of it asks

A remark tells for each group what it saves: a kernel moves each operand once and its results, and nothing in between.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Literal

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from ...dialects._location import fused
from ...dialects._report import rewriting
from ...dialects._shape import dtype, shape
from ...dialects._xdsl import GenericOp
from ._dead import erase_dead
from ._grouping import Group, Grouping, greedy
from ._moves import generalize
from ._outline import Outliner
from ._post_dominators import by_post_dominators
from ._siblings import with_siblings

Strategy = Literal["greedy", "post-dominators", "multi-output"]
STRATEGIES: dict[Strategy, Callable[[Block], Grouping]] = {
    "greedy": greedy,
    "post-dominators": by_post_dominators,
    "multi-output": with_siblings,
}


@dataclass(frozen=True)
class FuseKernels(ModulePass):
    """Ensures that no linalg op is left outside a kernel. Kernels are named k0, k1, .. in the order of first launch."""

    name = "fuse-kernels"
    strategy: Strategy = "greedy"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        outliner = Outliner(op)
        for function in [f for f in op.ops if isinstance(f, func.FuncOp) and not f.is_declaration]:
            for block in function.body.blocks:
                generalize(block)
                erase_dead(block)
                fuse(block, outliner, STRATEGIES[self.strategy])
                erase_dead(block)
        outliner.place()


def fuse(block: Block, outliner: Outliner, grouped: Callable[[Block], Grouping]) -> None:
    """Outline the groups of a block and of the blocks inside it, and put what stays in order."""
    order: list[Operation] = []
    for unit in grouped(block).sequence():
        if isinstance(unit, Group):
            ops = unit.ops
            for part in [ops] if len(ops) == 1 or _told(unit) else [[op] for op in ops]:
                made = rewriting(part[0], "outline", f"{len(part)} ops", required=True)
                order += [outliner.outline(part)] if made else part
            continue
        for region in () if isinstance(unit, GenericOp) else unit.regions:
            for inner in region.blocks:
                fuse(inner, outliner, grouped)
        order.append(unit)
    for op in order:
        op.detach()
    block.add_ops(order)


def _told(group: Group) -> bool:
    """Whether the group may be one kernel; what that saves is told."""
    ops = group.ops
    told = f"{len(ops)} ops in one kernel"
    location = fused(op.location for op in ops)
    return rewriting(ops[-1], "group", told, saved=_saved(group), launches=len(ops) - 1, location=location)


def _saved(group: Group) -> int:
    """Bytes that a kernel for each member would move besides: results that stay inside are neither written nor read,
    the others not read again, and what several read at the same place is read once."""
    inside, total = set[Operation](group.ops), 0
    for result in (r for op in group.ops for r in op.results):
        readers = {use.operation for use in result.uses}
        total += _bytes(result) * (len(readers & inside) + (readers <= inside))
    made = {result for op in group.ops for result in op.results}
    reads = [{(a.value, m.axes(a)) for a in m.generic.inputs if a.value not in made} for m in group.members]
    for value, axes in set[tuple[SSAValue, tuple[int | None, ...]]]().union(*reads):
        total += _bytes(value) * (sum((value, axes) in read for read in reads) - 1)
    return total


def _bytes(value: SSAValue) -> int:
    """Bytes of a tensor; 0 of a scalar operand."""
    return prod(shape(value)) * dtype(value.type).itemsize if isinstance(value.type, TensorType) else 0
