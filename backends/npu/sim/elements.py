"""What the other instructions of the vector unit do: `v.pool v.ew v.act v.sm v.ln v.red v.cp`."""

import numpy as np

from ....dialects.npu import _floating
from ....dialects.npu._meaning import Numbers, combine, looked_up, of_pairs, pairs, quantised, rounded
from ....dialects.npu._rows import norm, reduce, softmax
from ....dialects.npu._window import maximum, mean
from ..program import Instruction
from .lanes import LIMITS, Extent, blocked, channels_last, reblocked, stored
from .memory import Memories, Walk
from .requantise import MANY, window_of
from .vector import PMEM, Vector

F32 = np.float32


class Pool(Vector):
    """`v.pool`."""

    def source_extent(self) -> Extent:
        self.window = window_of(self)
        return Extent(*self.window.input, self.channels)

    def result(self, x: Numbers, memories: Memories, ins: Instruction) -> Numbers:
        zi, _, zo = self.zeros
        if self.mode == "max":
            y = maximum(x, self.window)
            y = np.clip(y, *self.limits()) if self.whole else self.limited(y.astype(F32))
        else:
            y = mean(x, self.window, self.numbers[0], zi if self.whole else 0, self.mode == "avgp")
            y = rounded(y, zo, self.limits()) if self.whole else self.limited(y)
        return reblocked(y, self.target.lanes, self.channels)


class Elementwise(Vector):
    """`v.ew`; both sources are of one type."""

    def prepare(self) -> None:
        if self.whole != (self.dtype in LIMITS) or self.dtype == "i32":
            raise self.refuse("sources and result integral, or sources and result floating")
        self.lane = bool(self.fields["axis"] & 1)
        self.second = self.second_walk(self.type, Extent(self.extent.rows, self.extent.columns, self.channels))
        if self.lane:
            shape, strides = (*self.second.shape[:3], 1), self.second.strides
            self.second = Walk.of(shape, strides, self.type)

    def result(self, x: Numbers, memories: Memories, ins: Instruction) -> Numbers:
        space, base = ins.local("y")
        b = memories.local[space].view(self.second, base)
        if not self.whole:
            y = _floating.combine(x.astype(F32), b.astype(F32), self.mode)
            return reblocked(self.limited(y), self.target.lanes, self.channels)
        rest = (self.numbers, self.zeros, self.fields["rnd"], self.limits(), self.odt == "u8")
        if self.type.itemsize == 1 and x.size >= MANY:
            a, b = (np.ascontiguousarray(v) for v in (x, b))
            y = of_pairs(pairs(combine, self.mode, *rest), a, b)
        else:
            y = combine(x, b, self.mode, *rest)
        return reblocked(y, self.target.lanes, self.channels)


class Activation(Vector):
    """`v.act`."""

    def prepare(self) -> None:
        integral = self.dtype in LIMITS
        if integral != self.whole or (self.mode == "lut") > integral or (integral and self.mode not in ("lut", "relu")):
            raise self.refuse("lut or relu from integral to integral, or a function from floating to floating")
        self.lut = Walk.of((256,), (1,), np.dtype(np.int8))

    def result(self, x: Numbers, memories: Memories, ins: Instruction) -> Numbers:
        if self.mode == "lut":
            table = memories.local[PMEM].view(self.lut, 256 * self.fields["lut"])
            y = looked_up(table, x)
        elif self.whole:
            y = np.clip(np.maximum(x, self.zeros[0]), *self.limits())
        elif self.dtype == self.odt == "bf16":
            y = _floating.activated_bf16(self.mode, x)
            y = self.limited(y) if self.float_limits() == (-np.inf, np.inf) else self.limited(y.astype(F32))
        else:
            y = self.limited(_floating.activated(self.mode, x.astype(F32)))
        return np.array(reblocked(y, self.target.lanes, self.channels))


class Rows(Vector):
    """Functions of all channels of a pixel."""

    def stored(self, y: Numbers) -> Numbers:
        """[rows, columns, channels] of float32 as what is written: times imm1, rounded, or as it is."""
        if self.whole:
            return blocked(quantised(y, self.numbers[1], self.zeros[2], self.limits()), self.target.lanes)
        return blocked(self.limited(y), self.target.lanes)


class Softmax(Rows):
    """`v.sm`."""

    def prepare(self) -> None:
        self.mask = self.second_walk(np.dtype(_floating.BF16), self.extent)

    def result(self, x: Numbers, memories: Memories, ins: Instruction) -> Numbers:
        space, base = ins.local("y")
        mask = None
        if space:
            mask = channels_last(memories.local[space].view(self.mask, base), self.channels).astype(F32)
        return self.stored(softmax(self.pixels(x), mask))


class Norm(Rows):
    """`v.ln`."""

    def prepare(self) -> None:
        lanes = self.lanes
        last = self.channels - (self.blocks - 1) * lanes
        reach = (self.blocks - 1) * 8 * lanes + 4 * (lanes + last)
        self.records = Walk((self.blocks, 2, lanes), (8 * lanes, 4 * lanes, 4), np.dtype(F32), reach)

    def result(self, x: Numbers, memories: Memories, ins: Instruction) -> Numbers:
        planes = memories.local[PMEM].view(self.records, ins.local("y")[1])
        gamma, beta = (planes[:, i].reshape(-1)[: self.channels] for i in (0, 1))
        return self.stored(norm(self.mode, self.pixels(x), gamma, beta, self.numbers[2]))


class Reduce(Vector):
    """`v.red`."""

    def result_extent(self) -> Extent:
        rows, columns, channels = self.extent.rows, self.extent.columns, self.channels
        return (
            *(Extent(rows, columns, 1), Extent(rows, 1, channels)),
            *(Extent(1, columns, channels), Extent(1, 1, channels)),
        )[self.fields["axis"]]

    def result(self, x: Numbers, memories: Memories, ins: Instruction) -> Numbers:
        axis = self.fields["axis"]
        zero = self.zeros[0] if self.dtype in LIMITS else 0
        x = x if np.issubdtype(x.dtype, np.integer) else x.astype(F32)
        if axis == 0:
            y = reduce(self.mode, channels_last(x, self.channels), (2,), zero)
            y = blocked(y, self.target.lanes)
        else:
            y = reduce(self.mode, x, ((2,), (1,), (1, 2))[axis - 1], zero)
            y = reblocked(y, self.target.lanes, self.channels)
        return quantised(y, self.numbers[0], self.zeros[2], self.limits()) if self.whole else self.limited(y)


class Copy(Vector):
    """`v.cp`; imm0 = 0 copies bytes."""

    def prepare(self) -> None:
        self.raw = self.fields["imm0"] == 0
        if self.raw and self.type.itemsize != self.target.type.itemsize:
            raise self.refuse("types of one size, or a scale (imm0)")

    def result_extent(self) -> Extent:
        rows, columns, channels = self.extent.rows, self.extent.columns, self.channels
        return Extent(rows, channels, columns) if self.mode == "t" else self.extent

    def result(self, x: Numbers, memories: Memories, ins: Instruction) -> Numbers:
        if self.mode == "t":
            y = blocked(channels_last(x, self.channels).transpose(0, 2, 1), self.target.lanes)
        else:
            y = reblocked(x, self.target.lanes, self.channels)
        if self.raw:
            return np.array(y).view(stored(self.fields["odt"]))
        v = y.astype(F32)
        if self.dtype in LIMITS:
            v -= F32(self.zeros[0])
        v *= F32(self.numbers[0])
        return rounded(v, self.zeros[2], self.limits()) if self.whole else self.limited(v)
