"""The body of a loop, several rounds of it at once, in the lanes of vectors.

%v = loop.load %x[%i + 1] : f32          %v = loop.load %x[%i + 1] : vector<8xf32>
%c = memref.load %b[%j] : f32     -->    %c = memref.load %b[%j] : f32 ; %s = loop.splat %c
%w = arith.mulf %v, %c : f32             %w = arith.mulf %v, %s : vector<8xf32>
"""

from collections.abc import Sequence

from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import IndexType, VectorType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.traits import is_side_effect_free

from ...dialects.loop import LANEWISE, LanesOp, LoadOp, SplatOp, StepOp, StoreOp
from ._numbers import Numbers
from ._statements import Access, touched


class NoVector(Exception):
    """Why an op has no form on vectors; `op` is it."""

    def __init__(self, reason: str, op: Operation):
        super().__init__(reason)
        self.op = op


class Lanes:
    """Writes `lanes` rounds of a loop's body before `last`, the first of them that of `index`."""

    def __init__(self, old: scf.ForOp, step: int, lanes: int, index: SSAValue, last: Operation):
        self.old, self.step, self.lanes, self.last = old, step, lanes, last
        self.variable = old.body.block.args[0]
        self.index = index
        self.made: dict[SSAValue, SSAValue] = {}
        self.writer = Numbers(last)

    def run(self, carried: Sequence[SSAValue]) -> list[SSAValue]:
        """The body on vectors; what it hands on, `carried` being what it was handed."""
        self.made |= dict(zip(self.old.body.block.args[1:], carried, strict=True))
        for op in self.old.body.block.ops:
            match op:
                case scf.YieldOp():
                    return [self.wide(v) for v in op.operands]
                case LoadOp() | memref.LoadOp():
                    self.load(op)
                case StoreOp() | memref.StoreOp():
                    self.store(op)
                case _ if op.regions or not is_side_effect_free(op):
                    raise NoVector(f"{op.name} has no form on vectors", op)
                case _:
                    pass
        raise ValueError("expected a yield at the end of a loop")

    def put(self, op: Operation, like: Operation) -> SSAValue:
        """Write an op; its first result."""
        found = self.writer.add(op) if op.results else self._put(op)
        op.location = like.location
        for new, old in zip(op.results, like.results, strict=False):
            new.name_hint = old.name_hint
        return found

    def _put(self, op: Operation) -> SSAValue:
        block = self.last.parent_block()
        assert block is not None
        block.insert_op_before(op, self.last)
        return self.index

    def load(self, op: LoadOp | memref.LoadOp) -> None:
        """A vector, or one element for all lanes."""
        access, stride, terms, offset = self.place(op)
        type: Attribute = op.res.type if stride == 0 else VectorType(op.res.type, [self.lanes])
        made = LoadOp.at(access.buffer, terms, offset, type, stride or 1)
        self.made[op.res] = self.put(made, op)

    def store(self, op: StoreOp | memref.StoreOp) -> None:
        """A vector."""
        access, stride, terms, offset = self.place(op)
        if stride == 0:
            raise NoVector("all rounds write one element", op)
        self.put(StoreOp.at(self.wide(op.value), access.buffer, terms, offset, stride), op)

    def place(self, op: Operation) -> tuple[Access, int, list[tuple[int, SSAValue]], int]:
        """What is touched, the elements from lane to lane, and the address of the first lane."""
        (access,) = touched(op)
        if access.place is None or access.lanes != 1:
            raise NoVector("it is on vectors already", op)
        terms = [(c, self.index if v is self.variable else v) for v, c in access.place.terms.items()]
        return access, access.place.terms.get(self.variable, 0) * self.step, terms, access.place.constant

    def wide(self, value: SSAValue) -> SSAValue:
        """The value in all lanes."""
        found = self.value(value)
        if isinstance(found.type, VectorType):
            return found
        return self.writer.add(SplatOp(found, self.lanes))

    def value(self, value: SSAValue) -> SSAValue:
        """The vector, or the one number for all lanes, that stands for a value of the body."""
        if value not in self.made:
            self.made[value] = self._compute(value)
        return self.made[value]

    def _compute(self, value: SSAValue) -> SSAValue:
        op = value.owner
        if value is self.variable:
            return self._indices()
        if isinstance(op, Block) or not self.old.is_ancestor(op):
            return value
        operands = [self.value(v) for v in op.operands]
        if not any(isinstance(v.type, VectorType) for v in operands):
            return self.put(op.clone(dict(zip(op.operands, operands, strict=True))), op)
        if op.name.partition(".")[0] not in ("arith", "math") or len(op.results) != 1:
            raise NoVector(f"{op.name} has no form on vectors", op)
        operands = [self.wide(v) for v in op.operands]
        if op.name in LANEWISE:
            return self.put(LanesOp.of(op, operands, self.lanes), op)
        type_ = VectorType(value.type, [self.lanes])
        return self.put(type(op).create(operands=operands, result_types=[type_], properties=dict(op.properties)), op)

    def _indices(self) -> SSAValue:
        """The variable's value in each lane."""
        if self.step == 1:
            return self.writer.add(StepOp(self.index, self.lanes))
        numbers = self.writer.add(StepOp(self.writer.value(0), self.lanes))
        by = self.writer.add(SplatOp(self.writer.value(self.step), self.lanes))
        first = self.writer.add(SplatOp(self.index, self.lanes))
        return self._sum(first, self._sum(numbers, by, arith.MuliOp), arith.AddiOp)

    def _sum(self, a: SSAValue, b: SSAValue, op: type[arith.AddiOp] | type[arith.MuliOp]) -> SSAValue:
        made = op(a, b, result_type=VectorType(IndexType(), [self.lanes]))
        return self.writer.add(made)
