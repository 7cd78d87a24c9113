"""The template of kernels that reduce nothing: one flat axis over all dims, each program a block of it.

r = BX * pid + arange(BX);  y[r] = f(x[r], b[r % C])
"""

from collections.abc import Mapping
from dataclasses import replace

from xdsl.ir import SSAValue

from ....dialects._stages import Kernel, Member
from ....dialects.tile.index import PidOp
from .axis import Axis, Form, Frame, axis
from .schedule import Schedule
from .shape import Pointwise
from .values import Values


def x_axis(found: Kernel, dims: tuple[int, ...], schedule: Schedule) -> Axis:
    """The axis of the parallel dims, in blocks of BX."""
    x = axis("x", dims, found.sizes, schedule.BX)
    return x if x.total > 1 else replace(x, block=1)


def emit(values: Values, form: Pointwise, schedule: Schedule) -> tuple[int, ...]:
    """Write the kernel; the grid."""
    parts = _parts(values.found)
    axes = [x_axis(values.found, tuple(d for d in form.x if d in space), schedule) for space, _ in parts]
    count = max(x.blocks for x in axes)
    for x, (_, results) in zip(axes, parts, strict=True):
        x.programs = count
        if count > 1:
            x.start = values.code.times(values.code.emit(PidOp(0)), x.block)
        values.frame = Frame(x)
        store(values, results, x.forms())
    return (count,)


def _parts(found: Kernel) -> list[tuple[frozenset[int], list[SSAValue]]]:
    """The results by their dims; those that share some are computed together, others side by side."""
    parts: list[tuple[frozenset[int], list[SSAValue]]] = []
    for value in found.outputs:
        space, results = found.maker[value].space, [value]
        for part in [p for p in parts if p[0] & space]:
            parts.remove(part)
            space, results = space | part[0], part[1] + results
        parts.append((space, results))
    return parts


def full(member: Member, point: Mapping[int, Form]) -> dict[int, Form]:
    """An index for each dim of a generic: those that the point lacks have one index only."""
    return {d: point.get(d, Form()) for d in member.dims}


def store(values: Values, results: list[SSAValue], point: Mapping[int, Form]) -> None:
    """Compute some results at a point, and write them once all are computed."""
    made: list[tuple[SSAValue, SSAValue, list[Form]]] = []
    for value in results:
        member = values.found.maker[value]
        access = member.generic.outputs[list(member.results).index(value)]
        forms = values.forms(access, member, full(member, point))
        made.append((values.at(value, forms), value, forms))
    for scalar, value, forms in made:
        values.store(scalar, value, forms)
