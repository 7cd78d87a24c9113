"""Softmax: max along the row, exponentials of the differences, their sum, the quotients."""

from xdsl.ir import SSAValue

from ....dialects._shape import element, shape
from ....dialects.graph.softmax import LogSoftmaxOp, SoftmaxBase, SoftmaxOp
from ._build import Body, Build, lowering
from ._rows import Rows


def exponentials(op: SoftmaxBase, b: Build, rows: Rows) -> tuple[SSAValue, SSAValue, SSAValue]:
    """Each row's maximum, exp(x - maximum), and the sums of those."""
    x = rows.full(op.input)
    peak = rows.reduce(float("-inf"), lambda t, x, so_far: t.max(so_far, x), x)
    raised = rows.apply(rows.wide, lambda t, x, m: t.math("exp", t.sub(x, m)), x, rows.row(peak))
    total = rows.reduce(0.0, lambda t, e, so_far: t.add(so_far, e), rows.full(raised))
    return peak, raised, total


@lowering(SoftmaxOp)
def softmax(op: SoftmaxOp, b: Build) -> SSAValue:
    """exp(x - max) / sum."""
    if 0 in shape(op.input):
        return b[op.input]
    rows = Rows(b, op.input, [op.dim])
    _, raised, total = exponentials(op, b, rows)
    return rows.apply(element(op.result), lambda t, e, s: t.div(e, s), rows.full(raised), rows.row(total))


@lowering(LogSoftmaxOp)
def log_softmax(op: LogSoftmaxOp, b: Build) -> SSAValue:
    """x - max - log(sum), the logarithm taken once a row."""
    if 0 in shape(op.input):
        return b[op.input]
    rows = Rows(b, op.input, [op.dim])
    peak, _, total = exponentials(op, b, rows)
    log = rows.per_row(lambda t, s: t.math("log", s), total)

    def less(t: Body, x: SSAValue, m: SSAValue, s: SSAValue) -> SSAValue:
        return t.sub(t.sub(x, m), s)

    return rows.apply(element(op.result), less, rows.full(op.input), rows.row(peak), rows.row(log))
