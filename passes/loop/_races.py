"""Whether the rounds of a loop may run at the same time: by the addresses that each touches, enumerated.

    scf.for %i = 0 to 4 { scf.for %j = 0 to 8 { loop.store %v, %y[8 * %i + %j] } }      round i owns 8 i .. 8 i + 7
    scf.for %i = 0 to 4 { loop.store %v, %y[%i]; loop.load %y[%i + 1] }                 round i reads what i + 1 owns

A buffer on the stack, or a view of scratch memory, that each round writes before it reads may be given to each thread.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from math import prod

import numpy as np
from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, MemRefType, VectorType
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from ...dialects import kernel, loop
from ...dialects._shape import dtype
from ...dialects.graph._base import ints
from ._work import constant, trips

LIMIT = 1 << 25
"""Elements up to which addresses are enumerated."""
Numbers = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Place = loop.LoadOp | loop.StoreOp


@dataclass(frozen=True)
class Verdict:
    """`reason` why rounds may not run at the same time, or ""; what each thread needs a buffer of its own for."""

    reason: str = ""
    private: tuple[memref.AllocaOp | memref.ViewOp, ...] = ()


@dataclass
class _Touched:
    """The accesses of a buffer."""

    reads: list[loop.LoadOp] = field(default_factory=list[loop.LoadOp])
    writes: list[loop.StoreOp] = field(default_factory=list[loop.StoreOp])


class Unknown(Exception):
    """An address that cannot be told."""


def judge(op: scf.ForOp, func: kernel.FuncOp) -> Verdict:
    """Whether the rounds of a loop of this kernel are independent of each other."""
    if op.iter_args:
        return Verdict("a value is carried from round to round")
    touched: dict[SSAValue, _Touched] = {}
    other = set[SSAValue]()
    same = names(func)
    for inner in op.body.walk():
        match inner:
            case loop.LoadOp():
                touched.setdefault(_buffer(inner.memref, same), _Touched()).reads.append(inner)
            case loop.StoreOp():
                touched.setdefault(_buffer(inner.memref, same), _Touched()).writes.append(inner)
            case memref.LoadOp():
                other.add(_buffer(inner.memref, same))
            case memref.AllocaOp() | memref.ViewOp():
                pass
            case _ if inner.name.startswith("memref.") or isinstance(inner, kernel.LaunchOp | loop.ParallelOp):
                return Verdict(f"{inner.name} touches memory that is not told apart")
            case _:
                pass
    if overlapping(touched.keys() | other):
        return Verdict("two views of a buffer overlap")
    private: list[memref.AllocaOp | memref.ViewOp] = []
    for buffer, found in touched.items():
        if not found.writes or _is_inside(buffer, op):
            continue
        if buffer in other:
            return Verdict(f"{buffer.type} is written, and read at an index that is not known")
        try:
            if not _disjoint(op, found):
                if not isinstance(buffer.owner, memref.AllocaOp | memref.ViewOp) or not _is_scratch(buffer, op):
                    return Verdict(f"two rounds touch the same element of a {buffer.type}")
                private.append(buffer.owner)
        except Unknown:
            return Verdict(f"an address of a {buffer.type} is not known")
    return Verdict(private=tuple(private))


def names(func: Operation) -> dict[SSAValue, SSAValue]:
    """An argument that lies under another one -> that one."""
    args, pairs = func.regions[0].block.args, func.attributes.get("inplace")
    found = [ints(p) for p in pairs if isinstance(p, DenseArrayBase)] if isinstance(pairs, ArrayAttr) else []
    return {args[a]: args[b] for a, b in found}


def _buffer(value: SSAValue, same: dict[SSAValue, SSAValue]) -> SSAValue:
    return same.get(value, value)


def overlapping(buffers: set[SSAValue]) -> bool:
    """Whether two of these views of one buffer share bytes, or a view's place is not known."""
    spans: dict[SSAValue, list[tuple[int, int]]] = {}
    for value in buffers:
        if not isinstance(view := value.owner, memref.ViewOp):
            if isinstance(view, Operation) and not isinstance(view, memref.AllocaOp | memref.AllocOp):
                return True
            continue
        start, type = constant(view.byte_shift), view.result.type
        if start is None or isinstance(view.source.owner, Operation) or not isinstance(type, MemRefType):
            return True
        spans.setdefault(view.source, []).append((start, start + prod(type.get_shape()) * dtype(type).itemsize))
    if spans.keys() & buffers:
        return True
    return any(a[1] > b[0] for found in spans.values() for a, b in pairwise(sorted(found)))


def _is_inside(buffer: SSAValue, op: scf.ForOp) -> bool:
    return isinstance(buffer.owner, memref.AllocaOp) and op.is_ancestor(buffer.owner)


