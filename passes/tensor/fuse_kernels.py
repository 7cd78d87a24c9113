"""Groups generics into kernels and outlines them; the host keeps views, pads, concats, launches and control flow.

    %0 = linalg.generic (m, n, k) .. ins(%x, %w) outs(%zeros)   loc("/l0/MatMul")
    %1 = linalg.generic (m, n) .. ins(%0, %b) outs(%e)          loc("/l0/Add")
    %2 = linalg.generic (m, n) .. ins(%1) outs(%e)              loc("/l0/Relu")
-->
    kernel.func @k0(%x, %w, %b) { zeros, empty, the three generics; kernel.return %2 }
    %2 = kernel.launch @k0(%x, %w, %b)                          loc(fused["/l0/MatMul", "/l0/Add", "/l0/Relu"])

After `fold-views`, because a view between two generics keeps them apart. The grouping is `_grouping.py`'s.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation
from xdsl.passes import ModulePass

from ...dialects._report import rewriting
from ...dialects._xdsl import GenericOp
from ._dead import erase_dead
from ._grouping import Group, grouped
from ._moves import generalize
from ._outline import Outliner


@dataclass(frozen=True)
class FuseKernels(ModulePass):
    """Ensures that no linalg op is left outside a kernel. Kernels are named k0, k1, .. in the order of first launch."""

    name = "fuse-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        outliner = Outliner(op)
        for function in [f for f in op.ops if isinstance(f, func.FuncOp) and not f.is_declaration]:
            for block in function.body.blocks:
                generalize(block)
                erase_dead(block)
                fuse(block, outliner)
                erase_dead(block)
        outliner.place()


def fuse(block: Block, outliner: Outliner) -> None:
    """Outline the groups of a block and of the blocks inside it, and put what stays in order."""
    order: list[Operation] = []
    for unit in grouped(block):
        if isinstance(unit, Group):
            made = rewriting(unit.ops[0], "outline", f"{len(unit.ops)} ops", required=True)
            order += [outliner.outline(unit.ops)] if made else unit.ops
            continue
        for region in () if isinstance(unit, GenericOp) else unit.regions:
            for inner in region.blocks:
                fuse(inner, outliner)
        order.append(unit)
    for op in order:
        op.detach()
    block.add_ops(order)
