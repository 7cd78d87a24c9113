"""Which values have no line of their own, and which take the name of the loop variable that they become.

%p = tile.pid 0                                        rm = tl.program_id(0) * 128 + tl.arange(0, 128)
%0 = arith.muli %p, %c128     read once: folds         for ..:
%rm = arith.addi %0, %r       has a name: a line           acc = tl.dot(a, b, acc)      %d, yielded as %acc
"""

from collections.abc import Iterator, Sequence

from xdsl.dialects import arith, scf
from xdsl.ir import BlockArgument, Operation, SSAValue

from ...dialects.tile.compute import SplitOp
from ...dialects.tile.index import ArangeOp, BroadcastOp, ExpandOp, FullOp, NprogOp, PidOp
from ...dialects.tile.kernel import KernelOp
from ...dialects.tile.memory import Access

LINES = (Access, scf.ForOp, scf.IfOp, scf.YieldOp, SplitOp)
"""Ops that make lines of their own, at the place where they stand."""
SOURCES = (PidOp, NprogOp, ArangeOp)
"""Ops that say themselves what they are: they need no name."""
LITERALS = (arith.ConstantOp, FullOp)


def folded(func: KernelOp) -> set[Operation]:
    """Ops whose text stands in that of their one reader, in the same block; and all `x[:, None]`."""
    found: set[Operation] = set()
    for op in func.walk():
        if isinstance(op, ExpandOp):
            if not isinstance(op.block, BlockArgument):
                found.add(op)
        elif _folds(op):
            found.add(op)
    return found


def _folds(op: Operation) -> bool:
    if isinstance(op, LINES) or len(op.results) != 1:
        return False
    if op.results[0].name_hint and not isinstance(op, SOURCES):
        return False
    found = list(readers(op.results[0]))
    return len(found) == 1 and found[0].parent is op.parent and not isinstance(found[0], scf.YieldOp)


def readers(value: SSAValue) -> Iterator[Operation]:
    """The ops in whose text a value's text stands, as often as it does: seen through broadcasts and `[:, None]`."""
    for use in value.uses:
        op = use.operation
        if isinstance(op, BroadcastOp | ExpandOp):
            yield from readers(op.res)
        elif isinstance(op, Access) and value in op.indices:
            yield op
            if op.checks[list(op.indices).index(value)] != "none":
                yield op
        else:
            yield op


def renamed(op: scf.ForOp, names: Sequence[str], inlined: set[Operation]) -> dict[SSAValue, str]:
    """Values that are computed straight into a loop's variable: nothing reads the old one from there on."""
    body = op.body.block
    if not isinstance(last := body.last_op, scf.YieldOp):
        return {}
    order = {inner: number for number, inner in enumerate(body.ops)}
    found: dict[SSAValue, str] = {}
    for arg, value, name in zip(body.args[1:], last.operands, names, strict=True):
        made = value.owner
        if not isinstance(made, Operation) or made.parent is not body or value in found:
            continue
        if isinstance(made, (*LINES, *LITERALS, BroadcastOp)) or made in inlined:
            continue
        if all(order[_within(reader, body.parent_op())] <= order[made] for reader in _texts(arg, inlined)):
            found[value] = name
    return found


def _texts(value: SSAValue, inlined: set[Operation]) -> Iterator[Operation]:
    """The ops at whose place a value's text is read, however it got there."""
    for reader in readers(value):
        yield reader
        if reader in inlined:
            yield from _texts(reader.results[0], inlined)


def _within(op: Operation, outer: Operation | None) -> Operation:
    """The op round it, or itself, that stands in the outer one's block."""
    while (around := op.parent_op()) is not outer:
        assert around is not None
        op = around
    return op
