"""A generic's body at one point of its space, on scalars or on the lanes of a vector.

Indices stay affine forms as long as they can, so that a gather whose last axis is the vector dim is one vector load.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import IndexType, IntegerAttr, VectorType
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from ...dialects._access import Access, axis_steps
from ...dialects._stages import Member
from ...dialects._xdsl import IndexOp, YieldOp
from ...dialects.loop import LANEWISE, LanesOp, StepOp
from .scope import Base, Code


@dataclass(frozen=True)
class Form:
    """An index: sum of coefficient * value, plus constant, plus `lane` * (number of the lane)."""

    terms: tuple[tuple[int, SSAValue], ...]
    constant: int
    lane: int = 0

    def plus(self, other: "Form", sign: int = 1) -> "Form":
        """The sum (or difference) of two forms."""
        terms = (*self.terms, *((sign * c, v) for c, v in other.terms))
        return Form(terms, self.constant + sign * other.constant, self.lane + sign * other.lane)

    def times(self, factor: int) -> "Form":
        """The form scaled."""
        return Form(tuple((factor * c, v) for c, v in self.terms), factor * self.constant, factor * self.lane)


@dataclass(frozen=True)
class Point:
    """A place in a stage's space: tile bases, offsets into the tile, and the vector dim with its lanes."""

    bases: dict[int, Base]
    offsets: dict[int, int]
    vector: int | None
    lanes: int

    def step(self, access: Access) -> int:
        """Elements between lanes of an access; 0 if all lanes read the same element."""
        return access.inner(self.vector) if self.vector is not None and self.lanes > 1 else 0


class Body:
    """Runs one member's body at a point."""

    def __init__(self, code: Code, member: Member, point: Point, place: Callable[[SSAValue], SSAValue]):
        self.code, self.member, self.point, self.place = code, member, point, place
        self.values: dict[SSAValue, SSAValue | Form] = {}

    def run(self, arguments: Sequence[SSAValue | None]) -> list[SSAValue]:
        """What the body yields for these block arguments (None: the body does not read it)."""
        block = self.member.generic.op.body.block
        for argument, value in zip(block.args, arguments, strict=True):
            if value is not None:
                self.values[argument] = value
        for op in block.ops:
            if isinstance(op, YieldOp):
                return [self.value(v) for v in op.operands]
            self._op(op)
        raise ValueError("expected a linalg.yield at the end of a body")

    def value(self, value: SSAValue) -> SSAValue:
        """The scalar or vector that stands for a value of the body."""
        found = self._find(value)
        return self._materialize(found, value) if isinstance(found, Form) else found

    def _find(self, value: SSAValue) -> SSAValue | Form:
        if (found := self.values.get(value)) is not None:
            return found
        owner = value.owner
        if isinstance(owner, arith.ConstantOp):
            if isinstance(value.type, IndexType) and isinstance(owner.value, IntegerAttr):
                return Form((), owner.value.value.data)
            return self.code.constant(owner.value)
        raise ValueError(f"expected a value of the body or a constant, found {value}")

    def _op(self, op: Operation) -> None:
        match op:
            case arith.ConstantOp():
                self.values[op.result] = self._find(op.result)
            case IndexOp():
                self.values[op.results[0]] = self._index(self.member.dims[op.dim.value.data])
            case tensor.ExtractOp():
                self.values[op.result] = self._extract(op)
            case arith.IndexCastOp() | arith.AddiOp() | arith.SubiOp() | arith.MuliOp() if form := self._form(op):
                self.values[op.results[0]] = form
            case _ if op.regions:
                self._nested(op)
            case _:
                self._plain(op)

    def _index(self, dim: int) -> Form:
        index, start = self.point.bases.get(dim, (None, 0))
        constant = start + self.point.offsets.get(dim, 0)
        lane = 1 if dim == self.point.vector and self.point.lanes > 1 else 0
        return Form(((1, index),) if index is not None else (), constant, lane)

    def _form(self, op: Operation) -> Form | None:
        """The op's result as an affine form, if its operands are and its result is an index (or a cast of one)."""
        if isinstance(op, arith.IndexCastOp):
            found = self._find(op.input)
            if isinstance(found, Form):
                return found
            scalar = isinstance(op.result.type, IndexType) and not isinstance(found.type, VectorType)
            return Form(((1, self._cast(found)),), 0) if scalar else None
        forms = [f if isinstance(f := self._find(o), Form) else self._constant_form(o) for o in op.operands]
        if (lhs := forms[0]) is None or (rhs := forms[1]) is None:
            return None
        match op:
            case arith.AddiOp():
                return lhs.plus(rhs)
            case arith.SubiOp():
                return lhs.plus(rhs, -1)
            case _ if not rhs.terms and not rhs.lane:
                return lhs.times(rhs.constant)
            case _ if not lhs.terms and not lhs.lane:
                return rhs.times(lhs.constant)
            case _:
                return None

    def _constant_form(self, value: SSAValue) -> Form | None:
        owner = value.owner
        if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
            return Form((), owner.value.value.data)
        return None

    def _cast(self, value: SSAValue) -> SSAValue:
        scope = self.code.depth.get(value, 0)
        known = self.code.scopes[scope].known
        if ("index", value) not in known:
            known[("index", value)] = self.code.add(arith.IndexCastOp(value, IndexType()), scope)
        return known[("index", value)]

    def _materialize(self, form: Form, value: SSAValue) -> SSAValue:
        code = self.code
        total: SSAValue | None = None
        for coefficient, term in form.terms:
            part = term if coefficient == 1 else code.add(arith.MuliOp(term, code.index(coefficient)))
            total = part if total is None else code.add(arith.AddiOp(total, part))
        if total is None:
            total = code.index(form.constant)
        elif form.constant:
            total = code.add(arith.AddiOp(total, code.index(form.constant)))
        if form.lane:
            lanes = self.point.lanes
            if form.lane == 1:
                total = code.add(StepOp(total, lanes))
            else:
                steps = code.add(StepOp(code.index(0), lanes))
                scaled = code.add(arith.MuliOp(steps, code.splat(code.index(form.lane), lanes)))
                total = code.add(arith.AddiOp(scaled, code.splat(total, lanes)))
        if not isinstance(value.type, IndexType):
            cast = arith.IndexCastOp(code.index(0), value.type)
            if form.lane:
                total = code.add(LanesOp.of(cast, [total], self.point.lanes))
            else:
                total = code.add(arith.IndexCastOp(total, value.type))
        return total

    def _extract(self, op: tensor.ExtractOp) -> SSAValue:
        buffer = self.place(op.tensor)
        address = Form((), 0)
        for (_, step), index in zip(axis_steps(buffer.type), op.indices, strict=True):
            found = self._find(index)
            form = found if isinstance(found, Form) else Form(((1, found),), 0)
            address = address.plus(form.times(step))
        merged: dict[SSAValue, int] = {}
        for coefficient, term in address.terms:
            merged[term] = merged.get(term, 0) + coefficient
        terms = [(c, v) for v, c in merged.items() if c]
        return self.code.load(Access(buffer, {}), terms, address.constant, self.point.lanes, address.lane)

    def _plain(self, op: Operation) -> None:
        operands = [self.value(o) for o in op.operands]
        wide = any(isinstance(o.type, VectorType) for o in operands)
        if wide:
            operands = [self.code.splat(o, self.point.lanes) for o in operands]
        if wide and op.name in LANEWISE:
            self.values[op.results[0]] = self.code.add(LanesOp.of(op, operands, self.point.lanes))
            return
        types = [VectorType(t, [self.point.lanes]) if wide else t for t in op.result_types]
        made = type(op).create(
            operands=operands, result_types=types, properties=dict(op.properties), attributes=dict(op.attributes)
        )
        self.code.put(made)
        for old, new in zip(op.results, made.results, strict=True):
            self.values[old] = new

    def _nested(self, op: Operation) -> None:
        """An op with regions runs as it stands, on scalars."""
        mapper: dict[SSAValue, SSAValue] = {}
        inside = {v for o in op.walk() for v in o.results}
        for inner in op.walk():
            for operand in inner.operands:
                own = isinstance(operand, BlockArgument) and _within(operand.owner, op)
                if operand not in inside and not own:
                    mapper[operand] = self.value(operand)
        made = op.clone(mapper)
        self.code.put(made)
        for old, new in zip(op.results, made.results, strict=True):
            self.values[old] = new


