"""Code as an `npu.program` and back: between passes code is IR that prints, parses and verifies.

    Op("mm.acc", x=Ref(a, 2048), y=Ref(w), z=Ref(c), desc=("gemm", {"mx": 7}), layer=0)
<-->
    npu.mm "acc" x = %a[2048], y = %w, z = %c, desc = {mx = 7}, layer = 0

What the loader finds in a segment goes by name into a WeightStore.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DictionaryAttr,
    FlatSymbolRefAttr,
    FloatAttr,
    IntegerAttr,
    NameLoc,
    NoneAttr,
    StringAttr,
    SymbolRefAttr,
    UnknownLoc,
    f64,
)
from xdsl.ir import Attribute, SSAValue

from ...dialects._location import fused
from ...dialects._shape import Array
from ...dialects.graph._base import ints
from ...dialects.graph.weight import WeightStore
from ...dialects.npu._attributes import text, whole, wholes
from ...dialects.npu.instruction import OPS, InstructionOp, Place
from ...dialects.npu.program import BufferOp, ProgramOp, SegmentOp, size_of, space_of
from .code import Buffer, Code, Fields, Mark, Op, Ref, Segment
from .emit.encode import mnemonic_parts


@dataclass(frozen=True)
class StoredPiece:
    """A piece of a segment that a WeightStore has; calling it gives the array."""

    weights: WeightStore
    name: str

    def __call__(self) -> Array:
        return self.weights[self.name]


def to_ir(code: Code, name: str, weights: WeightStore) -> ProgramOp:
    """The program op of that name; pieces of segments that the store lacks are entered."""
    return _Writer(code, weights, name).program()


def from_ir(op: ProgramOp, weights: WeightStore) -> Code:
    """The code of a program op."""
    return _Reader(weights).code(op)


def update(op: ProgramOp, code: Code, before: Sequence[Op]) -> None:
    """Make a program op say what `code` says, which was read from it with the operations `before`, where these have
    other semaphores, some are gone, or new ones without operands stand between."""
    writer, found = _Writer(code, WeightStore(), ""), [i for i in op.body.block.ops if isinstance(i, InstructionOp)]
    made = dict(zip(map(id, before), found, strict=True))
    op.sems = ArrayAttr(_sems(code))
    last: InstructionOp | None = None
    for each in code.ops:
        if (here := made.pop(id(each), None)) is not None:
            here.waits = wholes(each.waits) if each.waits else None
            here.signals = wholes(each.signals) if each.signals else None
        elif last is None:
            op.body.block.insert_op_before(here := writer.instruction(each), found[0])
        else:
            op.body.block.insert_op_after(here := writer.instruction(each), last)
        last = here
    for gone in made.values():
        gone.detach()
        gone.erase()


DescKey = tuple[str, tuple[tuple[str, int | float], ...], tuple[type, ...]]


@dataclass
class _Writer:
    source: Code
    weights: WeightStore
    name: str
    values: dict[int, SSAValue] = field(default_factory=dict)
    descs: dict[DescKey, DictionaryAttr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        nodes = [[NameLoc(StringAttr(node), NoneAttr()) for node in mark.nodes] for mark in self.source.marks]
        self.origins = [fused(found) for found in nodes]

    def program(self) -> ProgramOp:
        """The op with all that is in it."""
        code = self.source
        line = DictionaryAttr({space: whole(size) for space, size in code.line.items()})
        op = ProgramOp(self.name, [_mark(m) for m in code.marks], _sems(code), line)
        if code.tensors:
            op.attributes["tensors"] = StringAttr(json.dumps(code.tensors, sort_keys=True))
        first = [*map(self.segment, code.segments), *map(self.buffer, code.buffers)]
        op.body.block.add_ops([*first, *map(self.instruction, code.ops)])
        return op

    def segment(self, segment: Segment) -> SegmentOp:
        """A part of DRAM."""
        pieces = [ArrayAttr[Attribute]([whole(at), SymbolRefAttr(self.weight(segment, p))]) for at, p in segment.pieces]
        op = SegmentOp(
            segment.id,
            segment.name,
            segment.role,
            segment.bytes,
            writable=segment.writable,
            pieces=pieces,
            tensors=json.dumps(segment.tensors, sort_keys=True),
        )
        self.values[id(segment)] = op.res
        return op

    def weight(self, segment: Segment, piece: Callable[[], Array]) -> str:
        """The name of a piece in the store."""
        if isinstance(piece, StoredPiece) and piece.weights is self.weights:
            return piece.name
        return self.weights.fresh(f"{self.name}.{segment.name}", piece)

    def buffer(self, buffer: Buffer) -> BufferOp:
        """A buffer."""
        op = BufferOp(
            buffer.name, buffer.space, buffer.bytes, buffer.align, stream=buffer.stream, address=buffer.address
        )
        self.values[id(buffer)] = op.res
        return op

    def instruction(self, op: Op) -> InstructionOp:
        """An operation."""
        places: list[Place] = []
        for role, ref in (("x", op.x), ("y", op.y), ("z", op.z), ("pm", op.pm), ("lut", op.lut)):
            if ref is not None:
                places.append((role, self.values[id(ref.buffer)], ref.offset))
        if op.dram is not None:
            places.append(("g", self.values[id(op.dram[0])], op.dram[1]))
        base, _ = mnemonic_parts(op.name)
        made = OPS[base].at(
            places,
            mode=op.name[len(base) + 1 :],
            desc=None if op.desc is None else self.desc(*op.desc),
            layer=op.layer,
            waits=op.waits,
            signals=op.signals,
        )
        if op.out:
            made.attributes["out"] = wholes(op.out)
        made.location = self.origins[op.layer] if 0 <= op.layer < len(self.origins) else UnknownLoc()
        return made

    def desc(self, kind: str, fields: Fields) -> DictionaryAttr:
        """A descriptor's fields, one attribute for equal ones."""
        key = kind, tuple(fields.items()), tuple(map(type, fields.values()))  # 1 is not 1.0 here
        if (found := self.descs.get(key)) is None:
            found = self.descs[key] = DictionaryAttr({name: _number(value) for name, value in fields.items()})
        return found


