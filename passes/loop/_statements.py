"""A nest as its statements: each read and write of memory, the loops around it, what it touches, in isl's notation.

    scf.for %i = 0 to 8 {                     S0  { S0[d0] : 0 <= d0 < 8 }     at [0, d0, 0]
      %v = loop.load %x[2 * %i]                    reads  { S0[d0] -> B0[2 * d0] }
      loop.store %v, %y[%i]                   S1  writes { S1[d0] -> B1[d0] }  at [0, d0, 1]
    }

What stands in an scf.if counts as if it were run always. A buffer that a round makes is another one in each round.
What is not affine, or touches memory in a way not known here, is no nest: NotAffine says why.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from xdsl.dialects import memref, scf, vector
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, VectorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import is_side_effect_free

from ...dialects import loop
from ...dialects._layout import strides_of
from ._affine import Form, atoms, form, lowers, uppers
from ._naming import function_of
from ._races import names, overlapping
from ._work import constant

MADE = (memref.AllocaOp, memref.AllocOp)


class NotAffine(Exception):
    """Why the order of a nest's accesses cannot be told; `op` is where."""

    def __init__(self, reason: str, op: Operation):
        super().__init__(reason)
        self.op = op


@dataclass(frozen=True)
class Access:
    """Elements that a statement touches: `place` one after the other, `lanes` of them `step` apart, in memory order
    from the buffer's first one; all the buffer's if there is no place."""

    writes: bool
    buffer: SSAValue
    place: Form | None
    lanes: int = 1
    step: int = 1


@dataclass(frozen=True, eq=False)
class Statement:
    """An op that touches memory: the loops around it, outermost first, and its number in the body of each."""

    op: Operation
    name: str
    loops: tuple[scf.ForOp, ...]
    places: tuple[int, ...]
    accesses: tuple[Access, ...]
    is_sure: bool


@dataclass
class Nest:
    """Neighbouring ops of a block with all that they touch."""

    ops: tuple[Operation, ...]
    statements: list[Statement] = field(default_factory=list[Statement])
    variables: dict[SSAValue, str] = field(default_factory=dict[SSAValue, str])
    """Loop variables (d0, d1, ..) and what does not change within the nest (p0, p1, ..)."""
    parameters: list[str] = field(default_factory=list[str])
    buffers: dict[SSAValue, str] = field(default_factory=dict[SSAValue, str])

    def variable(self, op: scf.ForOp) -> str:
        """The name of a loop's variable."""
        return self.variables[op.body.block.args[0]]

    def lower(self, op: scf.ForOp) -> Form:
        """Where a loop begins: the first of several such values."""
        return lowers(op.lb)[0]

    def time(self, statement: Statement) -> list[str]:
        """When it runs: its place, the outermost variable, the place in that body, and so on."""
        found = [str(statement.places[0])]
        for each, place in zip(statement.loops, statement.places[1:], strict=True):
            found += [self.variable(each), str(place)]
        return found

    def replacing(self, entries: Mapping[str, str]) -> "Times":
        """The times with other expressions for some variables."""
        return lambda statement: [entries.get(entry, entry) for entry in self.time(statement)]

    def point(self, statement: Statement) -> str:
        """The statement's rounds, as a tuple."""
        return f"{statement.name}[{', '.join(map(self.variable, statement.loops))}]"

    def domain(self, statement: Statement) -> str:
        """What bounds the statement's rounds."""
        found: list[str] = []
        for each in statement.loops:
            name, step = self.variable(each), constant(each.step) or 1
            low, high = lowers(each.lb), uppers(each.ub)
            found += [f"{name} >= {f.text(self.variables)}" for f in low]
            found += [f"{name} < {f.text(self.variables)}" for f in high]
            if step > 1:
                found.append(f"exists e{name} : {name} = {low[0].text(self.variables)} + {step} * e{name}")
        return " and ".join(found) or "1 = 1"

    def touched(self, statement: Statement, access: Access) -> str:
        """The relation from the statement's rounds to the elements of an access."""
        owner, own = access.buffer.owner, list[str]()
        if isinstance(owner, MADE):
            own = [self.variable(each) for each in statement.loops if each.is_ancestor(owner)]
        tuple_ = f"{self.buffers[access.buffer]}[{', '.join([*own, 'a'])}]"
        if access.place is None:
            assert isinstance(access.buffer.type, MemRefType)
            size = prod(access.buffer.type.get_shape())
            where = f"0 <= a < {size}" if DYNAMIC_INDEX not in access.buffer.type.get_shape() else "a >= 0"
        else:
            where = (
                f"exists l : a = {access.place.text(self.variables)} + {access.step} * l and 0 <= l < {access.lanes}"
            )
        return f"{self.point(statement)} -> {tuple_} : {where}"

    def isl(self, body: str) -> str:
        """A set or relation over the nest's parameters."""
        return f"[{', '.join(self.parameters)}] -> {{ {body} }}"


