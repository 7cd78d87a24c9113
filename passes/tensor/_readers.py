"""What the readers of a tensor would have of its strides: none of their views copied, no end, no right-hand side.

%k = kernel.launch @project(%x, %w)                     rows (s, d), d innermost
%t = linalg.transpose %k                                (d, s)
%s = kernel.launch @scores(%q, %t)                      its columns are s: %k had better store s innermost
"""

from collections.abc import Iterator, Sequence

from xdsl.dialects import scf, tensor
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue, Use
from xdsl.traits import IsTerminator

from ...dialects._layout import ROW_MAJOR, laid_out, ordered, row_major, strided, strides_of
from ...dialects._shape import element, shape
from ...dialects.kernel import LaunchOp
from ._order import columns
from ._variants import Variants
from ._view import Strides, source, source_strides, view


def is_end(op: Operation) -> bool:
    """Whether the op takes row-major tensors only: what leaves a block, what a loop carries."""
    return op.has_trait(IsTerminator) or isinstance(op, scf.ForOp | scf.WhileOp)


def is_read(value: SSAValue) -> bool:
    """Whether an op reads the value as it lies, not through a view."""
    return any(source(use.operation) is not value and not is_end(use.operation) for use in value.uses)


def fits(value: SSAValue, steps: Sequence[int]) -> bool:
    """Whether no view of the value and no end would need a copy if it had these strides."""
    for use in value.uses:
        op = use.operation
        if is_end(op) and strided(shape(value), steps) != ROW_MAJOR:
            return False
        if source(op) is value and ((found := view(op, steps)) is None or not fits(op.results[0], found[1])):
            return False
    return True


def wanted(value: SSAValue) -> Iterator[tuple[int, ...]]:
    """Strides of the value that would spare some end or some reshape a copy."""
    for op in (use.operation for use in value.uses):
        if is_end(op) or isinstance(op, tensor.CollapseShapeOp):
            yield row_major(shape(value))
        if source(op) is value:
            yield from (back for w in wanted(op.results[0]) if (back := source_strides(op, w)) is not None)


def needed_by_columns(value: SSAValue, steps: Sequence[int], variants: Variants, rows: int) -> Strides | None:
    """Strides that all readers of a tensor need, which as it is would be copied for each: it gives contractions their
    columns. None if one reads it otherwise, or as it is, or if two need different ones."""
    needed = set(_needed(value, steps, variants, rows))
    if len(needed) != 1 or (found := needed.pop()) is None or not fits(value, found):
        return None
    return found


def _needed(value: SSAValue, steps: Sequence[int], variants: Variants, rows: int) -> Iterator[Strides | None]:
    """For each reader, through views, the strides that a copy of the tensor would have; None for one without a copy."""
    for use in value.uses:
        op = use.operation
        if source(op) is value:
            found = view(op, steps)
            for inner in (None,) if found is None else _needed(op.results[0], found[1], variants, rows):
                yield None if inner is None else source_strides(op, inner)
        else:
            yield _columns(use, steps, variants, rows) if isinstance(op, LaunchOp) else None


def _columns(use: Use, steps: Sequence[int], variants: Variants, rows: int) -> Strides | None:
    op, dims = use.operation, shape(value := use.operation.operands[use.index])
    assert isinstance(op, LaunchOp)
    given = laid_out(TensorType(element(value), dims), strided(dims, steps))
    types = [given if v is value else v.type for v in op.arguments]
    order = columns(variants[op.kernel], types, rows).get(use.index)
    found = None if order is None else strides_of(laid_out(given, ordered(dims, order)))
    return None if found is None else found[1]
