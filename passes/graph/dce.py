"""What nothing needs goes: ops without effects whose results nobody reads, and blocks that nothing reaches.

    %0 = graph.exp %x
    %1 = graph.neg %0             -->     func.return %x
    func.return %x

At every level: a launch on tensors and a linalg op only make their results; loads go, stores and calls stay.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, Region
from xdsl.passes import ModulePass
from xdsl.traits import IsTerminator, MemoryEffectKind, SymbolOpInterface, get_effects

from ...dialects._report import rewriting
from ...dialects._xdsl import FillOp, GenericOp, TransposeOp
from ...dialects.kernel import LaunchOp

UNSEEN = (MemoryEffectKind.READ, MemoryEffectKind.ALLOC)
"""Effects that only the op's own results tell of."""


@dataclass(frozen=True)
class Dce(ModulePass):
    """One walk from the last op to the first, so that what only dead ops read is dead when it is met."""

    name = "dce"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for region in op.regions:
            clean(region)


def clean(region: Region) -> None:
    """Remove what is dead or out of reach in a region."""
    reached = reachable(region)
    for block in [b for b in region.blocks if b not in reached]:
        for op in reversed(list(block.ops)):
            op.drop_all_references()
        region.erase_block(block, safe_erase=False)
    for block in reversed(list(region.blocks)):
        for op in reversed(list(block.ops)):
            for inner in op.regions:
                clean(inner)
            if is_dead(op) and rewriting(op, "dead"):
                op.detach()
                op.erase()


def reachable(region: Region) -> set[Block]:
    """The blocks that control may reach from the first one."""
    todo, found = list(region.blocks)[:1], set[Block]()
    while todo:
        block = todo.pop()
        if block not in found:
            found.add(block)
            todo += list(block.last_op.successors) if block.last_op is not None else []
    return found


def is_dead(op: Operation) -> bool:
    """Whether an op has no effect and nobody reads its results."""
    if op.has_trait(IsTerminator) or op.has_trait(SymbolOpInterface) or isinstance(op, ModuleOp):
        return False
    return not any(result.uses for result in op.results) and not acts(op)


def acts(op: Operation) -> bool:
    """Whether anything but its results tells that an op has run."""
    if isinstance(op, LaunchOp | GenericOp | FillOp | TransposeOp):
        return not op.results
    effects = get_effects(op)
    return effects is None or any(effect.kind not in UNSEEN for effect in effects)
