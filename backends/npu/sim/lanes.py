"""Operands of the vector unit: [blocks, rows, columns, lanes] views, from one width of lanes to another, and results
written by whole lines.

    source in ACC, 32 lanes    |0 ............ 31|32 .. 39|             blocked(.., 16)
    -> destination, 16 lanes   |0 .. 15|16 .. 31|32 .. 39 zo zo ..|     the rest of a line is the zero point
"""

from collections.abc import Mapping
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from ....dialects.npu._isa import VECTOR_TYPES
from ....dialects.npu._meaning import Numbers
from ..machine import Machine
from .memory import Memory, Walk, grid

SPAD, ACC = 1, 3
STORED = {"i8": np.int8, "u8": np.int8, "i16": np.int16, "i32": np.int32, "f32": np.float32, "bf16": ml_dtypes.bfloat16}
"""How an element of each type is stored; u8 is 128 less."""
LIMITS = {"i8": (-128, 127), "u8": (-128, 127), "i16": (-32768, 32767)}


def stored(code: int) -> np.dtype[np.generic]:
    """The numpy type of a type's number in a descriptor."""
    return np.dtype(STORED[VECTOR_TYPES[code]])


@dataclass(frozen=True)
class Extent:
    """Rows, columns and channels that an operand has."""

    rows: int
    columns: int
    channels: int


def channels_of(fields: Mapping[str, int], machine: Machine, source_space: int) -> int:
    """How many channels a vector instruction has: whole blocks but for the last."""
    type = stored(fields["dtype"] if source_space == SPAD else fields["odt"])
    lanes = machine.rows // type.itemsize
    return (fields["nc1"] - 1) * lanes + (fields["clast"] or lanes)


def walk(extent: Extent, strides: tuple[int, int, int], type: np.dtype[np.generic], lanes: int) -> Walk:
    """[blocks, rows, columns, lanes]; strides of rows, columns, blocks in granules."""
    y, x, c = (16 * s for s in strides)
    size = type.itemsize
    blocks = -(-extent.channels // lanes)
    reach = (blocks - 1) * c + (extent.channels - (blocks - 1) * lanes) * size
    if blocks > 1:
        reach = max(reach, (blocks - 2) * c + lanes * size)
    reach += (extent.rows - 1) * y + (extent.columns - 1) * x
    return Walk((blocks, extent.rows, extent.columns, lanes), (c, y, x, size), type, reach)


class Target:
    """A destination in SPAD; whole lines are written, lanes that do not count with the zero point."""

    def __init__(self, extent: Extent, fields: Mapping[str, int], machine: Machine):
        self.type = stored(fields["odt"])
        self.lanes = machine.rows // self.type.itemsize
        self.strides = (fields["dy"], fields["dx"], fields["dc"])
        self.walk = walk(extent, self.strides, self.type, self.lanes)
        self.blocks = self.walk.shape[0]
        self.last = extent.channels - (self.blocks - 1) * self.lanes
        self.zero = np.full(1, fields["zo"]).astype(self.type)
        self.line = machine.spad.line
        counts, steps = (*self.walk.shape[1:3], self.blocks), (*self.walk.strides[1:3], self.walk.strides[0])
        self.by_lines = all(n == 1 or s % self.line == 0 for n, s in zip(counts, steps, strict=True))
        self.lines = Walk.of(self.walk.shape, self.walk.strides, self.type)

    def put(self, memory: Memory, base: int, result: Numbers) -> None:
        """Write [blocks, rows, columns, lanes] of any numeric type; `result` is overwritten."""
        if self.by_lines and base % self.line == 0:
            if self.last < self.lanes:
                result[-1, ..., self.last :] = self.zero.astype(result.dtype)
            np.copyto(memory.target(self.lines, base), result, casting="unsafe")
            return
        view = memory.target(self.walk, base)
        if self.last < self.lanes:
            _, rows, columns, _ = self.walk.shape
            starts = grid((rows, columns), self.walk.strides[1:3])
            end = (self.blocks - 1) * self.walk.strides[0] + self.last * self.type.itemsize
            memory.fill_tails(base + end + starts, self.zero.tobytes())
        np.copyto(view[:-1], result[:-1], casting="unsafe")
        np.copyto(view[-1, ..., : self.last], result[-1, ..., : self.last], casting="unsafe")


def reblocked(x: Numbers, lanes: int, channels: int) -> Numbers:
    """[blocks, rows, columns, lanes] with other lanes to a block; lanes beyond the channels hold anything."""
    blocks, rows, columns, width = x.shape
    wanted = -(-channels // lanes)
    if width == lanes:
        return x
    if width % lanes == 0:
        cut = x.reshape(blocks, rows, columns, width // lanes, lanes).transpose(0, 3, 1, 2, 4)
        return cut.reshape(-1, rows, columns, lanes)[:wanted]
    if lanes % width == 0:
        share = lanes // width
        made = np.zeros((wanted, rows, columns, share, width), x.dtype)
        for j in range(share):
            part = x[j::share]
            made[: len(part), :, :, j] = part
        return made.reshape(wanted, rows, columns, lanes)
    return blocked(channels_last(x, channels), lanes)


def channels_last(x: Numbers, channels: int) -> Numbers:
    """[blocks, rows, columns, lanes] as [rows, columns, channels]."""
    blocks, rows, columns, lanes = x.shape
    return x.transpose(1, 2, 0, 3).reshape(rows, columns, blocks * lanes)[..., :channels]


def blocked(x: Numbers, lanes: int) -> Numbers:
    """[rows, columns, channels] as [blocks, rows, columns, lanes], a view that may be written."""
    rows, columns, channels = x.shape
    blocks = -(-channels // lanes)
    if blocks * lanes != channels:
        wide = np.zeros((rows, columns, blocks * lanes), x.dtype)
        wide[..., :channels] = x
        x = wide
    return x.reshape(rows, columns, blocks, lanes).transpose(2, 0, 1, 3)
