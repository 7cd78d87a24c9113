"""Putting ops into a block without losing where they come from."""

from xdsl.ir import Operation


def inserted(op: Operation, before: Operation) -> Operation:
    """Insert an op before another, with its location."""
    op.location = before.location
    if (block := before.parent_block()) is not None:
        block.insert_op_before(op, before)
    return op


def replace(old: Operation, new: Operation) -> None:
    """Put an op in the place of another, with its location and names."""
    new.location = old.location
    if (block := old.parent_block()) is not None:
        block.insert_op_before(new, old)
    for before, after in zip(old.results, new.results, strict=True):
        after.name_hint = before.name_hint
        before.replace_all_uses_with(after)
    old.detach()
    old.erase()
