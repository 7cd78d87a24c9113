"""In which order a kernel had best store its results' dimensions, outermost first, given those of its operands.

convolutions, pools    (n, h, w, c): channels last, whatever the input's order
contractions           batch and rows, then the vectorised columns: row-major for (b, m, n), channels last for 1x1
pointwise              as the largest operand lies
reductions             the kept dimensions as the input has them
"""

from collections.abc import Iterator, Sequence
from math import prod

from xdsl.dialects import tensor
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, BlockArgument, SSAValue

from ...dialects._generic import Access, Contraction, Generic, generic
from ...dialects._layout import order_of, strides_of
from ...dialects._shape import shape
from ...dialects._xdsl import FillOp, GenericOp
from ...dialects.kernel import FuncOp

Order = tuple[int, ...]


def is_imperative(func: FuncOp) -> bool:
    """Whether the kernel holds anything but generics and what they need: its tensors then stay row-major."""
    plain = (GenericOp, FillOp, tensor.EmptyOp, tensor.ConcatOp, tensor.PadOp)
    return any(
        not isinstance(op, plain) and not op.name.startswith(("arith.", "kernel.")) for op in func.body.block.ops
    )


def result_orders(func: FuncOp, types: Sequence[Attribute], minor: frozenset[int]) -> list[Order]:
    """The order of each result, when the arguments have these types; `minor` are the arguments that decide only where
    no other does (weights)."""
    last = func.body.block.last_op
    results = tuple(last.operands) if last is not None else ()
    if is_imperative(func):
        return [tuple(range(len(shape(value)))) for value in results]
    args = func.body.block.args
    orders: dict[SSAValue, Order] = {
        a: o for a, t in zip(args, types, strict=True) if isinstance(t, TensorType) and (o := order_of(t)) is not None
    }
    weak = {args[i] for i in minor}
    for op in func.body.block.ops:
        if isinstance(op, GenericOp):
            seen = generic(op)
            dims = _dims(seen, orders, weak)
            for result, access in zip(op.results, seen.outputs, strict=True):
                orders[result] = _axes(access, dims)
        elif isinstance(op, tensor.ConcatOp):
            orders[op.result] = orders[op.inputs[0]]
    return [orders.get(value, tuple(range(len(shape(value))))) for value in results]


def _dims(seen: Generic, orders: dict[SSAValue, Order], weak: set[BlockArgument]) -> Order:
    """The generic's dims in the order in which its results had best be stored."""
    parallel = seen.parallel
    image = {d for d in parallel for a in seen.inputs for i in a.indices if i.coefficient(d) and i.dim is None}
    contraction = seen.contraction
    if seen.is_window and image and len(parallel) > 2:
        first = [d for d in parallel[:1] if d not in image]
        return (*first, *sorted(image), *(d for d in parallel if d not in image and d not in first))
    if contraction is not None:
        if (channels := _channels(seen, contraction, orders)) is not None:
            logical = [d for index in seen.outputs[0].indices if (d := index.dim) is not None]
            return (*(d for d in logical if d != channels), channels)
        ends = seen.outputs[0].indices[-1].dim if seen.outputs[0].indices else None
        if ends in contraction.n or not contraction.n:
            return parallel
        rows = [d for d in parallel if d not in contraction.n]
        if (lhs := _followed(seen.inputs[0], orders)) is not None and set(rows) <= set(lhs):
            rows = [d for d in lhs if d in rows]
        return (*rows, *contraction.n)
    return _as_largest(seen, orders, weak)


def _channels(seen: Generic, roles: Contraction, orders: dict[SSAValue, Order]) -> int | None:
    """The column dim that takes, in the result, the axis of the reduced dim that the left-hand side stores innermost:
    channels stay last through transposed convolutions as through 1x1 ones."""
    order = orders.get(seen.inputs[0].value)
    if not order or seen.inputs[0].indices[order[-1]].dim not in roles.k:
        return None
    axes = seen.outputs[0].indices
    dim = axes[order[-1]].dim if order[-1] < len(axes) else None
    return dim if dim in roles.n else None


