"""Writes the QDQ form: after each chosen value its integers and back, in place of weights and biases integers too.

%w = graph.weight @w : tensor<8x4x3x3xf32>      %q = graph.weight @w_i8 : tensor<8x4x3x3xi8>
%b = graph.weight @b : tensor<8xf32>            %w = graph.dequantize %q, %sw {axis = 0}    sw[c] = max |w[c]| / 127
%y = graph.conv %x, %w, %b                -->   %b = graph.dequantize %qb, %sb {axis = 0}   sb[c] = sx sw[c], 32 bits
                                                %y = graph.conv %x, %w, %b
                                                %p = graph.quantize %y, %s, %z {to = i8}
                                                %y1 = graph.dequantize %p, %s, %z           read by all others
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np
from xdsl.dialects.builtin import f32
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

from ....dialects._shape import Array, dtype, shape, tensor
from ....dialects.graph.contraction import GemmOp, MatmulOp
from ....dialects.graph.conv import ConvTransposeOp
from ....dialects.graph.elementwise import AddOp
from ....dialects.graph.quantize import DequantizeOp, QuantizeOp
from ....dialects.graph.weight import SMALL, ConstantOp, WeightOp, WeightStore
from .choose import Choice
from .histogram import Range
from .known import is_known, recipe

Vector = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
LARGEST = float(1 << 30)
"""A bias stays below this, so that the sum has room."""


@dataclass(frozen=True)
class Parameters:
    """x is about (q - zero) * scale."""

    scale: np.float32
    zero: int


def parameters(found: Range, kind: np.dtype[np.generic]) -> Parameters:
    """Scale and zero point for 8-bit integers over a range that holds zero; zero is exact."""
    ends = np.iinfo(kind.name)
    low, high = found
    scale = np.float32((high - low) / (ends.max - ends.min))
    if not scale > 0:
        return Parameters(np.float32(1.0), 0 if ends.min < 0 else ends.min)
    return Parameters(scale, int(np.clip(np.rint(ends.min - low / scale), ends.min, ends.max)))


@dataclass
class Writer:
    """`ranges` by value; integers go in type `to`. Scales and zero points stand at the head of the block, once each."""

    main: FuncOp
    choice: Choice
    ranges: Mapping[SSAValue, Range]
    to: Attribute
    weights: WeightStore
    scales: dict[SSAValue, tuple[Parameters, SSAValue, SSAValue]] = field(default_factory=dict)
    """By the value that stands for all that share a scale."""
    inputs: dict[SSAValue, Parameters] = field(default_factory=dict[SSAValue, Parameters])
    """The parameters of what is read in place of a value."""
    _head: Operation | None = None

    def write(self) -> None:
        """Rewrite @main."""
        for value in self.choice.values:
            made, scale, zero = self.shared(self.choice.leader(value))
            if is_known(value):
                self.known(value, made, scale, zero)
            else:
                self.both_ways(value, made, scale, zero)
        for op in self.choice.products:
            self.product(op)

    def shared(self, leader: SSAValue) -> tuple[Parameters, SSAValue, SSAValue]:
        """Parameters, scale and zero point of a group."""
        if leader not in self.scales:
            made = parameters(self.ranges[leader], dtype(self.to))
            scale, zero = ConstantOp(np.asarray(made.scale)), ConstantOp(np.asarray(made.zero, dtype(self.to)))
            self.at_head(scale, zero)
            self.scales[leader] = made, scale.res, zero.res
        return self.scales[leader]

    def both_ways(self, value: SSAValue, made: Parameters, scale: SSAValue, zero: SSAValue) -> None:
        """Quantise a value where it is made; all that read it read it dequantised."""
        q = QuantizeOp.make(value, scale, zero, to=self.to)
        back = DequantizeOp.make(q.res, scale, zero, to=f32)
        self.after(value, q, back)
        floats = value.owner not in self.choice.integer
        readers = {use.operation for use in value.uses} - {q}
        chosen = readers & self.choice.integer.keys() if floats else readers
        value.replace_uses_with_if(back.res, lambda use: use.operation in chosen)
        self.inputs[back.res] = made

    def known(self, value: SSAValue, made: Parameters, scale: SSAValue, zero: SSAValue) -> None:
        """Known numbers that are read like activations."""
        q = QuantizeOp.make(value, scale, zero, to=self.to)
        array = required(recipe(value, self.weights))
        params = np.asarray(made.scale), np.asarray(made.zero, dtype(self.to))

        def integers() -> Array:
            return q.evaluate(array(), *params)[0]

        held = self.constant(integers, dtype(self.to), shape(value), "activation")
        back = DequantizeOp.make(held.results[0], scale, zero, to=f32)
        self.after(value, held, back)
        value.replace_all_uses_with(back.res)
        self.inputs[back.res] = made

    def product(self, op: Operation) -> None:
        """Weights and bias of a sum of products."""
        known = [i for i in (0, 1) if is_known(op.operands[i])]
        if not known:
            return
        (index,) = known
        array = required(recipe(op.operands[index], self.weights))().astype(np.float32)
        axis = channel_axis(op, index)
        scale = np.max(np.abs(array), axis=tuple(i for i in range(array.ndim) if i != axis), initial=0.0)
        scale = (scale / np.float32(127)).astype(np.float32)
        other = self.inputs.get(op.operands[1 - index])
        user, place = bias_of(op) if axis is not None and index == 1 else (None, 0)
        bias = None
        if user is not None and other is not None:
            bias = required(recipe(user.operands[place], self.weights))().astype(np.float64).reshape(-1)
            scale = np.maximum(scale, np.abs(bias) / other.scale / LARGEST)
        scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
        self.weight(op, index, array, scale, axis)
        if user is not None and other is not None and bias is not None:
            self.bias(user, place, bias, (other.scale * scale).astype(np.float32))

    def weight(self, op: Operation, index: int, array: Array, scale: Vector, axis: int | None) -> None:
        """Symmetric integers in place of a known factor."""
        over = scale if axis is None else scale.reshape([-1 if i == axis else 1 for i in range(array.ndim)])

        def integers() -> Array:
            return np.clip(np.rint(np.divide(array, over)), -127, 127).astype(np.int8)

        held = self.constant(integers, np.dtype(np.int8), array.shape, stem(op.operands[index]))
        self.replace(op, index, held, scale, axis)

    def bias(self, user: Operation, place: int, bias: Array, scale: Vector) -> None:
        """32-bit integers in place of a known bias."""

        def integers() -> Array:
            return np.rint(np.divide(np.broadcast_to(bias, scale.shape), scale.astype(np.float64))).astype(np.int32)

        held = self.constant(integers, np.dtype(np.int32), scale.shape, stem(user.operands[place]))
        self.replace(user, place, held, scale, 0)

    def replace(self, op: Operation, index: int, held: Operation, scale: Vector, axis: int | None) -> None:
        """Put integers and what makes floats of them in place of an operand."""
        factor = self.constant(lambda: scale, np.dtype(np.float32), scale.shape, "scale")
        back = DequantizeOp.make(held.results[0], factor.results[0], None, axis=axis, to=f32)
        new: list[Operation] = [held, factor, back]
        block = op.parent
        assert isinstance(block, Block)
        for one in new:
            one.location = op.location
        block.insert_ops_before(new, op)
        op.operands[index] = back.res

    def constant(
        self, make: Callable[[], Array], kind: np.dtype[np.generic], dims: tuple[int, ...], name: str
    ) -> Operation:
        """A constant or, above 64 elements, a weight made when it is first used."""
        if prod(dims) <= SMALL:
            return ConstantOp(make())
        return WeightOp(self.weights.fresh(f"{name}_{kind.name}", make), tensor(kind, dims))

    def after(self, value: SSAValue, *new: Operation) -> None:
        """Insert ops where a value is made, which they come from."""
        if isinstance(value.owner, Block):
            self.at_head(*new)
            return
        for op in new:
            op.location = value.owner.location
        self.main.body.block.insert_ops_after(list(new), value.owner)

    def at_head(self, *new: Operation) -> None:
        """Insert ops behind the others at the head of the block."""
        block, last = self.main.body.block, self._head
        if last is not None:
            block.insert_ops_after(list(new), last)
        elif block.first_op is not None:
            block.insert_ops_before(list(new), block.first_op)
        self._head = new[-1]


def channel_axis(op: Operation, index: int) -> int | None:
    """The axis of a known factor that gives each output channel its own scale; None: one scale for all of it."""
    match op:
        case GemmOp():
            return int(op.transposed[1] == (index == 0)) if index == 1 else None
        case ConvTransposeOp():
            return 1 if op.groups == 1 else None
        case MatmulOp():
            rank = len(shape(op.operands[index]))
            return rank - 1 if index == 1 and rank > 1 else None
        case _:
            return 0


def bias_of(op: Operation) -> tuple[Operation | None, int]:
    """Who reads the bias of a sum of products, and as which operand; (None, 0) if there is none of integers' kind."""
    match op:
        case MatmulOp():
            users = [use.operation for use in op.res.uses]
            if len(users) == 1 and isinstance(add := users[0], AddOp):
                place = int(add.lhs is op.res)
                if is_known(add.operands[place]) and prod(shape(add.operands[place])) == shape(op.res)[-1]:
                    return add, place
            return None, 0
        case GemmOp() if op.scales != (1.0, 1.0) or op.transposed[0]:
            return None, 0
        case _:
            bias = op.operands[2] if len(op.operands) > 2 else None
            fits = bias is not None and len(shape(bias)) == 1 and shape(bias)[0] == shape(op.results[0])[1]
            return (op, 2) if fits else (None, 0)


def required(make: Callable[[], Array] | None) -> Callable[[], Array]:
    """A recipe that has to be there."""
    if make is None:
        raise ValueError("expected known numbers: the weight store lacks a weight")
    return make


def stem(value: SSAValue) -> str:
    """The name that new weights derive theirs from."""
    return value.owner.weight if isinstance(value.owner, WeightOp) else "c"
