"""Known operands: weights, scalars, vectors by channel, and integers with the scales they are read by."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from xdsl.ir import Operation, SSAValue

from ....dialects._shape import dtype, shape
from ....dialects.graph._numbers import Numbers
from ....dialects.graph.quantize import DequantizeOp, ScaledOp
from ....dialects.graph.weight import ConstantOp, WeightOp, WeightStore
from ....dialects.npu._meaning import add_numbers


@dataclass(frozen=True)
class Known:
    """A known array of that shape, read when it is asked for; `key` is the same for the same array."""

    shape: tuple[int, ...]
    read: Callable[[], Numbers]
    name: str


@dataclass(frozen=True)
class Scaled:
    """Known integers and how they are read: a scale for all or for each index of `axis`; zero points all 0 after
    `read`, which answers int8 or int32."""

    shape: tuple[int, ...]
    read: Callable[[], Numbers]
    scale: Numbers
    axis: int
    name: str

    def floats(self) -> Numbers:
        """The numbers that the integers stand for."""
        spread = [-1 if i == self.axis else 1 for i in range(len(self.shape))]
        scale = self.scale.reshape(spread) if self.scale.ndim else self.scale
        return (self.read().astype(np.float32) * scale).astype(np.float32)


@dataclass(frozen=True)
class Quantisation:
    """A value's 8-bit parameters; the zero point is the network's own."""

    scale: float
    zero: int
    unsigned: bool

    @property
    def stored(self) -> int:
        """The zero point of what is stored, -128 to 127."""
        return self.zero - 128 if self.unsigned else self.zero


def sum_numbers(
    a: Quantisation, b: Quantisation, out: Quantisation, rounding: str, *, subtract: bool = False
) -> tuple[float, float, float]:
    """imm0 to imm2 of a sum or difference of integers: rA, rB, k, or (rounding `onnx`) the scales."""
    if rounding == "onnx":
        return a.scale, b.scale, out.scale
    return add_numbers((a.scale, b.scale, out.scale), (a.zero, b.zero, out.zero), subtract)


class Constants:
    """What is known at compile time of the operands of graph ops."""

    def __init__(self, weights: WeightStore):
        self._weights = weights
        self._names: dict[Operation, str] = {}

    def known(self, value: SSAValue) -> Known | None:
        """A constant, a weight, or what a known array is dequantised to."""
        match value.owner:
            case ConstantOp() as op:
                return Known(shape(value), op.array, self._name(value))
            case WeightOp() as op:
                return Known(shape(value), self._weights.recipe(op.weight), op.weight)
            case DequantizeOp() as op if all(self.known(v) for v in op.operands):
                return Known(shape(value), lambda: self._dequantized(op), self._name(op.x))
            case _:
                return None

    def array(self, value: SSAValue) -> Numbers | None:
        """A known array."""
        found = self.known(value)
        return None if found is None else found.read()

    def scalar(self, value: SSAValue) -> float | None:
        """A known array of one element."""
        if np.prod(shape(value), dtype=int) != 1 or (array := self.array(value)) is None:
            return None
        return float(array.reshape(()))

    def scaled(self, value: SSAValue) -> Scaled | None:
        """Known integers that are dequantised, unless their zero points cannot be taken into 8 bits."""
        op = value.owner
        if not isinstance(op, DequantizeOp) or op.blocks is not None or (q := self.known(op.x)) is None:
            return None
        scale = self.array(op.scale)
        zero = self.array(op.zero) if op.zero is not None else np.zeros((), np.int32)
        if scale is None or zero is None:
            return None
        unsigned, low = dtype(op.x.type) == np.uint8, 128 if dtype(op.x.type) == np.uint8 else 0
        if (zero.astype(np.int64) != low).any():
            return None

        def read() -> Numbers:
            return (q.read().astype(np.int16) - 128).astype(np.int8) if unsigned else q.read()

        axis = 1 if op.axis is None else op.axis.value.data
        return Scaled(
            q.shape,
            read,
            scale.reshape(-1) if scale.size > 1 else scale.reshape(()),
            axis % len(q.shape or (1,)),
            q.name,
        )

    def quantisation(self, op: ScaledOp) -> Quantisation | None:
        """The parameters of a quantize or dequantize of 8 bits that has one scale for all."""
        kind = dtype((op.x if isinstance(op, DequantizeOp) else op.res).type)
        if kind not in (np.int8, np.uint8) or op.blocks is not None:
            return None
        zero = 0.0 if op.zero is None else self.scalar(op.zero)
        scale = self.scalar(op.scale)
        if scale is None or zero is None:
            return None
        return Quantisation(scale, int(zero), kind == np.uint8)

    def _dequantized(self, op: DequantizeOp) -> Numbers:
        return op.evaluate(*(self.array(v) for v in op.operands))[0]

    def _name(self, value: SSAValue) -> str:
        """A name of its own for what is known: that of the weight, or a number."""
        owner = value.owner
        assert isinstance(owner, Operation)
        return owner.weight if isinstance(owner, WeightOp) else self._names.setdefault(owner, f"%{len(self._names)}")