def _as_largest(seen: Generic, orders: dict[SSAValue, Order], weak: set[BlockArgument]) -> Order:
    """As the largest operand that shows all parallel dims wider than 1; else as they come."""
    wide = [d for d in seen.parallel if seen.sizes[d] != 1]
    best: tuple[tuple[bool, int], Order] | None = None
    for access, order in (*_read(seen, orders), *_gathered(seen, orders)):
        rank = access.value not in weak, prod(shape(access.value))
        if set(wide) <= set(order) and (best is None or rank > best[0]):
            best = rank, order
    if best is None:
        return seen.parallel
    found = [d for d in best[1] if d in seen.parallel]
    ones = [d for d in seen.parallel if d not in found]
    return (*ones, *found)


def _read(seen: Generic, orders: dict[SSAValue, Order]) -> Iterator[tuple[Access, Order]]:
    for access in seen.inputs:
        if (order := _followed(access, orders)) is not None:
            yield access, order


def _gathered(seen: Generic, orders: dict[SSAValue, Order]) -> Iterator[tuple[Access, Order]]:
    """A tensor that the body extracts from, if it has the result's rank: a resize, a reversal."""
    (out, *_) = seen.outputs
    for value in seen.captures if seen.is_gather else ():
        if value in orders and len(shape(value)) == len(out.indices):
            order = _followed(Access(value, out.map, out.indices), orders)
            if order is not None:
                yield Access(value, out.map, out.indices), order


def _followed(access: Access, orders: dict[SSAValue, Order]) -> Order | None:
    """The dims that walk an operand's axes, alone, in the order in which the operand is stored; a part of an axis, or
    each second element, is walked as well."""
    if (order := orders.get(access.value)) is None:
        return None
    return tuple(access.indices[axis].terms[0][0] for axis in order if len(access.indices[axis].terms) == 1)


def _axes(access: Access, dims: Order) -> Order:
    place = {dim: i for i, dim in enumerate(dims)}
    depth = [-1 if (d := index.dim) is None else place[d] for index in access.indices]
    return tuple(sorted(range(len(depth)), key=lambda axis: depth[axis]))


def columns(func: FuncOp, types: Sequence[Attribute], rows: int) -> dict[int, Order]:
    """The arguments that must be copied when they have these types: right-hand sides of contractions whose columns do
    not lie side by side, with the order that the copy needs. Contractions of at most `rows` rows need none where both
    sides' reduced elements lie side by side: they run along those."""
    found: dict[int, Order] = {}
    for op in func.body.block.ops:
        if not isinstance(op, GenericOp) or (roles := (seen := generic(op)).contraction) is None:
            continue
        access = seen.inputs[1]
        if not isinstance(access.value, BlockArgument) or all(seen.sizes[d] == 1 for d in roles.n):
            continue
        if _runs_along(access, types, roles.n, seen.sizes):
            continue
        few = prod(seen.sizes[d] for d in roles.m) <= rows
        if not (few and all(_runs_along(a, types, roles.k, seen.sizes) for a in seen.inputs)):
            dims = [index.dim for index in access.indices]
            depth = [0 if d in roles.batch else 2 if d in roles.n else 1 for d in dims]
            found[access.value.index] = tuple(sorted(range(len(dims)), key=lambda axis: depth[axis]))
    return found


def _runs_along(access: Access, types: Sequence[Attribute], dims: Sequence[int], sizes: Sequence[int]) -> bool:
    """Whether neighbours along one of the dims lie side by side in a kernel's argument (unknown ones are taken to)."""
    kind = types[access.value.index] if isinstance(access.value, BlockArgument) else access.value.type
    if (placed := strides_of(kind)) is None:
        return True
    axes = zip(access.indices, placed[1], strict=True)
    return any(step == 1 and (d := index.dim) is not None and d in dims and sizes[d] != 1 for index, step in axes)


def must_be_row_major(arg: SSAValue) -> bool:
    """Whether an argument of a kernel does more than be read by generics and tensor.extract: it is updated."""
    reads = (GenericOp, tensor.ExtractOp, tensor.DimOp)
    return any(not isinstance(use.operation, reads) for use in arg.uses)
