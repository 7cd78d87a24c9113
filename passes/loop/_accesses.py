"""What the host's ops read and write of the arena's buffers: parts of a buffer, each a set of its elements.

A part is an offset, sizes and strides; a buffer's parts cut it into atoms, the sets of elements that the same parts
hold. So two slices of one buffer are told apart exactly, however they interleave.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from xdsl.dialects import arith, bufferization, memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, ArrayAttr, DenseArrayBase, MemRefType
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ...dialects import kernel, loop
from ...dialects._shape import dtype
from ...dialects.graph._base import ints
from ...dialects.tile.kernel import KernelOp
from ...dialects.tile.memory import AtomicOp, LoadOp
from ._liveness import CASTS


@dataclass(frozen=True)
class Part:
    """Elements of a buffer: all of it if `sizes` is None."""

    offset: int = 0
    sizes: tuple[int, ...] | None = None
    strides: tuple[int, ...] = ()


@dataclass(eq=False)
class Region:
    """A buffer in the arena: bytes `start` to `end`, and which atoms each of its parts holds."""

    op: memref.ViewOp
    start: int
    end: int
    parts: dict[Part, frozenset[int]] = field(default_factory=dict[Part, frozenset[int]])

    def __str__(self) -> str:
        return f"{self.op.result.type} at bytes {self.start}..{self.end} of the arena (made at {self.op.location})"

    def cut(self) -> None:
        """Find the atoms of the parts: each part splits those that it holds some elements of, but not all."""
        type = self.op.result.type
        assert isinstance(type, MemRefType)
        count = prod(type.get_shape())
        proper = [part for part in self.parts if part.sizes is not None and prod(part.sizes) != count]
        labels, totals = np.zeros(count if proper else 1, np.int32), np.array([count if proper else 1])
        for part in proper:
            inside = _elements(labels, part)
            held = np.bincount(inside.reshape(-1), minlength=len(totals))
            split = np.flatnonzero((held > 0) & (held < totals))
            renamed = np.arange(len(totals), dtype=np.int32)
            renamed[split] = len(totals) + np.arange(len(split))
            inside[...] = renamed[inside]
            totals = np.concatenate((totals, held[split]))
            totals[split] -= held[split]
        every = frozenset(range(len(totals))) if count else frozenset()
        for part in self.parts:
            self.parts[part] = frozenset(np.unique(_elements(labels, part)).tolist()) if part in proper else every


def _elements(flat: np.ndarray, part: Part) -> np.ndarray:
    if part.sizes is None:
        return flat
    if 0 in part.sizes:
        return flat[:0]
    last = part.offset + sum((d - 1) * s for d, s in zip(part.sizes, part.strides, strict=True))
    if part.offset < 0 or last >= len(flat):
        raise PassFailedException(f"check-memory: a view reaches element {last} of a buffer of {len(flat)}")
    steps = [s * flat.itemsize for s in part.strides]
    return np.lib.stride_tricks.as_strided(flat[part.offset :], part.sizes, steps)


Places = dict[SSAValue, tuple[Region, Part]]


def regions(arena: SSAValue) -> Places:
    """Each memref that shows a part of the arena, with the buffer and the part."""
    found: Places = {}
    for op in [use.operation for use in arena.uses]:
        if not isinstance(op, memref.ViewOp) or not isinstance(op.byte_shift.owner, arith.ConstantOp):
            raise PassFailedException(f"check-memory: expected views of the arena at constant bytes, found {op.name}")
        start, type = int(op.byte_shift.owner.value.value.data), op.result.type  # pyright: ignore
        assert isinstance(type, MemRefType)
        region = Region(op, start, start + prod(type.get_shape()) * dtype(type).itemsize)
        for value, part in _views(op.result, Part()):
            region.parts[part] = frozenset()
            found[value] = region, part
        region.cut()
    return found


def _views(value: SSAValue, part: Part) -> Iterator[tuple[SSAValue, Part]]:
    yield value, part
    for op in [use.operation for use in value.uses]:
        if isinstance(op, memref.ReinterpretCastOp):
            offsets, sizes, strides = (a.get_values() for a in (op.static_offsets, op.static_sizes, op.static_strides))
            known = DYNAMIC_INDEX not in (*offsets, *sizes, *strides)
            shown = Part(int(offsets[0]), tuple(map(int, sizes)), tuple(map(int, strides))) if known else Part()
            yield from _views(op.result, shown)
        elif isinstance(op, CASTS):
            raise PassFailedException(f"check-memory: expected no views but reinterpret_cast, found {op.name}")


@dataclass(frozen=True)
class Effects:
    """The numbers of the arguments that a kernel reads as they come in, and of those that it writes."""

    reads: frozenset[int]
    writes: frozenset[int]


def effects(func: kernel.FuncOp | KernelOp) -> Effects:
    """What a kernel does with its arguments. One that it writes it reads before only where its attributes say so:
    `updates` names such arguments, `inplace` inputs that lie under an output; a tile kernel, where it loads from it."""
    if isinstance(func, KernelOp):
        return _of_tiles(func)
    reads, writes = set[int](), set[int]()
    for arg in func.body.block.args:
        if isinstance(arg.type, MemRefType):
            users = list(_users(arg))
            if any(_writes(op, value) for op, value in users):
                writes.add(arg.index)
            elif users:
                reads.add(arg.index)
    if isinstance(updates := func.attributes.get("updates"), DenseArrayBase):
        reads.update(ints(updates))
    if isinstance(pairs := func.attributes.get("inplace"), ArrayAttr):
        reads.update(ints(pair)[0] for pair in pairs if isinstance(pair, DenseArrayBase))
    return Effects(frozenset(reads), frozenset(writes))


def _of_tiles(func: KernelOp) -> Effects:
    read = {op.view for op in func.walk() if isinstance(op, LoadOp | AtomicOp)}
    reads = frozenset(view.index for view in func.body.block.args if view in read)
    return Effects(reads, frozenset(func.body.block.args.index(view) for view in func.written()))


def _users(value: SSAValue) -> Iterator[tuple[Operation, SSAValue]]:
    for use in value.uses:
        if isinstance(use.operation, CASTS):
            yield from _users(use.operation.results[0])
        else:
            yield use.operation, value


def _writes(op: Operation, value: SSAValue) -> bool:
    match op:
        case memref.StoreOp() | loop.StoreOp():
            return op.memref is value
        case bufferization.MaterializeInDestinationOp():
            return op.dest is value
        case memref.CopyOp():
            return op.destination is value
        case _:
            return False


def touched(op: Operation, known: dict[str, Effects]) -> tuple[Sequence[SSAValue], Sequence[SSAValue]]:
    """The memrefs that an op of the host reads, and those that it writes."""
    match op:
        case kernel.LaunchOp():
            does = known[op.kernel]
            args = op.arguments
            return [args[i] for i in sorted(does.reads)], [args[i] for i in sorted(does.writes)]
        case memref.LoadOp():
            return [op.memref], []
        case memref.StoreOp():
            return [], [op.memref]
        case memref.CopyOp():
            return [op.source], [op.destination]
        case _:
            return [], []
