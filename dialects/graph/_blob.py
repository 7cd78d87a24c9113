"""The weights as one file: each array as its layout says, aligned, in the order in which they are used."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import IO

import numpy as np
from xdsl.ir import Operation

from .._layout import physical
from .._shape import Array, dtype, shape
from .weight import WeightOp, WeightStore

ALIGNMENT = 64


@dataclass(frozen=True)
class Entry:
    """One array of the blob."""

    op: WeightOp
    offset: int
    size: int


@dataclass(frozen=True)
class Blob:
    """Where each weight lies. Equal names under equal layouts lie in one place."""

    entries: tuple[Entry, ...]
    places: dict[Operation, int]
    size: int

    def write(self, out: IO[bytes], weights: WeightStore) -> None:
        """Write the arrays one after the other; each is laid out, written and dropped."""
        at = 0
        for entry in self.entries:
            out.write(bytes(entry.offset - at))
            laid_out(entry.op, weights).tofile(out)
            at = entry.offset + entry.size
        out.write(bytes(self.size - at))


def laid_out(op: WeightOp, weights: WeightStore) -> Array:
    """The array of a weight as it lies in memory, one-dimensional."""
    _, lay = physical(op.res.type)
    kind = dtype(op.res.type)
    logical = weights[op.weight].view() if weights[op.weight].dtype == kind else _as(weights[op.weight], kind)
    return np.ascontiguousarray(lay(logical.reshape(shape(op.res)))).reshape(-1).view(np.uint8)


def _as(array: Array, kind: np.dtype[np.generic]) -> Array:
    """The same bytes under the signless type; another size is an error."""
    if array.dtype.itemsize != kind.itemsize:
        raise TypeError(f"expected a weight of {kind}, found {array.dtype}")
    return array.view(kind)


def blob(*roots: Operation, alignment: int = ALIGNMENT) -> Blob:
    """Place the weights that the roots use, each at a multiple of so many bytes."""
    known: dict[tuple[str, str], int] = {}
    entries: list[Entry] = []
    places: dict[Operation, int] = {}
    end = 0
    for op in (op for root in roots for op in _weights(root)):
        key = (op.weight, str(op.res.type))
        if key not in known:
            stored, _ = physical(op.res.type)
            size = prod(stored) * dtype(op.res.type).itemsize
            known[key] = -(-end // alignment) * alignment
            entries.append(Entry(op, known[key], size))
            end = known[key] + size
        places[op] = known[key]
    return Blob(tuple(entries), places, -(-end // alignment) * alignment)


def _weights(root: Operation) -> Iterator[WeightOp]:
    """In the order of first use where a launch uses it, so that the blob is read forwards."""
    seen: set[Operation] = set()
    for op in root.walk():
        for operand in op.operands:
            owner = operand.owner
            if isinstance(owner, WeightOp) and owner not in seen:
                seen.add(owner)
                yield owner
    for op in root.walk():
        if isinstance(op, WeightOp) and op not in seen:
            yield op
