"""Which ops run in which program: those that become layers, cut into convex parts, few and large.

host, npu, npu, host, npu     -->  level 0 (host), 1 (npu), 2 (host), 3 (npu): two programs

Ops of one level depend on each other only by way of ops of the level, so each level's part is convex. An op for the NPU
goes to the latest level it can, which leaves fewer parts. A part without multiply-accumulates stays on the host, as do
slices at its beginning and views at its end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, Operation, SSAValue

from ....dialects.graph.view import SliceOp
from ....dialects.graph.weight import ConstantOp, WeightOp, WeightStore
from ..machine import Machine
from .constant import Constants
from .ends import left
from .place import Unplaceable
from .reader import Reader, Unit, Unsupported

FEW = 1
"""A part with fewer multiply-accumulates is not worth a program."""


@dataclass
class Part:
    """Ops of one program, in order; what comes in, and what others read."""

    ops: list[Operation]
    inputs: list[SSAValue] = field(default_factory=list[SSAValue])
    outputs: list[SSAValue] = field(default_factory=list[SSAValue])


@dataclass
class Partition:
    """The parts in an order in which they can run, the level of every op, and why ops are on the host."""

    parts: dict[int, Part]
    levels: dict[Operation, int]
    reasons: dict[Operation, str]


def partition(block: Block, weights: WeightStore, machine: Machine, rounding: str = "ort") -> Partition:
    """The parts of a block of graph ops that become programs."""
    reasons: dict[Operation, str] = {}
    constants = Constants(weights)
    while True:
        reader = Reader(block, constants, machine, frozenset(reasons), rounding).read()
        reasons |= {op: why for op, why in reader.reasons.items() if op not in reasons}
        found = Placing(block, reader)
        if left := found.ends():
            reasons |= dict.fromkeys(left, "at the end of a program, it computes nothing")
            continue
        if cut := found.beginnings():
            reasons |= dict.fromkeys(cut, "at the beginning of a program, it takes a part of an input")
            continue
        levels = found.levels()
        parts = found.parts(levels)
        if stuck := found.stuck(parts):
            reasons |= stuck
            continue
        if idle := [op for part in parts.values() if found.macs(part) < FEW for op in part.ops]:
            reasons |= dict.fromkeys(idle, "a program of its own, without multiplications, would not be worth it")
            continue
        return Partition(parts, levels, reasons)


class Placing:
    """Levels and parts of a block that was read."""

    def __init__(self, block: Block, reader: Reader):
        self.reader = reader
        self.ops = [op for op in block.ops if not isinstance(op, ConstantOp | WeightOp) and op.results]
        self.ops = [op for op in self.ops if op in reader.unit_of or not all(map(reader.constants.known, op.results))]
        self.end = next((op for op in block.ops if isinstance(op, ReturnOp)), None)

    def unit(self, op: Operation) -> Unit | None:
        """The unit of an op for the NPU."""
        return self.reader.unit_of.get(op)

    def macs(self, part: Part) -> int:
        """The multiply-accumulates of a part."""
        units = {id(u): u for op in part.ops if (u := self.unit(op)) is not None}
        return sum(layer.macs for unit in units.values() for layer in unit.layers)

    def users(self, op: Operation) -> Iterator[Operation]:
        """Who reads an op's results; an op with regions reads what is read inside."""
        for result in op.results:
            for use in result.uses:
                user = use.operation
                while user is not None and user.parent is not op.parent:
                    user = user.parent_op()
                if user is not None:
                    yield user

    def ends(self) -> list[Operation]:
        """Ops without layers of which nothing on the NPU reads."""
        found: dict[Operation, None] = {}
        for op in reversed(self.ops):
            unit = self.unit(op)
            if unit is None or unit.layers or len(unit.ops) > 1:
                continue
            if all(u is self.end or self.unit(u) is None or u in found for u in self.users(op)):
                found[op] = None
        return list(found)

    def beginnings(self) -> Sequence[Operation]:
        """Slices of values from outside of which nothing else is read: a program has room for a part only."""
        slices = [op for op in self.ops if isinstance(op, SliceOp) and self.unit(op) and self.outside(op.x)]
        return [op for op in slices if all(isinstance(use.operation, SliceOp) for use in op.x.uses)]

    def outside(self, value: SSAValue) -> bool:
        """Whether a value that is not known is an argument, or made on the host."""
        made = isinstance(value.owner, Operation) and self.unit(value.owner) is not None
        return not made and self.reader.constants.known(value) is None

    def levels(self) -> dict[Operation, int]:
        """The level of each op; those of a unit have one."""
        early: dict[Operation, int] = {}
        for op in self.ops:
            unit = self.unit(op)
            if op in early:
                continue
            group = [op] if unit is None else unit.ops
            made = [v.owner for member in group for v in operands(member)]
            before = [o for o in made if isinstance(o, Operation) and o in early and o not in group]
            level = max((early[o] + ((self.unit(o) is None) != (unit is None)) for o in before), default=0)
            early |= dict.fromkeys(group, max(level, 0 if unit is None else 1))
        return self.late(early)

    def late(self, levels: dict[Operation, int]) -> dict[Operation, int]:
        """Units for the NPU moved to the level of those that read them."""
        for op in reversed(self.ops):
            if (unit := self.unit(op)) is None or op is not unit.ops[0]:
                continue
            users = [u for member in unit.ops for u in self.users(member) if u not in unit.ops]
            if not users or any(u is self.end for u in users):
                continue
            latest = min(levels[u] - (self.unit(u) is None) for u in users)
            levels |= dict.fromkeys(unit.ops, max(latest, levels[op]))
        return levels

    def parts(self, levels: dict[Operation, int]) -> dict[int, Part]:
        """The ops of each level that go to the NPU."""
        found: dict[int, Part] = {}
        for op in self.ops:
            if self.unit(op) is not None:
                found.setdefault(levels[op], Part([])).ops.append(op)
        for part in found.values():
            inside = set(part.ops)
            for op in part.ops:
                for value in operands(op):
                    if value not in part.inputs and value.owner not in inside and self.comes_in(value):
                        part.inputs.append(value)
            part.outputs = [
                r for op in part.ops for r in op.results if any(use.operation not in inside for use in r.uses)
            ]
        return dict(sorted(found.items()))

    def stuck(self, parts: dict[int, Part]) -> dict[Operation, str]:
        """Ops whose results cannot leave their program as an array, and why."""
        found: dict[Operation, str] = {}
        for value in (v for part in parts.values() for v in part.outputs):
            try:
                left(self.reader, value, "result")
            except (Unsupported, Unplaceable) as reason:
                assert isinstance(value.owner, Operation)
                found[value.owner] = str(reason)
        return found

    def comes_in(self, value: SSAValue) -> bool:
        """Whether a value is an argument: known ones are if they lie in a tensor."""
        return self.reader.constants.known(value) is None or value in self.reader.inputs


def operands(op: Operation) -> Iterator[SSAValue]:
    """What an op reads, inside of its regions too."""
    for inner in op.walk():
        yield from inner.operands
