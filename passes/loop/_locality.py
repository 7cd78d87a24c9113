"""Which accesses of a nest find their cache line gone: by the lines that were touched since the last time.

    for i in 0 .. 2 { for j in 0 .. 8 { load x[j] } }     lines of 4 elements: touched as 0 0 0 0 1 1 1 1 0 0 ..
    misses with room for one line 4, for two 2            line 0 is touched again when 1 other line has been

The number of other lines since is the access's stack distance: a cache of n lines that drops the least recently used
has it if the distance is below n, for every n at once (Mattson, Gecsei, Slutz, Traiger: Evaluation techniques for
storage hierarchies, IBM Systems Journal 9, 1970). Every buffer begins at a line of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue

from ...dialects._shape import dtype
from ._affine import Form, lowers, uppers
from ._statements import Access, Nest, NotAffine, Statement
from ._work import constant

LIMIT = 1 << 21
"""Accesses up to which a nest is counted through."""
COLD = -1
"""The distance of a line's first access."""
Numbers = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Values = dict[SSAValue, Numbers]


@dataclass(frozen=True)
class Locality:
    """The accesses of a nest, in order: the buffer of each, by number, and its stack distance in lines."""

    buffers: tuple[SSAValue, ...]
    owners: Numbers
    distances: Numbers

    @property
    def accesses(self) -> int:
        """How many there are."""
        return len(self.distances)

    def missing(self, lines: int) -> Numbers:
        """Which of them miss, with room for so many lines."""
        return (self.distances == COLD) | (self.distances >= lines)

    def misses(self, lines: int) -> int:
        """How many of them miss."""
        return int(self.missing(lines).sum())

    def by_buffer(self, lines: int) -> dict[SSAValue, int]:
        """How many miss of each buffer."""
        counts = np.bincount(self.owners[self.missing(lines)], minlength=len(self.buffers))
        return dict(zip(self.buffers, map(int, counts), strict=True))


def locality_of(nest: Nest, line: int) -> Locality:
    """The locality of a nest, lines of so many bytes; NotAffine if a bound or an index is not known, or there are too
    many accesses."""
    buffers = tuple(nest.buffers)
    width = max((len(nest.time(s)) for s in nest.statements), default=1)
    times, owners, lines, total = list[Numbers](), list[Numbers](), list[Numbers](), 0
    for statement in nest.statements:
        values, count = _rounds(nest, statement)
        for number, access in enumerate(statement.accesses):
            found = _lines(access, values, count, line)
            total += found.size
            if total > LIMIT:
                raise NotAffine(f"there are more than {LIMIT} accesses", statement.op)
            times.append(np.repeat(_times(statement, values, count, width, number), found.shape[1], axis=0))
            owners.append(np.full(found.size, buffers.index(access.buffer), np.int64))
            lines.append(found.reshape(-1))
    if not total:
        return Locality(buffers, *(np.zeros(0, np.int64) for _ in range(2)))
    order = np.lexsort(np.concatenate(times).T[::-1])
    owner = np.concatenate(owners)[order]
    return Locality(buffers, owner, stack_distances(owner, np.concatenate(lines)[order]))


def _rounds(nest: Nest, statement: Statement) -> tuple[Values, int]:
    """The loop variables in each round of a statement, and how many rounds there are."""
    values, count = dict[SSAValue, Numbers](), 1
    for each in statement.loops:
        low = np.max([_value(f, values, count, statement) for f in lowers(each.lb)], axis=0)
        high = np.min([_value(f, values, count, statement) for f in uppers(each.ub)], axis=0)
        step = constant(each.step) or 1
        trips = np.maximum(0, -((low - high) // step))
        if trips.sum() > LIMIT:
            raise NotAffine(f"there are more than {LIMIT} accesses", statement.op)
        values = {value: np.repeat(known, trips) for value, known in values.items()}
        turn = np.arange(trips.sum()) - np.repeat(np.cumsum(trips) - trips, trips)
        values[each.body.block.args[0]] = np.repeat(low, trips) + step * turn
        count = int(trips.sum())
    return values, count


def _value(form: Form, values: Values, count: int, statement: Statement) -> Numbers:
    total = np.full(count, form.constant, np.int64)
    for value, coefficient in form.terms.items():
        if value not in values:
            name = f"%{value.name_hint}" if value.name_hint else "a value"
            raise NotAffine(f"{name} is not known", statement.op)
        total = total + coefficient * values[value]
    return total


def _lines(access: Access, values: Values, count: int, line: int) -> Numbers:
    """The lines that each round touches, lane by lane."""
    if access.place is None:
        raise NotAffine("a whole buffer is copied", next(iter(access.buffer.uses)).operation)
    lanes = access.step * np.arange(access.lanes)
    total = np.full(count, access.place.constant, np.int64)
    for value, coefficient in access.place.terms.items():
        if value not in values:
            raise NotAffine("an index is not known", next(iter(access.buffer.uses)).operation)
        total = total + coefficient * values[value]
    return (total[:, None] + lanes) * dtype(access.buffer.type).itemsize // line


def _times(statement: Statement, values: Values, count: int, width: int, number: int) -> Numbers:
    """When each round's access takes place: in order of these numbers."""
    columns = [np.full(count, statement.places[0])]
    for each, place in zip(statement.loops, statement.places[1:], strict=True):
        columns += [values[each.body.block.args[0]], np.full(count, place)]
    columns += [np.zeros(count, np.int64)] * (width - len(columns))
    return np.stack([*columns, np.full(count, number)], axis=1)


def stack_distances(owners: Numbers, lines: Numbers) -> Numbers:
    """For each access how many other lines have been touched since its own was; COLD if it never was."""
    _, names = np.unique(np.stack([owners, lines]), axis=1, return_inverse=True)
    names = names.reshape(-1)
    order = np.argsort(names, kind="stable")
    before = np.full(len(names), -1)
    again = names[order[1:]] == names[order[:-1]]
    before[order[1:][again]] = order[:-1][again]
    # of the accesses since, those whose line has been touched since as well are no other line's last one
    between = np.arange(len(names)) - before - 1
    return np.where(before < 0, COLD, between - _earlier_greater(before))


def _earlier_greater(values: Numbers) -> Numbers:
    """For each number how many before it are greater: counted as in a merge sort, all blocks of a size at once."""
    counts, place, width = np.zeros(len(values), np.int64), np.arange(len(values)), 1
    span = len(values) + 2
    while width < len(values):
        block, is_left = place // (2 * width), place // width % 2 == 0
        keys = block * span + values + 1
        left = np.sort(keys[is_left])
        right = keys[~is_left]
        end = np.searchsorted(left, (block[~is_left] + 1) * span)
        counts[~is_left] += end - np.searchsorted(left, right, side="right")
        width *= 2
    return counts


def capacities(sizes: Sequence[int], line: int) -> tuple[int, ...]:
    """Lines that caches of so many bytes have room for."""
    return tuple(max(1, size // line) for size in sizes)