def _sems(code: Code) -> list[ArrayAttr[Attribute]]:
    return [ArrayAttr([text(n), text(p), text(c), whole(count)]) for n, p, c, count in code.sems]


def _number(value: int | float) -> Attribute:
    return FloatAttr(float(value), f64) if isinstance(value, float | np.floating) else whole(int(value))


def _mark(mark: Mark) -> DictionaryAttr:
    return DictionaryAttr(
        {
            "layer": StringAttr(mark.layer),
            "nodes": ArrayAttr([StringAttr(node) for node in mark.nodes]),
            "kind": text(mark.kind),
            "macs": whole(mark.macs),
            "bytes": whole(mark.bytes),
            "out": StringAttr(mark.out),
        }
    )


@dataclass
class _Reader:
    weights: WeightStore
    places: dict[SSAValue, Buffer | Segment] = field(default_factory=dict)
    descs: dict[int, dict[str, int | float]] = field(default_factory=dict)

    def code(self, op: ProgramOp) -> Code:
        """The code; what is in it is shared with nothing but the store."""
        found = Code({space: _int(size) for space, size in op.line.data.items()})
        found.marks = [_mark_of(mark.data) for mark in op.marks]
        if isinstance(tensors := op.attributes.get("tensors"), StringAttr):
            found.tensors = json.loads(tensors.data)
        for sem in op.sems:
            name, producer, consumer, count = sem.data
            found.sems.append((_str(name), _str(producer), _str(consumer), _int(count)))
        for each in op.body.block.ops:
            match each:
                case SegmentOp():
                    found.segments.append(self.segment(each))
                case BufferOp():
                    found.buffers.append(self.buffer(each))
                case InstructionOp():
                    found.ops.append(self.operation(each))
                case _:
                    raise ValueError(f"expected only words of npu in npu.program, found {each.name}")
        return found

    def segment(self, op: SegmentOp) -> Segment:
        """A part of DRAM."""
        made = Segment(op.number.value.data, op.label.data, op.role.data, size_of(op.res.type), op.writable is not None)
        for piece in op.pieces:
            at, name = piece.data
            made.pieces.append((_int(at), StoredPiece(self.weights, cast(FlatSymbolRefAttr, name).root_reference.data)))
        made.tensors = json.loads(op.tensors.data)
        self.places[op.res] = made
        return made

    def buffer(self, op: BufferOp) -> Buffer:
        """A buffer."""
        type, at = op.res.type, op.at
        made = Buffer(space_of(type), size_of(type), op.label.data, op.align.value.data, op.stream is not None)
        made.address = None if at is None else at.value.data
        self.places[op.res] = made
        return made

    def operation(self, op: InstructionOp) -> Op:
        """An operation."""
        made = Op(op.mnemonic, layer=_int(op.layer), waits=ints(op.waits), signals=ints(op.signals))
        for role, value, offset in op.operand_places:
            place = self.places[value]
            if isinstance(place, Segment):
                made.dram = (place, offset)
            else:
                setattr(made, role, Ref(place, offset))
        if isinstance(out := op.attributes.get("out"), DenseArrayBase):
            made.out = ints(out)
        if op.desc is not None:
            made.desc = (op.DECLARED.kind, self.fields(op.desc))
        return made

    def fields(self, desc: DictionaryAttr) -> dict[str, int | float]:
        """A descriptor's fields, one dictionary for one attribute."""
        if (found := self.descs.get(id(desc))) is None:
            found = self.descs[id(desc)] = {name: _value(value) for name, value in desc.data.items()}
        return found


def _value(value: Attribute) -> int | float:
    return value.value.data if isinstance(value, FloatAttr) else _int(value)


def _int(value: Attribute) -> int:
    return cast(IntegerAttr, value).value.data


def _str(value: Attribute) -> str:
    return cast(StringAttr, value).data


def _mark_of(mark: Mapping[str, Attribute]) -> Mark:
    nodes = tuple(_str(node) for node in cast(ArrayAttr[Attribute], mark["nodes"]))
    layer, kind, out = (_str(mark[key]) for key in ("layer", "kind", "out"))
    return Mark(layer, nodes, kind, _int(mark["macs"]), _int(mark["bytes"]), out)
