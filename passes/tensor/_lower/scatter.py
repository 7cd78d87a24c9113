"""Scatters: a copy of x into which a kernel of plain loops writes the updates, in their order."""

from collections.abc import Callable

from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from ....dialects._shape import dtype, element, shape
from ....dialects.graph.scatter import ScatterElementsOp, ScatterNDOp, ScatterOp
from ._body import Body
from ._build import Build, lowering
from ._tables import entry

Values = tuple[SSAValue, ...]


def combined(op: ScatterOp, t: Body, old: SSAValue, new: SSAValue) -> SSAValue:
    """The old element and the update, by the op's reduction."""
    unsigned = dtype(op.x.type).kind == "u"
    match op.reduction.data:
        case "none":
            return new
        case "add" | "mul" if element(op.x) == IntegerType(1):
            return t.or_(old, new) if op.reduction.data == "add" else t.and_(old, new)
        case "add":
            return t.add(old, new)
        case "mul":
            return t.mul(old, new)
        case "max":
            return t.max(old, new, unsigned or element(op.x) == IntegerType(1))
        case "min":
            return t.min(old, new, unsigned or element(op.x) == IntegerType(1))
        case other:
            raise ValueError(f"no reduction {other}")


def scattered(op: ScatterOp, b: Build, position: Callable[[Body, SSAValue, Values], list[SSAValue]]) -> SSAValue:
    """Loops over the updates; `position(t, indices, at)` is where in x the update at `at` goes."""
    sizes = shape(op.updates)
    if 0 in sizes or 0 in shape(op.x):
        return b[op.x]

    def body(t: Body, start: SSAValue, indices: SSAValue, updates: SSAValue) -> Values:
        def step(t: Body, at: Values, values: Values) -> Values:
            (out,) = values
            place = position(t, indices, at)
            new = t.extract(updates, at)
            if op.reduction.data != "none":
                new = combined(op, t, t.extract(out, place), new)
            return (t.insert(new, out, place),)

        return t.loops(sizes, (start,), step)

    start = b.copy(b[op.x])
    return b.kernel([start, op.indices, op.updates], [op.res.type], body, stem="scatter")[0]


@lowering(ScatterElementsOp)
def scatter_elements(op: ScatterElementsOp, b: Build) -> SSAValue:
    """The update's own position, its index in place of the axis."""
    dims = shape(op.x)
    axis = op.axis.value.data % len(dims)

    def position(t: Body, indices: SSAValue, at: Values) -> list[SSAValue]:
        return [entry(t, t.extract(indices, at), dims[i]) if i == axis else p for i, p in enumerate(at)]

    return scattered(op, b, position)


@lowering(ScatterNDOp)
def scatter_nd(op: ScatterNDOp, b: Build) -> SSAValue:
    """A position read from the last axis of the indices, then the update's own place in the slice."""
    dims, wanted = shape(op.x), shape(op.indices)
    lead, count = len(wanted) - 1, wanted[-1]

    def position(t: Body, indices: SSAValue, at: Values) -> list[SSAValue]:
        rows = at[:lead]
        chosen = [entry(t, t.extract(indices, [*rows, i]), dims[i]) for i in range(count)]
        return [*chosen, *at[lead:]]

    return scattered(op, b, position)
