"""The memories of a simulated machine: bytes, and arrays that are views of them.

memory.view(Walk((4, 64, 32), (8192, 128, 1), np.int8, span), base)    4 blocks of 64 lines of 32 int8

Every view is checked: a byte that does not exist is a Fault, which the simulator turns into a SimulationError
that names the instruction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ....dialects.npu._isa import READ_ONLY, SPACES
from ....dialects.npu._meaning import Numbers
from ..machine import Machine
from ..program import SegmentInfo

SLACK = 4096
"""Bytes behind each local memory: a view of whole lines may end there, where only its last lanes are not used."""

MOST_KEPT = 64
"""Arrays derived from the bytes of a memory that are kept."""


class SimulationError(RuntimeError):
    """An instruction that cannot be executed: its number, mnemonic and layer, and what is wrong."""


class Fault(ValueError):
    """What an instruction may not do: touch a byte that a memory does not have or that is read only, combine types
    that it does not take."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A view relative to a base address: extents, strides in bytes, and how many bytes from the base on it touches."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[np.generic]
    span: int

    @classmethod
    def of(cls, shape: tuple[int, ...], strides: tuple[int, ...], dtype: np.dtype[np.generic]) -> "Walk":
        """A walk all of whose elements are used."""
        reach = sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        return cls(shape, strides, dtype, reach + dtype.itemsize)


@dataclass(eq=False)
class Memory:
    """One memory, `size` bytes; `kept` has what was derived from its bytes, until they change."""

    name: str
    size: int
    data: Numbers
    line: int = 16
    writable: bool = True
    kept: dict[object, tuple[int, int, Numbers]] = field(default_factory=dict)
    """By key: first byte, the byte after the last, and the array derived from them."""

    def view(self, walk: Walk, base: int) -> Numbers:
        """The array that a walk from `base` is; Fault."""
        if base + walk.span > self.size:
            raise Fault(f"{self.name} byte {base + walk.span - 1:#x}: there are {self.size:#x}")
        return np.ndarray(walk.shape, walk.dtype, self.data, base, walk.strides)

    def target(self, walk: Walk, base: int) -> Numbers:
        """The same, to be written."""
        if not self.writable:
            raise Fault(f"{self.name} byte {base:#x}: the segment is read only")
        found = self.view(walk, base)
        if self.kept:
            self.forget(base, base + walk.span)
        return found

    def keep(self, key: object, low: int, high: int, made: Numbers) -> None:
        """Keep what was derived from bytes in [low, high); what was kept longest goes where there is much."""
        if len(self.kept) >= MOST_KEPT:
            del self.kept[next(iter(self.kept))]
        self.kept[key] = (low, high, made)

    def forget(self, low: int, high: int) -> None:
        """Drop what was derived from bytes in [low, high)."""
        stale = [key for key, (first, last, _) in self.kept.items() if first < high and low < last]
        for key in stale:
            del self.kept[key]

    def fill_tails(self, starts: Numbers, value: bytes) -> None:
        """From each address on, repeat `value` to the end of its line."""
        rests = -starts % self.line
        for rest in np.unique(rests[rests > 0]):
            places = starts[rests == rest][:, None] + np.arange(rest)
            if places.max() >= self.size:
                raise Fault(f"{self.name} byte {places.max():#x}: there are {self.size:#x}")
            self.data[places] = np.frombuffer(value * (rest // len(value)), np.uint8)
            self.forget(int(places.min()), int(places.max()) + 1)


def grid(counts: tuple[int, ...], strides: tuple[int, ...]) -> Numbers:
    """The offset of every point of nested loops, the last loop innermost: int64, one axis."""
    found = np.zeros(1, np.int64)
    for count, stride in zip(counts, strides, strict=True):
        found = (found[:, None] + np.arange(count) * stride).reshape(-1)
    return found


class Memories:
    """All memories of a machine: local ones by number (1 SPAD, 2 WMEM, 3 ACC, 4 PMEM), segments of DRAM by id."""

    def __init__(self, machine: Machine, segments: list[SegmentInfo]):
        self.local: dict[int, Memory] = {}
        for name, number in SPACES.items():
            made = machine.memory(name)
            self.local[number] = Memory(name, made.bytes, np.zeros(made.bytes + SLACK, np.uint8), made.line)
        self.segments = {info.id: _segment(info) for info in segments}

    def by_name(self) -> Mapping[str, Memory]:
        """Local memories by name (spad, ..), segments by theirs."""
        return {m.name: m for m in (*self.segments.values(), *self.local.values())}


def _segment(info: SegmentInfo) -> Memory:
    """A segment with what the loader puts there; what is read only is not copied."""
    writable = info.writable and info.role not in READ_ONLY
    data = info.data
    if data is None or data.size < info.bytes:
        whole = np.zeros(info.bytes, np.uint8)
        if data is not None:
            whole[: data.size] = data
        data = whole
    elif writable:
        data = np.array(data)
    return Memory(info.name, info.bytes, data, writable=writable)
