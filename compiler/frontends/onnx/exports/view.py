"""Exporters of what moves elements: their numbers, which the IR holds as properties, are constant inputs in ONNX."""

from .....dialects._shape import shape
from .....dialects.graph._base import ints
from .....dialects.graph.view import ConcatOp, ExpandOp, PadOp, ReshapeOp, SliceOp, TransposeOp
from ..export_registry import exports
from ..writer import Writer


@exports(ReshapeOp)
def reshape(w: Writer, op: ReshapeOp) -> None:
    """One node; a dimension of 0 means 0."""
    wanted = ints(op.shape)
    w.node("Reshape", op, op.x, w.ints(wanted), allowzero=1 if 0 in wanted else None)


@exports(TransposeOp)
def transpose(w: Writer, op: TransposeOp) -> None:
    """One node."""
    w.node("Transpose", op, op.x, perm=ints(op.perm))


@exports(ExpandOp)
def expand(w: Writer, op: ExpandOp) -> None:
    """One node."""
    w.node("Expand", op, op.x, w.ints(ints(op.shape)))


@exports(SliceOp)
def slice_(w: Writer, op: SliceOp) -> None:
    """One node, on the axes that are cut; a walk backwards to the first element ends before it."""
    rows = list(zip(ints(op.offsets), ints(op.sizes), ints(op.strides), shape(op.x), strict=True))
    axes = [i for i, (offset, size, stride, dim) in enumerate(rows) if (offset, size, stride) != (0, dim, 1)]
    if not axes:
        w.node("Identity", op, op.x)
        return
    ends: list[int] = []
    for axis in axes:
        offset, size, stride, dim = rows[axis]
        end = offset + (size - 1) * stride + (1 if stride > 0 else -1)
        ends.append(offset if size == 0 else end if end >= 0 else -dim - 1)
    steps = [rows[a][2] for a in axes]
    w.node(
        "Slice",
        op,
        *(op.x, w.ints([rows[a][0] for a in axes]), w.ints(ends), w.ints(axes)),
        w.ints(steps) if set(steps) - {1} else None,
    )


@exports(ConcatOp)
def concat(w: Writer, op: ConcatOp) -> None:
    """One node."""
    w.node("Concat", op, *op.xs, axis=op.axis.value.data)


@exports(PadOp)
def pad(w: Writer, op: PadOp) -> None:
    """One node."""
    mode = op.mode.data
    w.node(
        "Pad", op, op.x, w.ints((*ints(op.low), *ints(op.high))), op.value, mode=mode if mode != "constant" else None
    )