def _disjoint(op: scf.ForOp, found: _Touched) -> bool:
    """Whether no round touches an element that another one writes."""
    accesses: list[Place] = [*found.writes, *found.reads]
    fixed = {frozenset(_outer(access, op).items()) for access in accesses}
    if len(fixed) > 1:
        raise Unknown
    places = [addresses(access, op) for access in accesses]
    if (low := min(int(p.min()) for p in places)) < 0:
        places = [p - low for p in places]
    owner = np.full(max(int(p.max()) for p in places) + 1, -1, np.int32)
    rounds = np.arange(places[0].shape[0], dtype=np.int32)[:, None]
    for place in places[: len(found.writes)]:
        owner[place] = np.broadcast_to(rounds, place.shape)
    return all(((owner[place] == rounds) | (owner[place] == -1)).all() for place in places)


def _outer(access: Place, op: scf.ForOp) -> dict[SSAValue, int]:
    """The indices from outside the loop that shift an address, with their coefficients."""
    found: dict[SSAValue, int] = {}
    for coefficient, index in access.terms:
        if coefficient and not _varies(index, op):
            found[index] = found.get(index, 0) + coefficient
    return found


def _varies(index: SSAValue, op: scf.ForOp) -> bool:
    block = index.owner if isinstance(index, BlockArgument) else index.owner.parent_block()
    while isinstance(block, Block) and (around := block.parent_op()) is not None:
        if around is op:
            return True
        block = around.parent_block()
    return False


def addresses(access: Place, op: scf.ForOp) -> Numbers:
    """The elements that an access touches, a row for each round of the loop; those of indices from outside left out.
    Unknown if they depend on anything but loops of constant bounds."""
    value = access.res if isinstance(access, loop.LoadOp) else access.value
    lanes = value.type.get_shape()[0] if isinstance(value.type, VectorType) else 1
    own, rest = np.zeros(1, np.int64), np.arange(lanes, dtype=np.int64) * access.step
    shifts: dict[SSAValue, Numbers] = {}
    for coefficient, index in access.terms:
        if coefficient and _varies(index, op):
            walker, values = _derived(index)
            shifts[walker] = shifts.get(walker, 0) + values * coefficient
    rounds = _values(op.body.block.args[0])
    for index, walked in shifts.items():
        if index is op.body.block.args[0]:
            own = walked
        else:
            rest = (walked[:, None] + rest).reshape(-1)
            if len(rest) > LIMIT:
                raise Unknown
    if len(rounds) * len(rest) > LIMIT or not len(rounds) or not len(rest):
        raise Unknown
    shifted = own[:, None] + rest + access.offset.value.data
    return np.broadcast_to(shifted, (len(rounds), len(rest)))


def _derived(index: SSAValue) -> tuple[SSAValue, Numbers]:
    """A loop's index, and the values of a number made of it by adding and dividing; of itself, if it is one."""
    made = index.owner
    if not isinstance(made, arith.AddiOp | arith.DivUIOp | arith.RemUIOp):
        return index, _values(index)
    if (by := constant(made.rhs)) is None:
        raise Unknown
    walker, values = _derived(made.lhs)
    match made:
        case arith.AddiOp():
            return walker, values + by
        case arith.DivUIOp():
            return walker, values // by
        case _:
            return walker, values % by


def _values(index: SSAValue) -> Numbers:
    around = index.owner.parent_op() if isinstance(index, BlockArgument) else None
    found = trips(around) if isinstance(around, scf.ForOp) and around.body.block.args[0] is index else None
    if found is None:
        raise Unknown
    return np.array(found, np.int64)


def _is_scratch(buffer: SSAValue, op: scf.ForOp) -> bool:
    """Whether a buffer is used in the loop only, and each round reads only what it wrote before."""
    if not all(op.is_ancestor(use.operation) for use in buffer.uses):
        return False
    assert isinstance(buffer.type, MemRefType)
    written = np.zeros(prod(buffer.type.get_shape()), np.bool_)
    for step in op.body.block.ops:
        inside = [o for o in step.walk() if isinstance(o, loop.LoadOp | loop.StoreOp) and o.memref is buffer]
        if not all(written[_of_round(o, op)].all() for o in inside if isinstance(o, loop.LoadOp)):
            return False
        for o in inside:
            if isinstance(o, loop.StoreOp) and _is_sure(o, op):
                written[_of_round(o, op)] = True
    return True


def _of_round(access: Place, op: scf.ForOp) -> Numbers:
    """The elements that an access touches in each round; Unknown if they are not the same ones in all."""
    if any(index is op.body.block.args[0] and coefficient for coefficient, index in access.terms):
        raise Unknown
    if _outer(access, op):
        raise Unknown
    return addresses(access, op)[0]


def _is_sure(access: Operation, op: scf.ForOp) -> bool:
    """Whether it is run in every round: it stands in nothing but loops that have rounds."""
    around = access.parent_op()
    while around is not None and around is not op:
        if not isinstance(around, scf.ForOp) or not trips(around):
            return False
        around = around.parent_op()
    return True
