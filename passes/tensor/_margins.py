"""Room round a tensor for the pads that will be wanted: a padded tensor and the tensor itself share one memory.

    %h = extract_slice %x [0, 16, 0, 0]   %p = pad %h by 1 at the sides   %c = concat %x, conv(%p)
    memory: 48 channels, 1 wider at each side; %c its middle, %x channels 0 to 31 of that, %p channels 16 to 31 of all

What lies outside the middle is written by fills only, with one number, so several pads may share it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, tensor
from xdsl.ir import Attribute, OpResult, SSAValue

from ...dialects._shape import shape


@dataclass(frozen=True)
class Margin:
    """How much room there is before and after each dimension, for this number."""

    number: Attribute
    low: tuple[int, ...]
    high: tuple[int, ...]

    def holds(self, other: "Margin") -> bool:
        """Whether another's pad fits."""
        fits = zip((*self.low, *self.high), (*other.low, *other.high), strict=True)
        return self.number == other.number and all(mine >= wanted for mine, wanted in fits)

    def joined(self, other: "Margin") -> "Margin":
        """Room for both, for the first one's number."""
        if self.number != other.number:
            return self
        low, high = (
            tuple(max(a, b) for a, b in zip(x, y, strict=True))
            for x, y in ((self.low, other.low), (self.high, other.high))
        )
        return Margin(self.number, low, high)

    def without(self, dims: Sequence[int]) -> "Margin":
        """No room along these dimensions."""
        low, high = (tuple(0 if d in dims else n for d, n in enumerate(side)) for side in (self.low, self.high))
        return Margin(self.number, low, high)


def constant(value: SSAValue) -> Attribute | None:
    """The number that a value is, if it is a constant."""
    return value.owner.value if isinstance(value.owner, arith.ConstantOp) else None


def margin_of(op: tensor.PadOp) -> Margin | None:
    """What a pad adds; None if it does not pad with a constant."""
    last = op.region.block.last_op
    number = constant(last.operands[0]) if last is not None else None
    return None if number is None else Margin(number, op.static_low.get_values(), op.static_high.get_values())


def cut(op: tensor.ExtractSliceOp) -> tuple[int, ...] | None:
    """The dimensions that a slice does not take whole; None if it drops some."""
    if len(shape(op.source)) != len(shape(op.result)):
        return None
    pairs = enumerate(zip(shape(op.source), shape(op.result), strict=True))
    return tuple(d for d, (whole, taken) in pairs if whole != taken)


def room(value: SSAValue) -> Margin | None:
    """The room that the pads of a tensor, of its slices and of what it is concatenated from would like."""
    found: Margin | None = None
    for wanted in _wanted(value):
        found = wanted if found is None else found.joined(wanted)
    return found if found is not None and any((*found.low, *found.high)) else None


def _wanted(value: SSAValue) -> Iterator[Margin]:
    for use in value.uses:
        match use.operation:
            case tensor.PadOp() as op:
                if (margin := margin_of(op)) is not None:
                    yield margin
            case tensor.ExtractSliceOp() as op:
                if (dims := cut(op)) is not None:
                    yield from (margin.without(dims) for margin in _wanted(op.result))
            case _:
                pass
    if isinstance(value, OpResult) and isinstance(value.op, tensor.ConcatOp):
        for part in value.op.inputs:
            yield from (margin.without([value.op.dim.value.data]) for margin in _wanted(part))


def slices_of_one(op: tensor.ConcatOp) -> Iterator[tuple[SSAValue, int]]:
    """Tensors of which all slices along the axis are operands one after the other: the tensor, and its first operand.

    %a = extract_slice %x [0] [4]   %b = extract_slice %x [4] [6]   concat %y, %a, %b      (%x of 10: %x, operand 1)
    """
    axis, at = op.dim.value.data, 0
    while at < len(op.inputs):
        found = _starts(op.inputs[at], axis)
        end, covered = at, 0
        while found is not None and end < len(op.inputs) and covered < shape(found)[axis]:
            if not _continues(op.inputs[end], found, axis, covered):
                break
            covered += shape(op.inputs[end])[axis]
            end += 1
        if found is not None and covered == shape(found)[axis]:
            yield found, at
        at = max(end, at + 1)


def _starts(value: SSAValue, axis: int) -> SSAValue | None:
    source = value.owner.source if isinstance(value.owner, tensor.ExtractSliceOp) else None
    return source if source is not None and _continues(value, source, axis, 0) else None


def _continues(value: SSAValue, source: SSAValue, axis: int, offset: int) -> bool:
    """Whether the value is a slice of `source` along the axis that starts there."""
    op = value.owner
    if not isinstance(op, tensor.ExtractSliceOp) or op.source is not source or cut(op) != (axis,):
        return False
    starts = [offset if d == axis else 0 for d in range(len(shape(source)))]
    return list(op.static_offsets.get_values()) == starts and set(op.static_strides.get_values()) == {1}
