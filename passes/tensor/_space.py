"""Which generics may share a kernel: the space that a kernel iterates over, and how each member lies in it.

A kernel has one full space. Its members run over all of it, or over its kept dims only:

    softmax over rows of 128:   sizes (12, 128, 128), kept (0, 1)
      max      (b, i, j) "ppr"  b, i, j -> 0, 1, 2     result (b, i)    -> 0, 1
      exp, sum, div             b, i, j -> 0, 1, 2
    layer norm's rsqrt (b, i) "pp"    b, i -> 0, 1

The root of a rooted kernel (a contraction, a window) is alone in reducing; the space is that of its result.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.ir import SSAValue

from ...dialects._generic import Access, Generic
from ...dialects._shape import shape

Dims = tuple[int, ...]


@dataclass(frozen=True)
class Space:
    """`kept` are the dims over which reductions' results live, None while nothing says so."""

    sizes: Dims
    kept: Dims | None
    rooted: bool

    @property
    def kept_sizes(self) -> Dims | None:
        """The extents of the kept dims."""
        return None if self.kept is None else tuple(self.sizes[d] for d in self.kept)


@dataclass(frozen=True)
class Member:
    """A generic with the kernel's dim for each of its own (-1 for the reduction dims of a root)."""

    generic: Generic
    dims: Dims

    def axes(self, access: Access) -> tuple[int | None, ...]:
        """The kernel's dim that each axis of an operand is read by: None for a fixed place, -1 for anything else."""
        return tuple(
            None if index.is_constant and not index.offset else -1 if index.dim is None else self.dims[index.dim]
            for index in access.indices
        )

    def moved(self, to: Dims) -> "Member":
        """The same member after the kernel's dim d became to[d]."""
        return Member(self.generic, tuple(d if d < 0 else to[d] for d in self.dims))


def space_of(generic: Generic) -> tuple[Space, Member] | None:
    """The space of a kernel of this one generic; None if nothing may ever join it."""
    if generic.is_pointwise:
        return Space(generic.sizes, None, False), Member(generic, tuple(range(len(generic.sizes))))
    if generic.is_parallel or not all(_keeps_order(access, generic) for access in generic.outputs):
        return None
    if generic.is_reduction:
        return Space(generic.sizes, generic.parallel, False), Member(generic, tuple(range(len(generic.sizes))))
    position = {d: i for i, d in enumerate(generic.parallel)}
    dims = tuple(position.get(d, -1) for d in range(len(generic.sizes)))
    return Space(tuple(generic.sizes[d] for d in generic.parallel), None, True), Member(generic, dims)


def _keeps_order(output: Access, generic: Generic) -> bool:
    return tuple(index.dim for index in output.indices) == generic.parallel


def unified(first: Space, second: Space) -> Iterator[tuple[Space, Dims, Dims]]:
    """Spaces in which a producer's kernel `first` and its reader's kernel `second` could be one: the space, and where
    the dims of each go."""
    same = tuple(range(len(first.sizes)))
    if first.sizes == second.sizes and (None in (first.kept, second.kept) or first.kept == second.kept):
        kept = second.kept if first.kept is None else first.kept
        yield Space(first.sizes, kept, first.rooted or second.rooted), same, same
    if first.rooted or second.rooted:
        return
    if first.kept is not None and second.kept is None and second.sizes == first.kept_sizes:
        yield first, same, first.kept
    if first.kept is None and len(first.sizes) < len(second.sizes):
        wide = tuple(range(len(second.sizes)))
        for kept in (same,) if second.kept is None else (second.kept,):
            if tuple(second.sizes[d] for d in kept) == first.sizes:
                yield Space(second.sizes, kept, False), kept, wide


def agrees(producers: Sequence[Member], readers: Sequence[Member]) -> bool:
    """Whether the readers read each producer's results where the same iteration of the kernel has made them."""
    made: dict[SSAValue, tuple[int | None, ...]] = {}
    for member in producers:
        for access, result in zip(member.generic.outputs, member.generic.op.results, strict=True):
            made[result] = member.axes(access)
    return all(
        _same(made[access.value], member.axes(access), shape(access.value))
        for member in readers
        for access in member.generic.inputs
        if access.value in made
    )


def _same(made: tuple[int | None, ...], read: tuple[int | None, ...], sizes: Dims) -> bool:
    return all(size == 1 or (m == r and m is not None and m >= 0) for m, r, size in zip(made, read, sizes, strict=True))