def _within(block: Block, op: Operation) -> bool:
    parent = block.parent_op()
    while parent is not None and parent is not op:
        parent = parent.parent_op()
    return parent is op


def barred(member: Member) -> frozenset[int]:
    """Dims that must stay scalar: a gathered index depends on them other than linearly, or the body has regions."""
    linear: dict[SSAValue, bool] = {}
    reads: dict[SSAValue, frozenset[int]] = {}
    result: frozenset[int] = frozenset()
    arguments = member.generic.op.body.block.args
    accesses = (*member.generic.inputs, *member.generic.outputs)
    for argument, view in zip(arguments, accesses, strict=True):
        linear[argument], reads[argument] = False, frozenset(member.dims[d] for d in view.dims)
    for op in member.generic.op.body.block.ops:
        if op.regions:
            return member.space
        dims = frozenset[int]().union(*(reads.get(o, frozenset()) for o in op.operands))
        flat = all(linear.get(o, True) for o in op.operands)
        match op:
            case IndexOp():
                dims = frozenset({member.dims[op.dim.value.data]})
            case tensor.ExtractOp():
                for index in op.indices:
                    if not linear.get(index, True):
                        result |= reads.get(index, frozenset())
                flat = False
            case arith.ConstantOp() | arith.IndexCastOp() | arith.AddiOp() | arith.SubiOp():
                pass
            case arith.MuliOp():
                flat = flat and any(not reads.get(o, frozenset()) for o in op.operands)
            case _:
                flat = not op.operands
        for value in op.results:
            linear[value], reads[value] = flat, dims
    return result


def indexed(member: Member) -> frozenset[int]:
    """Dims whose index the body asks for."""
    ops = [op for op in member.generic.op.body.walk() if isinstance(op, IndexOp)]
    return frozenset(member.dims[op.dim.value.data] for op in ops)  # pyright: ignore[reportAttributeAccessIssue]
