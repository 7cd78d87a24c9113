"""Gives a pointwise generic or a reduction other dims: neighbours become one, or one becomes several.

    %e = expand_shape %x : 6x4 -> 2x3x4
    %y = generic (a, b, c) ins(%e: (a, b, c), %bias: (c))                        // 2x3x4
-->
    %y' = generic (ab, c) ins(%x: (ab, c), %bias: (c))                           // 6x4
    %y = expand_shape %y' : 6x4 -> 2x3x4

The same downwards for a collapse: the reader runs over the dims of before, and a collapse follows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, takewhile
from math import prod

from xdsl.dialects import tensor
from xdsl.dialects.builtin import AffineMapAttr
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from ...dialects._generic import Access, Generic
from ...dialects._shape import shape
from ...dialects._xdsl import GenericOp, IndexOp, IteratorTypeAttr
from ._edit import inserted
from ._moves import redirect
from ._reshape import Groups, Reshape, groups_of, reshaped, start

Plan = tuple[list[int], list[AffineExpr]]


@dataclass(frozen=True)
class Collapse:
    """Dims of one group become one dim."""

    groups: Groups
    sizes: tuple[int, ...]

    @property
    def rank(self) -> int:
        """How many dims there will be."""
        return len(self.groups)

    def group(self, dim: int) -> int:
        """The new dim that a dim goes into."""
        return next(g for g, members in enumerate(self.groups) if dim in members)

    def kept(self, dim: int) -> int | None:
        """The new number of a dim that stays as it is, else None."""
        group = self.group(dim)
        return group if len(self.groups[group]) == 1 else None

    def iterators(self, old: str) -> str | None:
        """The new iterators; None if a group holds both kinds."""
        kinds = [{old[d] for d in group} for group in self.groups]
        return None if any(len(kind) != 1 for kind in kinds) else "".join(min(kind) for kind in kinds)

    def plan(self, access: Access) -> Plan | None:
        """The operand's new shape and indices; None if its axes do not go together as the dims do."""
        sizes, exprs = list[int](), list[AffineExpr]()
        extents, axis = shape(access.value), 0
        while axis < len(extents):
            index, run = access.indices[axis], [axis]
            if index.dim is None or self.kept(index.dim) is not None:
                if (expr := _renumbered(access.map.results[axis], index.terms, self)) is None:
                    return None
                sizes.append(extents[axis])
                exprs.append(expr)
                axis += 1
                continue
            group = self.groups[self.group(index.dim)]
            while run[-1] + 1 < len(extents) and access.indices[run[-1] + 1].dim in group:
                run.append(run[-1] + 1)
            axis = run[-1] + 1
            dims = [d for a in run if (d := access.indices[a].dim) is not None]
            if dims != sorted(set(dims)):
                return None
            if all(d in dims or self.sizes[d] == 1 for d in group):
                sizes.append(prod(extents[a] for a in run))
                exprs.append(AffineDimExpr(self.group(index.dim)))
            elif all(self.sizes[d] == 1 for d in dims):
                sizes += [1] * len(run)
                exprs += [AffineConstantExpr(0)] * len(run)
            else:
                return None
        return sizes, exprs


@dataclass(frozen=True)
class Expand:
    """Each dim becomes the dims of its group, of these sizes."""

    groups: Groups
    sizes: tuple[int, ...]

    @property
    def rank(self) -> int:
        """How many dims there will be."""
        return len(self.sizes)

    def kept(self, dim: int) -> int | None:
        """The new number of a dim that stays as it is, else None."""
        return self.groups[dim][0] if len(self.groups[dim]) == 1 else None

    def iterators(self, old: str) -> str | None:
        """The new iterators."""
        return "".join(kind * len(group) for kind, group in zip(old, self.groups, strict=True))

    def plan(self, access: Access) -> Plan | None:
        """The operand's new shape and indices; None if a divided dim is read in a sum."""
        sizes, exprs = list[int](), list[AffineExpr]()
        for extent, index, expr in zip(shape(access.value), access.indices, access.map.results, strict=True):
            if index.dim is None or self.kept(index.dim) is not None:
                if (new := _renumbered(expr, index.terms, self)) is None:
                    return None
                sizes.append(extent)
                exprs.append(new)
            else:
                group = self.groups[index.dim]
                sizes += [self.sizes[d] for d in group]
                exprs += [AffineDimExpr(d) for d in group]
        return sizes, exprs


def _renumbered(expr: AffineExpr, terms: Sequence[tuple[int, int]], change: "Collapse | Expand") -> AffineExpr | None:
    dims = [change.kept(d) for d, _ in terms]
    if None in dims:
        return None
    highest = max((d for d, _ in terms), default=-1)
    new: list[AffineExpr] = [AffineDimExpr(0)] * (highest + 1)
    for (old, _), to in zip(terms, dims, strict=True):
        new[old] = AffineDimExpr(to or 0)
    return expr.replace_dims_and_symbols(new, ())


