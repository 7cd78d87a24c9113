"""What `v.rq` and `v.dw` do: sums become activations, by the parameter records of their channels."""

import numpy as np

from ....dialects.npu import _floating
from ....dialects.npu._meaning import Numbers, add, looked_up, of_pairs, pairs, requantise, rounded
from ....dialects.npu._window import Window, depthwise
from ..program import Instruction
from .lanes import LIMITS, Extent, blocked, reblocked
from .memory import Fault, Memories, Walk
from .vector import PMEM, Vector

PLANE = np.dtype(np.int32)
MANY = 1 << 13
"""From so many elements on, a table of all pairs is less work than a sum."""


def per_channel(planes: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Bias, mult and shift of [blocks, 3, lanes], to broadcast against [blocks, rows, columns, lanes]."""
    bias, mult, shift = (planes[:, i, None, None, :] for i in range(3))
    return bias, mult, shift


class Finish(Vector):
    """From sums [blocks, rows, columns, lanes] to the destination's type."""

    def finished(
        self, acc: Numbers, planes: Numbers, act: str, residual: Numbers | None, lut: Numbers | None
    ) -> Numbers:
        """Bias, scale, rounding, residual, activation, limits."""
        bias, mult, shift = per_channel(planes)
        if acc.dtype != np.int32 or not self.whole:
            floating = bias if acc.dtype == np.int32 else bias.view(np.float32)
            other = None if residual is None else residual.astype(np.float32)
            y = _floating.finish(acc, floating, mult.view(np.float32), act, other)
            return rounded(y, self.zeros[2], self.limits()) if self.whole else self.limited(y)
        if act not in ("", "lut", "relu"):
            raise Fault(f"expected lut or relu of an integral result, found {act}")
        low, high = self.limits()
        limits = (max(low, self.zeros[2]), high) if act == "relu" else (low, high)
        rounding = self.fields["rnd"]
        scale = mult.view(np.float32) if rounding >= 2 else mult
        if residual is None:
            y = requantise(acc, bias, scale, shift, rounding, self.zeros[2], limits)
        else:
            inner = LIMITS[self.odt]
            q = requantise(acc, bias, scale, shift, rounding, self.zeros[1], inner).astype(self.target.type)
            y = self.sum(q, residual, limits)
        return y if lut is None else looked_up(lut, y.astype(np.int8))

    def sum(self, q: Numbers, residual: Numbers, limits: tuple[int, int]) -> Numbers:
        """The requantised value and the residual, in the order of the network's node."""
        zi, zm, zo = self.zeros
        swapped = bool(self.fields["axis"] & 2)
        a, b, zeros = (residual, q, (zi, zm, zo)) if swapped else (q, residual, (zm, zi, zo))
        rest = (self.numbers, zeros, self.fields["rnd"], limits, self.odt == "u8")
        if q.dtype == np.int8 and q.size >= MANY:
            return of_pairs(pairs(add, *rest), np.ascontiguousarray(a), np.ascontiguousarray(b))
        return add(a, b, *rest)


class Requantise(Finish):
    """`v.rq`."""

    def source_walk(self) -> Walk:
        self.rows_are_channels = bool(self.fields["axis"] & 1)
        if not self.rows_are_channels:
            return super().source_walk()
        lines, pixels, cols = self.channels, self.extent.columns, self.machine.cols
        blocks = -(-pixels // cols)
        step, line = 16 * self.fields["s0c"], 16 * self.fields["s0x"]
        reach = (blocks - 1) * step + (lines - 1) * line + 4 * (pixels - (blocks - 1) * cols)
        if blocks > 1:
            reach = max(reach, (blocks - 2) * step + (lines - 1) * line + 4 * cols)
        return Walk((blocks, lines, cols), (step, line, 4), self.type, reach)

    def prepare(self) -> None:
        lanes = self.target.lanes
        reach = (self.target.blocks - 1) * 12 * lanes + 8 * lanes + 4 * self.target.last
        self.records = Walk((self.target.blocks, 3, lanes), (12 * lanes, 4 * lanes, 4), PLANE, reach)
        self.residual = self.second_walk(self.target.type, self.extent)
        self.lut = Walk.of((256,), (1,), np.dtype(np.int8))

    def sums(self, x: Numbers) -> Numbers:
        """The sums by blocks of the destination's lanes."""
        if not self.rows_are_channels:
            return reblocked(x, self.target.lanes, self.channels)
        turned = x.transpose(0, 2, 1).reshape(-1, self.channels)[: self.extent.columns]
        return blocked(turned[None], self.target.lanes)

    def result(self, x: Numbers, memories: Memories, ins: Instruction) -> Numbers:
        acc = self.sums(x)
        if self.odt in ("i32", "f32"):
            return np.array(acc)
        space, base = ins.local("y")
        residual = memories.local[space].view(self.residual, base) if ins.res else None
        pmem = memories.local[PMEM]
        planes = pmem.view(self.records, base if space == PMEM else 16 * self.fields["pm"])
        lut = pmem.view(self.lut, 256 * self.fields["lut"]) if ins.act == "lut" else None
        return self.finished(acc, planes, ins.act, residual, lut)


class Depthwise(Finish):
    """`v.dw`."""

    def source_extent(self) -> Extent:
        self.window = window_of(self)
        return Extent(*self.window.input, self.channels)

    def prepare(self) -> None:
        kind = self.type if self.dtype == "bf16" else np.dtype(np.int8)
        kh, kw = self.window.kernel
        lanes, size = self.lanes, kind.itemsize
        self.planes_at = kh * kw * lanes * size
        record = -(-(self.planes_at + 12 * lanes) // 16) * 16
        last = self.channels - (self.blocks - 1) * lanes
        self.weights = Walk.of((self.blocks, kh, kw, lanes), (record, kw * lanes * size, lanes * size, size), kind)
        reach = (self.blocks - 1) * record + 8 * lanes + 4 * last
        self.planes = Walk((self.blocks, 3, lanes), (record, 4 * lanes, 4), PLANE, reach)

    def result(self, x: Numbers, memories: Memories, ins: Instruction) -> Numbers:
        pmem, base = memories.local[PMEM], ins.local("y")[1]
        acc = depthwise(x, pmem.view(self.weights, base), self.window, self.zeros[0])
        y = self.finished(acc, pmem.view(self.planes, base + self.planes_at), "", None, None)
        return reblocked(y, self.target.lanes, self.channels)


def window_of(vector: Vector) -> Window:
    """The window of `v.dw` and `v.pool`."""
    f = vector.fields
    pads = (f["pt"], f["pl"], f["pb"], f["pr"])
    return Window((f["ny"], f["nx"]), (f["kh"], f["kw"]), (f["sy"], f["sx"]), pads)
