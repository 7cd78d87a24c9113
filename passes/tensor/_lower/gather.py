"""Gathers: a pointwise generic over the result that reads x at positions made of indices."""

from collections.abc import Callable

from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from ....dialects._shape import element, shape
from ....dialects.graph.gather import GatherElementsOp, GatherNDOp, GatherOp, ReverseSequenceOp
from ._body import Body
from ._build import Build, lowering
from ._tables import entry, extracted

Position = Callable[..., list[SSAValue]]


def gathered(
    b: Build, x: SSAValue, dims: tuple[int, ...], inputs: list[tuple[SSAValue, AffineMap]], position: Position
) -> SSAValue:
    """y[i..] = x[position(t, *elements of the inputs)]."""
    source = b[x]
    if 0 in dims or 0 in shape(source):
        return b.fill(0, dims, element(source))
    out = b.empty(dims, element(source)), AffineMap.identity(len(dims))

    def body(t: Body, *elements: SSAValue) -> SSAValue:
        return extracted(t, source, position(t, *elements[:-1]))

    return b.generic1(inputs, out, "p" * len(dims), body)


@lowering(GatherOp)
def gather(op: GatherOp, b: Build) -> SSAValue:
    """The index depends on the result's dims where the indices stand; the others go along."""
    dims, out, count = shape(op.x), shape(op.res), len(shape(op.indices))
    axis = op.axis.value.data % len(dims)
    map = AffineMap(len(out), 0, tuple(AffineDimExpr(axis + i) for i in range(count)))

    def position(t: Body, index: SSAValue) -> list[SSAValue]:
        others = [i for i in range(len(out)) if not axis <= i < axis + count]
        found = [t.index(i) for i in others]
        found.insert(axis, entry(t, index, dims[axis]))
        return found

    return gathered(b, op.x, out, [(b[op.indices], map)], position)


@lowering(GatherElementsOp)
def gather_elements(op: GatherElementsOp, b: Build) -> SSAValue:
    """Each element's own position, its index in place of the axis."""
    dims, out = shape(op.x), shape(op.res)
    axis = op.axis.value.data % len(dims)

    def position(t: Body, index: SSAValue) -> list[SSAValue]:
        return [entry(t, index, dims[i]) if i == axis else t.index(i) for i in range(len(out))]

    return gathered(b, op.x, out, [(b[op.indices], AffineMap.identity(len(out)))], position)


@lowering(GatherNDOp)
def gather_nd(op: GatherNDOp, b: Build) -> SSAValue:
    """One input for each number of a position."""
    dims, out, wanted, batch = shape(op.x), shape(op.res), shape(op.indices), op.batch_dims.value.data
    lead, count = len(wanted) - 1, wanted[-1]
    rows = tuple(AffineDimExpr(i) for i in range(lead))
    maps = [AffineMap(len(out), 0, (*rows, AffineConstantExpr(i))) for i in range(count)]

    def position(t: Body, *indices: SSAValue) -> list[SSAValue]:
        chosen = [entry(t, index, dims[batch + i]) for i, index in enumerate(indices)]
        return [*(t.index(i) for i in range(batch)), *chosen, *(t.index(i) for i in range(lead, len(out)))]

    return gathered(b, op.x, out, [(b[op.indices], map) for map in maps], position)


@lowering(ReverseSequenceOp)
def reverse_sequence(op: ReverseSequenceOp, b: Build) -> SSAValue:
    """Along time: length - 1 - t below the length, else t."""
    dims, batch, time = shape(op.x), op.batch_axis.value.data, op.time_axis.value.data
    map = AffineMap(len(dims), 0, (AffineDimExpr(batch),))

    def position(t: Body, length: SSAValue) -> list[SSAValue]:
        own = [t.index(i) for i in range(len(dims))]
        at = own[time]
        length = t.min(t.cast(length, at.type), t.const(dims[time], at.type))
        back = t.sub(t.sub(length, t.const(1, at.type)), at)
        own[time] = t.select(t.cmp("lt", at, length), back, at)
        return own

    return gathered(b, op.x, dims, [(b[op.lengths], map)], position)