def nest_of(ops: Sequence[Operation]) -> Nest:
    """The nest of neighbouring ops; NotAffine if it is none."""
    reader = _Reader(Nest(tuple(ops)), ops[0].parent_block())
    reader.block(ops, (), (), Counter())
    if overlapping(set(reader.nest.buffers)):
        raise NotAffine("two views of a buffer overlap, or it is not known whether they do", ops[0])
    return reader.nest


@dataclass
class Counter:
    """Numbers the ops of a loop's body."""

    count: int = 0

    def next(self) -> int:
        """Another number."""
        self.count += 1
        return self.count - 1


class _Reader:
    def __init__(self, nest: Nest, block: Block | None):
        self.nest, self.outside = nest, block
        func = function_of(nest.ops[0])
        self.same = {} if func is None else names(func)

    def block(
        self,
        ops: Sequence[Operation],
        loops: tuple[scf.ForOp, ...],
        places: tuple[int, ...],
        counter: Counter,
        sure: bool = True,
    ) -> None:
        for op in ops:
            here = (*places, counter.next())
            match op:
                case scf.ForOp():
                    self.loop(op, loops, sure)
                    self.block(list(op.body.block.ops), (*loops, op), here, Counter(), sure)
                case scf.IfOp():
                    for region in op.regions:
                        for block in region.blocks:
                            self.block(list(block.ops), loops, places, counter, False)
                case _:
                    self.leaf(op, loops, here, sure)

    def leaf(self, op: Operation, loops: tuple[scf.ForOp, ...], places: tuple[int, ...], sure: bool) -> None:
        if op.regions:
            raise NotAffine(f"{op.name} holds code that is not looked into", op)
        found = [replace(a, buffer=self.same.get(a.buffer, a.buffer)) for a in touched(op)]
        for access in found:
            self.nest.buffers.setdefault(access.buffer, f"B{len(self.nest.buffers)}")
            self.declare([access.place] if access.place is not None else [], loops, op)
        if found:
            name = f"S{len(self.nest.statements)}"
            self.nest.statements.append(Statement(op, name, loops, places, tuple(found), sure))

    def loop(self, op: scf.ForOp, loops: tuple[scf.ForOp, ...], sure: bool) -> None:
        step = constant(op.step)
        if step is None or step < 1:
            raise NotAffine("the step of a loop is not a constant above 0", op)
        if step > 1 and len(lowers(op.lb)) > 1:
            raise NotAffine("a loop begins at the greatest of several values", op)
        self.declare([*lowers(op.lb), *uppers(op.ub)], loops, op)
        self.nest.variables[op.body.block.args[0]] = f"d{len(self.nest.variables)}"

    def declare(self, forms: Sequence[Form], loops: tuple[scf.ForOp, ...], op: Operation) -> None:
        """Name the values that do not change; NotAffine for one that does, and is no loop's variable."""
        for value in sorted(atoms(forms) - self.nest.variables.keys(), key=lambda v: v.name_hint or ""):
            block = value.owner if isinstance(value.owner, Block) else value.owner.parent_block()
            if not self.is_fixed(block):
                told = f"%{value.name_hint}" if value.name_hint else "a value"
                raise NotAffine(f"{told}, made in the nest, is no affine form of loop variables", op)
            name = f"p{len(self.nest.variables)}"
            self.nest.variables[value] = name
            self.nest.parameters.append(name)

    def is_fixed(self, block: Block | None) -> bool:
        """Whether what the block makes is the same throughout the nest: the block is not within its loops."""
        while block is not None and block is not self.outside:
            parent = block.parent_op()
            if parent in self.nest.ops:
                return False
            block = None if parent is None else parent.parent_block()
        return True


