"""The ops of the host that move no element: what strides their results have in the operand's buffer, and back.

%1 = tensor.expand_shape %0          linalg.transpose          tensor.extract_slice          tensor.collapse_shape
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.dialects import tensor
from xdsl.ir import Operation, OpResult, SSAValue

from ...dialects._layout import reshaped, transposed
from ...dialects._shape import shape
from ...dialects._xdsl import TransposeOp

Strides = tuple[int, ...]
DYNAMIC = -9223372036854775808


@dataclass(frozen=True)
class Shift:
    """How far a view begins into its source, in elements: a constant and multiples of host indices."""

    constant: int = 0
    terms: tuple[tuple[SSAValue, int], ...] = ()

    def plus(self, other: "Shift") -> "Shift":
        """Both, one after the other."""
        return Shift(self.constant + other.constant, self.terms + other.terms)


def source(op: Operation) -> SSAValue | None:
    """What a view op shows, None if the op is no view."""
    match op:
        case tensor.CollapseShapeOp() | tensor.ExpandShapeOp():
            return op.src
        case tensor.ExtractSliceOp():
            return op.source
        case TransposeOp():
            return op.inputs[0]
        case _:
            return None


def view(op: Operation, strides: Sequence[int]) -> tuple[Shift, Strides] | None:
    """Where the result of a view op lies, given its source's strides; None if no strides say it."""
    match op:
        case tensor.CollapseShapeOp() | tensor.ExpandShapeOp():
            found = reshaped(shape(op.src), strides, shape(op.result))
            return None if found is None else (Shift(), found)
        case tensor.ExtractSliceOp():
            return region(op, strides, shape(op.result))
        case TransposeOp():
            return Shift(), transposed(strides, op.permutation.get_values())
        case _:
            raise TypeError(f"expected a view, found {op.name}")


def source_strides(op: Operation, strides: Sequence[int]) -> Strides | None:
    """The strides of the source under which the result has these; None for a slice, and where no strides do."""
    match op:
        case tensor.CollapseShapeOp() | tensor.ExpandShapeOp():
            return reshaped(shape(op.result), strides, shape(op.src))
        case TransposeOp():
            back = [0] * len(strides)
            for i, p in enumerate(op.permutation.get_values()):
                back[p] = strides[i]
            return tuple(back)
        case _:
            return None


def region(
    op: tensor.ExtractSliceOp | tensor.InsertSliceOp, strides: Sequence[int], shown: Sequence[int]
) -> tuple[Shift, Strides]:
    """The part of a tensor that a slice op names, shown with the shape `shown` (which may lack axes of size 1)."""
    dynamic = iter(op.offsets)
    offset, terms = 0, list[tuple[SSAValue, int]]()
    for start, stride in zip(op.static_offsets.get_values(), strides, strict=True):
        if start == DYNAMIC:
            terms.append((next(dynamic), stride))
        else:
            offset += start * stride
    sizes, steps = op.static_sizes.get_values(), op.static_strides.get_values()
    if DYNAMIC in sizes or DYNAMIC in steps:
        raise TypeError(f"{op.name}: expected static sizes and strides")
    moved = [s * t for s, t in zip(strides, steps, strict=True)]
    return Shift(offset, tuple(terms)), tuple(_without_ones(sizes, moved, shown))


def _without_ones(sizes: Sequence[int], strides: Sequence[int], shown: Sequence[int]) -> Iterator[int]:
    extra, at = len(sizes) - len(shown), 0
    for size, stride in zip(sizes, strides, strict=True):
        if extra and size == 1 and (at == len(shown) or shown[at] != 1):
            extra -= 1
            continue
        at += 1
        yield stride


def aliases(value: SSAValue) -> Iterator[SSAValue]:
    """The value and all views of it."""
    yield value
    for use in value.uses:
        if source(use.operation) is value:
            for result in use.operation.results:
                yield from aliases(result)


def root(value: SSAValue) -> SSAValue:
    """The value that a chain of views shows."""
    while isinstance(value, OpResult) and (shown := source(value.op)) is not None:
        value = shown
    return value


def is_showable(value: SSAValue, strides: Sequence[int]) -> bool:
    """Whether all views of the value, and views of those, have strides when it has these."""
    for use in value.uses:
        if source(use.operation) is value:
            found = view(use.operation, strides)
            if found is None or not is_showable(use.operation.results[0], found[1]):
                return False
    return True
