"""Addresses: every buffer gets a place in its memory that is its own from its first operation to its last.

    code.buffers[3].address is None   --allocate-->   code.buffers[3].address == 0x4000

What streams through (`Buffer.stream`) is kept away from what was used shortly before, so that a queue can run ahead.

Nothing is spilled here: what leaves a memory and comes back, the plan decides, which knows the price. Where a plan's
buffers have no placement, `npu-lower` makes another one for a smaller part of SPAD, with more tensors in DRAM.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..code import Buffer, Code, Op, Ref
from ..isa import OPCODES, split_mnemonic
from ..machine import Machine
from .items import Integers, Items, bound, clashes, load, peak
from .plan import place
from .ring import since
from .solver import missing

AHEAD = 16
"""How many loads of its kind a load should be able to run ahead of."""


@dataclass(frozen=True)
class Use:
    """How full a memory is: bytes that any placement needs, that this one takes, that there are; and how it was
    found."""

    space: str
    bound: int
    peak: int
    capacity: int
    ways: tuple[str, ...]


class AllocError(ValueError):
    """Buffers for which no place was found in a memory of `capacity` bytes. `need`: the bytes that live at the fullest
    moment, when operation `op` of layer `layer` runs; `biggest`: the largest buffers then."""

    def __init__(self, space: str, capacity: int, need: int, op: int, layer: str, biggest: tuple[Buffer, ...]):
        names = ", ".join(f"{b.name} ({b.bytes})" for b in biggest)
        told = "bytes live" if need > capacity else "bytes live, and no placement was found,"
        way = f"more {space}.bytes" if need > capacity or not missing() else f"{missing()}, or more {space}.bytes"
        where = f"at operation {op} ({layer})" if layer else f"at operation {op}"
        super().__init__(f"{space} has {capacity} bytes; {need} {told} {where}: {names}; what helps: {way}")
        self.space, self.capacity, self.need = space, capacity, need
        self.op, self.layer, self.biggest = op, layer, biggest


def allocate(code: Code, machine: Machine, ahead: int = AHEAD) -> dict[str, Use]:
    """Set the address of every buffer that an operation names; AllocError if a memory is too small. Whoever streams
    can run `ahead` loads ahead where there is room."""
    lives = ranges(code.ops)
    return {
        space: _memory(code, machine, space, found, ahead)
        for space in ("spad", "wmem", "acc", "pmem")
        if (found := {b: when for b, when in lives.items() if b.space == space})
    }


def ranges(ops: Sequence[Op]) -> dict[Buffer, tuple[int, int]]:
    """The first operation that names each buffer, and the one after the last."""
    found: dict[Buffer, tuple[int, int]] = {}
    for i, op in enumerate(ops):
        for ref in (op.x, op.y, op.z, op.pm, op.lut):
            if isinstance(ref, Ref):
                found[ref.buffer] = (found.get(ref.buffer, (i, i))[0], i + 1)
    return found


def _memory(code: Code, machine: Machine, space: str, lives: dict[Buffer, tuple[int, int]], ahead: int) -> Use:
    buffers, capacity = list(lives), machine.memory(space).bytes
    items = Items.of([(first, end, b.bytes, b.align) for b, (first, end) in lives.items()])
    streams = np.array([b.stream for b in buffers])
    kinds = np.array([_queue(code.ops[first]) for first, _ in lives.values()])
    offsets, ways = place(items, streams, since(items, streams, kinds, ahead), capacity)
    if offsets is None:
        raise _error(code, space, capacity, items, buffers)
    _check(items, offsets, buffers, capacity)
    for buffer, at in zip(buffers, offsets.tolist(), strict=True):
        buffer.address = at
    return Use(space, bound(items), peak(items, offsets), capacity, tuple(sorted(ways)))


def _queue(op: Op) -> int:
    """The queue of an operation."""
    queue = OPCODES[split_mnemonic(op.name)[0]].queue
    return -1 if queue is None else queue


def _check(items: Items, offsets: Integers, buffers: list[Buffer], capacity: int) -> None:
    """A placement is looked at by itself, whoever made it."""
    for i, j in clashes(items, offsets):
        raise AssertionError(f"{buffers[i].name} and {buffers[j].name} share bytes of {buffers[i].space}")
    assert peak(items, offsets) <= capacity


def _error(code: Code, space: str, capacity: int, items: Items, buffers: list[Buffer]) -> AllocError:
    times, bytes = load(items)
    op, need = int(times[np.argmax(bytes)]), int(bytes.max())
    lives = np.flatnonzero((items.first <= op) & (op < items.end))
    biggest = sorted((buffers[i] for i in lives), key=lambda b: -b.bytes)[:4]
    number = code.ops[op].layer
    layer = code.marks[number].layer if 0 <= number < len(code.marks) else str(number)
    return AllocError(space, capacity, need, op, layer, tuple(biggest))
