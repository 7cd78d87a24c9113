"""Where a function's arguments lie, and how its results leave.

An argument lies as those who read it like it: what a convolution calls channels are channels, however the argument's
dimensions are ordered; else the last dimension is channels, the one before rows, all others are images.
"""

from collections.abc import Sequence

import numpy as np
from xdsl.ir import Operation, SSAValue

from ....dialects._shape import dtype, shape
from ....dialects.graph._base import ints
from ....dialects.graph._pointwise import BinaryOp, PointwiseOp
from ....dialects.graph.contraction import GemmOp, MatmulOp
from ....dialects.graph.conv import ConvOp, ConvTransposeOp
from ....dialects.graph.normalization import InstanceNormOp, LrnOp
from ....dialects.graph.pool import PoolOp
from ....dialects.graph.quantize import DequantizeOp, QuantizeOp
from ....dialects.graph.resize import ResizeOp
from ....dialects.graph.softmax import SoftmaxOp
from ....dialects.graph.view import ExpandOp, ReshapeOp, SliceOp, TransposeOp
from ..layer import Axes, Copy, Tensor, View
from .moves import move, same
from .place import CHANNEL, COLUMN, IMAGE, REPEATED, ROW, At, Factor, Place, Unplaceable, box
from .plain import is_view
from .reader import Reader, Unsupported, is_number

SYMBOL = 8
"""Axes from here on stand for the dimensions of a value whose place is still to be found."""
MOST = 64
"""Readers, at most, that are asked."""
Part = tuple[int, int, int]
"""Elements `step` apart, how many, and the axis along which they are to lie."""
Roles = dict[int, list[Part]]
"""The parts of each dimension."""
Cut = list[tuple[int, int]]
"""A dimension as (extent, axis), from the outermost on."""


def entered(reader: Reader, value: SSAValue) -> Place:
    """The place of a value that comes from outside, in a new tensor."""
    if not is_number(value):
        raise Unsupported(f"elements of {dtype(value.type)}")
    dims = shape(value)
    cuts = partnered(reader, value) or wished(reader, value)
    parts = [part for cut in cuts for part in cut]
    groups = [tuple(i for i, (_, role) in enumerate(parts) if role == axis) for axis in range(4)]
    images, rows, columns, channels = (int(np.prod([parts[i][0] for i in group], dtype=int)) for group in groups)
    found = _quantisation(reader, value)
    made = reader.tensor(value.name_hint or "input", (images, rows, columns, channels), found)
    made.full, made.axes = tuple(n for n, _ in parts), (groups[0], groups[1], groups[2], groups[3])
    place = _place(made, made.full, made.axes)
    return place.reshape(dims) if len(parts) > len(dims) else place


def partnered(reader: Reader, value: SSAValue) -> list[Cut] | None:
    """The axes along which a value made here lies that an elementwise op pairs the argument with; None if there is no
    such value."""
    for use in value.uses:
        op = use.operation
        other = op.operands[1 - use.index] if isinstance(op, BinaryOp) else value
        if other in reader.inputs or (place := reader.places.get(other)) is None or shape(other) != shape(value):
            continue
        if all(f.axis != REPEATED for f in place.factors()):
            return [[(len(f), f.axis) for f in dim] or [(1, IMAGE)] for dim in place.dims]
    return None


def _place(tensor: Tensor, dims: Sequence[int], axes: Axes) -> Place:
    factors: dict[int, tuple[Factor, ...]] = {}
    for axis, group in enumerate(axes):
        step = 1
        for d in reversed(group):
            factors[d] = (Factor(axis, np.arange(dims[d], dtype=np.int64) * step),) if dims[d] > 1 else ()
            step *= dims[d]
    return Place(tensor, (0, 0, 0, 0), tuple(factors[d] for d in range(len(dims))))


def _quantisation(reader: Reader, value: SSAValue):
    """The parameters by which an argument of 8 bits is read."""
    if dtype(value.type) == np.float32:
        return None
    seen, stack = set[SSAValue](), [value]
    while stack and len(seen) < MOST:
        at = stack.pop()
        seen.add(at)
        for op in (use.operation for use in at.uses):
            if isinstance(op, DequantizeOp) and op.x is at:
                if (found := reader.constants.quantisation(op)) is not None:
                    return found
            elif len(op.results) == 1 and op.results[0] not in seen:
                stack.append(op.results[0])
    raise Unsupported("integers whose scale is not known")


def wished(reader: Reader, value: SSAValue) -> list[Cut]:
    """The axis that each dimension of an argument should lie along, or each part of one that is cut."""
    dims = shape(value)
    stack, seen, best = [(value, symbols(dims))], {value}, Roles()
    while stack and len(seen) < MOST and not best:
        at, place = stack.pop(0)
        for use in at.uses:
            op = use.operation
            if (roles := _asked(op, use.index, place)) is not None:
                best = roles
                break
            if (after := _through(op, at, place)) is not None and op.results[0] not in seen:
                seen.add(op.results[0])
                stack.append((op.results[0], after))
    last = [d for d in range(len(dims)) if dims[d] > 1]
    default: Roles = {d: [(1, dims[d], axis)] for d, axis in zip(last[::-1], (CHANNEL, ROW), strict=False)}
    found = best or default
    return [_cut(dims[d], found.get(d, [])) for d in range(len(dims))]