def sink(reader: Generic, number: int) -> GenericOp | None:
    """Move the reshape that one input of a generic is to behind the generic. The new generic, or None where that
    fails."""
    access, op = reader.inputs[number], reader.op
    view = access.value.owner
    if not isinstance(view, tensor.CollapseShapeOp | tensor.ExpandShapeOp):
        return None
    if (change := _change(reader, access, view)) is None or (iterators := change.iterators(reader.iterators)) is None:
        return None
    plans = [change.plan(access) for access in (*reader.inputs, *reader.outputs)]
    indices = [inner for inner in op.body.walk() if isinstance(inner, IndexOp)]
    if None in plans or any(change.kept(i.dim.value.data) is None for i in indices):
        return None
    operands: list[SSAValue] = []
    for i, (access, plan) in enumerate(zip((*reader.inputs, *reader.outputs), plans, strict=True)):
        make = reshaped if i < len(reader.inputs) else start
        value = None if plan is None else make(access.value, plan[0], op)
        if value is None:
            return None
        operands.append(value)
    maps = [AffineMapAttr(AffineMap(change.rank, 0, tuple(plan[1]))) for plan in plans if plan is not None]
    for index in indices:
        index.properties["dim"] = type(index.dim)(change.kept(index.dim.value.data) or 0, index.dim.type)
    return _replaced(op, operands, maps, iterators)


def _change(reader: Generic, access: Access, view: Reshape) -> Collapse | Expand | None:
    """What happens to the dims if the reshape goes; each axis is read by one dim, or nothing does."""
    dims = [index.dim for index in access.indices]
    axes = {d: axis for axis, d in enumerate(dims) if d is not None}
    if len(axes) != len(dims) or not dims:
        return None
    if isinstance(view, tensor.CollapseShapeOp):
        wide, groups = shape(view.src), groups_of(view)
        parts = [[wide[x] for x in groups[axes[d]]] if d in axes else [n] for d, n in enumerate(reader.sizes)]
        ends = list(accumulate(map(len, parts), initial=0))
        runs = tuple(tuple(range(a, b)) for a, b in pairwise(ends))
        return Expand(runs, tuple(n for part in parts for n in part)) if all(groups) else None
    runs = tuple(sorted(tuple(d for a in group if (d := dims[a]) is not None) for group in groups_of(view)))
    if [d for run in runs for d in run] != list(range(len(reader.sizes))):
        return None
    return Collapse(_of_one_kind(runs, reader), reader.sizes)


def _of_one_kind(runs: Groups, reader: Generic) -> Groups:
    """Move dims of size 1 to the neighbouring group where they keep parallel dims and reduction dims from one group."""

    def is_odd(dim: int) -> bool:
        (run,) = (run for run in runs if dim in run)
        kinds = {reader.iterators[d] for d in run if reader.sizes[d] != 1}
        return reader.sizes[dim] == 1 and bool(kinds) and reader.iterators[dim] not in kinds

    place = {d: g for g, run in enumerate(runs) for d in run}
    for g, run in enumerate(runs):
        place |= dict.fromkeys(takewhile(is_odd, run), max(g - 1, 0))
        place |= dict.fromkeys(takewhile(is_odd, reversed(run)), min(g + 1, len(runs) - 1))
    return tuple(tuple(d for d in sorted(place) if place[d] == g) for g in range(len(runs)))


def _replaced(op: GenericOp, operands: list[SSAValue], maps: list[AffineMapAttr], iterators: str) -> GenericOp:
    """Put a generic of another space with the same body in the place of one, and reshape its results back."""
    kinds = {"p": IteratorTypeAttr.parallel(), "r": IteratorTypeAttr.reduction()}
    inits = operands[len(op.inputs) :]
    region = op.detach_region(op.body)
    new = GenericOp(
        operands[: len(op.inputs)], inits, region, maps, [kinds[i] for i in iterators], [v.type for v in inits]
    )
    inserted(new, op)
    for old, made in zip(op.results, new.results, strict=True):
        made.name_hint = old.name_hint
        back = reshaped(made, shape(old), op)
        assert back is not None, "a reshape that has no inverse"
        old.replace_all_uses_with(back)
    op.detach()
    op.erase()
    return new


def drop_ones(reader: Generic, number: int) -> bool:
    """Read an input through a reshape that only adds or takes away axes of size 1, if the sizes stay known. Whether it
    did; the view of the reader is then out of date."""
    op, access = reader.op, reader.inputs[number]
    view = access.value.owner
    if not isinstance(view, tensor.CollapseShapeOp | tensor.ExpandShapeOp):
        return False
    if (results := _without_ones(view, access.map.results)) is None:
        return False
    return redirect(op, number, view.src, AffineMap(access.map.num_dims, 0, results))


def _without_ones(view: Reshape, results: tuple[AffineExpr, ...]) -> tuple[AffineExpr, ...] | None:
    """Indices into what is reshaped, from those into its reshape; None if it does more than add or drop ones."""
    wide = shape(view.result) if isinstance(view, tensor.ExpandShapeOp) else shape(view.src)
    narrow = shape(view.src) if isinstance(view, tensor.ExpandShapeOp) else shape(view.result)
    groups = groups_of(view)
    large = [next((a for a in group if wide[a] != 1), group[0]) for group in groups]
    if tuple(wide[a] for a in large) != narrow:
        return None
    if isinstance(view, tensor.ExpandShapeOp):
        return tuple(results[a] for a in large)
    index = dict(zip(large, results, strict=True))
    return tuple(index.get(a, AffineConstantExpr(0)) for a in range(len(wide)))
