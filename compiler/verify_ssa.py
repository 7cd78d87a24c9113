"""The rule that xDSL's verifier leaves out: every value is defined before it is used."""

from xdsl.ir import Operation, Region, SSAValue
from xdsl.traits import IsolatedFromAbove
from xdsl.utils.exceptions import VerifyException

from ..dialects._xdsl import DominanceInfo


def verify_ssa(root: Operation) -> None:
    """VerifyException if an operand within `root` does not dominate its use."""
    for region in root.regions:
        _region(region, set())


def _region(region: Region, visible: set[SSAValue]) -> None:
    blocks = list(region.blocks)
    dominance = DominanceInfo(region) if len(blocks) > 1 else None
    for block in blocks:
        mine: list[SSAValue] = [*block.args]
        if dominance is not None:
            for other in blocks:
                if other is not block and dominance.strictly_dominates(other, block):
                    mine += [*other.args, *(v for op in other.ops for v in op.results)]
        visible.update(mine)
        for op in block.ops:
            _op(op, visible)
            mine += op.results
        visible.difference_update(mine)


def _op(op: Operation, visible: set[SSAValue]) -> None:
    for i, value in enumerate(op.operands):
        if value not in visible:
            raise VerifyException(f"{op.name}: operand {i} is used before it is defined")
    isolated = op.has_trait(IsolatedFromAbove, value_if_unregistered=False)
    for region in op.regions:
        _region(region, set() if isolated else visible)
    visible.update(op.results)
