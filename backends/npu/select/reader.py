"""A walk over graph ops that places values in tensors and writes the layers that compute them.

reader = Reader(block, Constants(weights), machine)
reader.read()                       layers, inputs; for each op that has none: why
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from xdsl.ir import Block, Operation, SSAValue

from ....dialects._location import origins
from ....dialects._shape import dtype, shape
from ....dialects.graph.weight import ConstantOp, WeightOp
from ..layer import Copy, Layer, Tensor, View
from ..machine import Machine
from ..vector.fits import fits
from .constant import Constants, Quantisation
from .place import CHANNEL, COLUMN, IMAGE, ROW, At, Place, Unplaceable, arranged, box

T = TypeVar("T", bound=Operation)
Size = tuple[int, int, int, int]


class Unsupported(Exception):
    """The NPU has no layer for an op; the text tells why."""


Rule = Callable[["Reader", Operation], None]
RULES: dict[type[Operation], Rule] = {}


def reads(*kinds: type[T]) -> Callable[[Callable[["Reader", T], None]], Callable[["Reader", T], None]]:
    """Enters a function that reads ops of these kinds: it places their results and writes layers, or raises
    Unsupported or Unplaceable."""

    def enter(rule: Callable[["Reader", T], None]) -> Callable[["Reader", T], None]:
        RULES.update(dict.fromkeys(kinds, rule))  # pyright: ignore[reportArgumentType, reportCallIssue]
        return rule

    return enter


@dataclass
class Unit:
    """Ops that became layers together."""

    ops: list[Operation]
    layers: list[Layer]


class Reader:
    """The state of the walk. A float value may lie in integers: then it is what these are dequantised to."""

    def __init__(
        self,
        block: Block,
        constants: Constants,
        machine: Machine,
        host: frozenset[Operation] = frozenset(),
        rounding: str = "ort",
    ):
        self.block, self.constants, self.machine, self.host, self.rounding = block, constants, machine, host, rounding
        self.order = {op: i for i, op in enumerate(block.ops)}
        self.places: dict[SSAValue, Place] = {}
        self.gains: dict[SSAValue, float] = {}
        """A value is this times what its place says."""
        self.inputs: dict[SSAValue, Place] = {}
        self.layers: list[Layer] = []
        self.units: list[Unit] = []
        self.unit_of: dict[Operation, Unit] = {}
        self.reasons: dict[Operation, str] = {}
        self.waiting: dict[Operation, None] = {}
        """Ops that a later one reads together with itself."""
        self._names: dict[str, int] = {}
        self.kept: dict[tuple[object, ...], Tensor] = {}
        """Copies that may be read again, by what they are copies of."""

    def read(self) -> "Reader":
        """Walk over all ops."""
        for op in self.block.ops:
            if isinstance(op, ConstantOp | WeightOp) or op in self.unit_of or not op.results:
                continue
            if op not in self.host and all(map(self.constants.known, op.results)):
                continue
            self._read(op)
        for op in self.waiting:
            if op not in self.unit_of:
                self.reasons.setdefault(op, "it is read by what the NPU does not do")
        return self

    def _read(self, op: Operation) -> None:
        rule = next((RULES[kind] for kind in type(op).__mro__ if kind in RULES), None)
        before = len(self.layers)
        self._current = Unit([op], [])
        if op in self.host or rule is None:
            self.reasons[op] = "placed on the host" if op in self.host else f"the NPU has no layer for {op.name}"
            return
        try:
            rule(self, op)
        except (Unsupported, Unplaceable) as reason:
            del self.layers[before:]
            self.reasons[op] = str(reason)
            return
        if op in self.waiting and not self._current.layers and not any(r in self.places for r in op.results):
            return
        self._current.layers = self.layers[before:]
        self.units.append(self._current)
        self.unit_of.update(dict.fromkeys(self._current.ops, self._current))

    def take(self, ops: Sequence[Operation]) -> None:
        """These ops, too, are done by the layers of the op that is being read."""
        self._current.ops += [op for op in ops if op not in self._current.ops]

    def wait(self, op: Operation) -> None:
        """The op is for a later one to take."""
        self.waiting[op] = None

    def free(self, op: Operation) -> bool:
        """Whether an op may still be taken."""
        return op.parent is self.block and op not in self.unit_of and op not in self.host

    def before(self, value: SSAValue, op: Operation) -> bool:
        """Whether a value is there when the op is read."""
        return isinstance(value.owner, Block) or self.order.get(value.owner, -1) < self.order[op]

    def sole_user(self, value: SSAValue) -> Operation | None:
        """The one op that reads a value, once, if it may be taken."""
        uses = list(value.uses)
        return uses[0].operation if len(uses) == 1 and self.free(uses[0].operation) else None

    def place(self, value: SSAValue) -> Place:
        """Where a value lies; it becomes an input if no layer makes it."""
        if (found := self.places.get(value)) is None:
            found = self.inputs[value] = self.places[value] = enter(self, value)
        return found

    def gain(self, value: SSAValue) -> float:
        """By what the numbers of its place are to be multiplied."""
        return self.gains.get(value, 1.0)

    def plain(self, value: SSAValue) -> Place:
        """Where a value lies as it is."""
        if self.gain(value) != 1.0:
            raise Unsupported("a factor that is still to be multiplied with")
        return self.place(value)

    def floating(self, value: SSAValue, *types: str) -> Place:
        """The same in one of these types, bf16 unless said otherwise; else in the first of them."""
        if self.gain(value) != 1.0:
            raise Unsupported("a factor that is still to be multiplied with")
        return self.converted(self.place(value), *(types or ("bf16",)))

    def converted(self, place: Place, *types: str) -> Place:
        """A place in one of these types; else in the first of them."""
        tensor = place.tensor
        if tensor.type in types:
            return place
        if (key := (id(tensor), types[0])) not in self.kept:
            made = self.tensor(f"{tensor.name}_{types[0]}", tensor.shape, type=types[0])
            scale = tensor.scale if tensor.type == "i8" else 1.0
            out = View.whole(made)
            self.add(Copy(name=made.name, x=View.whole(tensor), out=out, scale=scale, zeros=(tensor.zero, 0)))
            self.kept[key] = made
        return Place(self.kept[key], place.at, place.dims)

    def real(self, *values: SSAValue) -> list[Place]:
        """Values in one floating type: that of what the array made, or float32 of integers."""
        places = [self.floating(value, "f32", "bf16") for value in values]
        if len({p.tensor.type for p in places}) > 1:
            places = [self.floating(value, "f32") for value in values]
        return places

    def tensor(self, name: str, size: Sequence[int], out: Quantisation | None = None, type: str = "bf16") -> Tensor:
        """A new tensor of images, rows, columns, channels; int8 if it is quantised."""
        images, rows, columns, channels = size
        if out is None:
            return Tensor(self.name(name), images, rows, columns, channels, type)
        numbers = {"scale": out.scale, "zero": out.stored, "unsigned": out.unsigned}
        return Tensor(self.name(name), images, rows, columns, channels, "i8", **numbers)

    def add(self, layer: Layer) -> None:
        """Append a layer."""
        if not layer.nodes:
            layer.nodes = tuple(dict.fromkeys(n for op in self._current.ops for n in origins(op.location)))
        if (why := fits(layer, self.machine)) is not None:
            raise Unsupported(why)
        self.layers.append(layer)

    def name(self, stem: str) -> str:
        """A name of its own."""
        count = self._names.get(stem, 0) + 1
        while (found := stem if count == 1 else f"{stem}_{count}") in self._names:
            count += 1
        self._names[stem] = count
        self._names.setdefault(found, 1)
        return found

    def stem(self, op: Operation) -> str:
        """What layers of an op are called after."""
        return next(iter(origins(op.location)), op.name.removeprefix("graph."))

    def bytes(self, view: View) -> int:
        """What the elements of a view take on the machine, in whole lines."""
        images, rows, columns, channels = view.size
        lines = -(-channels // self.machine.channel_lanes(view.tensor.type))
        return images * rows * columns * lines * self.machine.spad.line

    def granule(self, tensor: Tensor) -> int:
        """Channels in 16 bytes: a slice begins at a multiple of them."""
        return 8 if tensor.type in ("bf16", "i16") else 4 if tensor.type == "f32" else 16

    def boxed(self, place: Place) -> tuple[View, Place]:
        """As `box`, from a channel on that an instruction can begin with."""
        return box(place, self.granule(place.tensor))


def enter(reader: Reader, value: SSAValue) -> Place:
    """Places a value that comes from outside, as those who read it like it best."""
    from .ends import entered

    return entered(reader, value)


def quantised(place: Place) -> Quantisation:
    """The parameters of a place in integers."""
    tensor = place.tensor
    return Quantisation(tensor.scale, tensor.zero + 128 if tensor.unsigned else tensor.zero, tensor.unsigned)


def is_integer(place: Place) -> bool:
    """Whether the numbers are 8-bit integers."""
    return place.tensor.type == "i8"


def on_axes(tensor: Tensor, dims: Sequence[tuple[int, int]], at: At = (0, 0, 0, 0)) -> Place:
    """A value whose dimensions are (axis, extent) of a tensor."""
    return Place(tensor, at, tuple(arranged(n, axis) for axis, n in dims))


def is_number(value: SSAValue) -> bool:
    """Whether a value has a type that tensors can hold."""
    return dtype(value.type) in (np.float32, np.int8, np.uint8) and all(shape(value) or (1,))


NCHW = (IMAGE, CHANNEL, ROW, COLUMN)