def _cut(extent: int, parts: list[Part]) -> Cut:
    """A dimension whose parts are to lie along different axes, cut if they are all of it; else as a whole."""
    axes = {axis for _, _, axis in parts}
    parts = sorted(parts, reverse=True)
    whole = np.cumprod([1, *(count for _, count, _ in reversed(parts))])[::-1]
    if len(axes) > 1 and whole[0] == extent and [step for step, _, _ in parts] == list(whole[1:]):
        return [(count, axis) for _, count, axis in parts]
    return [(extent, max(axes, default=IMAGE))]


def symbols(dims: Sequence[int]) -> Place:
    """A value whose dimensions lie along axes of their own, from SYMBOL on."""
    found = tuple((Factor(SYMBOL + i, np.arange(n, dtype=np.int64)),) if n > 1 else () for i, n in enumerate(dims))
    return Place(Tensor("", 1, 1, 1, 1), (0, 0, 0, 0), found)


def read_by(value: SSAValue, place: Place) -> list[Place]:
    """The value as those see it who read it through views."""
    stack, found = [(value, place)], list[Place]()
    while stack and len(found) < MOST:
        at, here = stack.pop(0)
        for op in (use.operation for use in at.uses):
            after = _through(op, at, here) if is_view(op) else None
            if after is None:
                found.append(here)
            else:
                stack.append((op.results[0], after))
    return found


def _asked(op: Operation, index: int, place: Place) -> Roles | None:
    """The axes that an op wants the dimensions of an operand on."""
    match op:
        case ConvOp() | ConvTransposeOp() | PoolOp() | ResizeOp() | InstanceNormOp() | LrnOp() if index == 0:
            spatial = {3: (COLUMN,), 4: (ROW, COLUMN)}.get(len(place.dims))
            wanted = None if spatial is None else (IMAGE, CHANNEL, *spatial)
        case MatmulOp() | GemmOp() if len(place.dims) > 1 and index < 2:
            wanted = (*(IMAGE,) * (len(place.dims) - 2), ROW, CHANNEL)
        case SoftmaxOp():
            rest = [IMAGE] * len(place.dims)
            if op.dim != 0:
                rest[op.dim - 1] = ROW
            rest[op.dim] = CHANNEL
            wanted = tuple(rest)
        case _:
            wanted = None
    if wanted is None:
        return None
    roles: Roles = {}
    for dim, role in zip(place.dims, wanted, strict=True):
        for f in dim:
            if f.axis >= SYMBOL:
                roles.setdefault(f.axis - SYMBOL, []).append((f.step, len(f), role))
    return roles


def _through(op: Operation, value: SSAValue, place: Place) -> Place | None:
    """Where the operand's elements lie in the result of an op that keeps them apart."""
    try:
        match op:
            case ReshapeOp():
                return place.reshape(shape(op.res))
            case TransposeOp():
                return place.transpose(ints(op.perm))
            case SliceOp():
                return place.slice(ints(op.offsets), ints(op.sizes), ints(op.strides))
            case ExpandOp():
                return place.expand(shape(op.res))
            case QuantizeOp() | DequantizeOp():
                return place
            case PointwiseOp() if shape(op.res) == shape(value):
                return place
            case _:
                return None
    except Unplaceable:
        return None


def left(reader: Reader, value: SSAValue, name: str) -> Tensor:
    """The tensor by which a value leaves, which holds nothing else; copied into one if it has to be."""
    place = reader.plain(value)
    made = place.tensor
    taken = made.axes is not None or made.packed is not None
    if not taken and (ends := _ends(place)) is not None:
        made.full, made.axes = ends
        return made
    return _copied(reader, place, name)


def _copied(reader: Reader, place: Place, name: str) -> Tensor:
    try:
        view, local = box(place, 1)
        made = same(reader, place.tensor, view.size)
        target = Place(made, local.at, local.dims)
        if (ends := _ends(target)) is None or view.at[CHANNEL] % reader.granule(made):
            raise Unplaceable("a part of a tensor")
        reader.add(Copy(name=reader.name(name), nodes=(name,), x=view, out=View.whole(made)))
    except Unplaceable:
        dims = place.shape
        last = [d for d in range(len(dims)) if dims[d] > 1][::-1]
        roles = [{0: CHANNEL, 1: ROW}.get(last.index(d), IMAGE) if d in last else IMAGE for d in range(len(dims))]
        groups = [tuple(d for d in range(len(dims)) if roles[d] == axis) for axis in range(4)]
        size = [int(np.prod([dims[d] for d in group], dtype=int)) for group in groups]
        made = same(reader, place.tensor, size)
        ends = dims, (groups[0], groups[1], groups[2], groups[3])
        move(reader, place, _place(made, dims, ends[1]))
    made.full, made.axes = ends
    return made


def _ends(place: Place) -> tuple[tuple[int, ...], Axes] | None:
    """The dimensions of a place, cut into factors, and which of them each axis of its tensor is made of, if together
    they are all of it."""
    parts = [f for dim in place.dims for f in (dim or (None,))]
    start: At = (0, 0, 0, 0)
    groups: list[tuple[int, ...]] = []
    for axis in range(4):
        mine = [(i, f) for i, f in enumerate(parts) if f is not None and f.axis == axis]
        mine.sort(key=lambda one: -one[1].step)
        step = 1
        for _, factor in reversed(mine):
            if factor.step != step:
                return None
            step *= len(factor)
        if step != place.tensor.shape[axis]:
            return None
        groups.append(tuple(i for i, _ in mine))
    known = {i for group in groups for i in group}
    rest = tuple(i for i in range(len(parts)) if i not in known)
    if place.at != start or any(parts[i] is not None for i in rest):
        return None
    full = tuple(1 if f is None else len(f) for f in parts)
    return full, ((*groups[0], *rest), groups[1], groups[2], groups[3])