def touched(op: Operation) -> Iterator[Access]:
    """The accesses of an op that is no loop; NotAffine if what it does with memory is not known."""
    match op:
        case loop.LoadOp() | loop.StoreOp():
            value = op.res if isinstance(op, loop.LoadOp) else op.value
            place = Form({}, op.offset.value.data)
            for coefficient, index in op.terms:
                place = place.plus(form(index), coefficient)
            yield _shown(op, op.memref, place, isinstance(op, loop.StoreOp), _lanes(value), op.step)
        case memref.LoadOp():
            yield _element(op, op.memref, op.indices, False, op.res)
        case memref.StoreOp():
            yield _element(op, op.memref, op.indices, True, op.value)
        case vector.LoadOp():
            yield _element(op, op.base, op.indices, False, op.result)
        case vector.StoreOp():
            yield _element(op, op.base, op.indices, True, op.vector)
        case memref.CopyOp():
            yield Access(False, _whole(op, op.source), None)
            yield Access(True, _whole(op, op.destination), None)
        case loop.PrefetchOp() | scf.YieldOp() | memref.ViewOp() | memref.ReinterpretCastOp() | memref.CastOp():
            pass
        case _ if isinstance(op, MADE):
            pass
        case _ if is_side_effect_free(op):
            pass
        case _:
            raise NotAffine(f"{op.name} touches memory in a way that is not known", op)


def _lanes(value: SSAValue) -> int:
    return prod(value.type.get_shape()) if isinstance(value.type, VectorType) else 1


def _element(op: Operation, buffer: SSAValue, indices: Sequence[SSAValue], writes: bool, value: SSAValue) -> Access:
    assert isinstance(buffer.type, MemRefType)
    found = strides_of(buffer.type)
    if found is None or (DYNAMIC_INDEX in buffer.type.get_shape() and len(indices) > 1):
        raise NotAffine(f"where the elements of a {buffer.type} lie is not known", op)
    place = Form({})
    for stride, index in zip(found[1], indices, strict=True):
        place = place.plus(form(index), stride)
    return _shown(op, buffer, place, writes, _lanes(value), found[1][-1] if indices else 1)


def _shown(op: Operation, buffer: SSAValue, place: Form, writes: bool, lanes: int, step: int) -> Access:
    """The access in terms of the buffer that a view shows."""
    while isinstance(cast := buffer.owner, memref.ReinterpretCastOp | memref.CastOp):
        if isinstance(cast, memref.ReinterpretCastOp):
            offset = int(cast.static_offsets.get_values()[0])
            if offset == DYNAMIC_INDEX or _begins(cast.source) != 0:
                raise NotAffine("a view begins at an element that is not known", op)
            place = place.plus(Form({}, offset))
        buffer = cast.operands[0]
    return Access(writes, buffer, place, lanes, step)


def _begins(value: SSAValue) -> int | None:
    return None if (found := strides_of(value.type)) is None else found[0]


def _whole(op: Operation, buffer: SSAValue) -> SSAValue:
    if isinstance(buffer.owner, memref.ReinterpretCastOp | memref.CastOp):
        raise NotAffine(f"{op.name} of a view", op)
    return buffer


Times = Callable[[Statement], list[str]]
"""When a statement runs, as affine expressions of its loops' variables."""
