"""Do as many rounds of an innermost loop at once as a vector has lanes, and those left over one by one behind it.

    scf.for %i = 0 to 100 {                   scf.for %i = 0 to 96 step 8 {
      %v = load %x[%i] : f32                    %v = load %x[%i] : vector<8xf32>
      %w = mulf %v, %v : f32           -->      %w = mulf %v, %v : vector<8xf32>
      store %w, %y[%i] : f32                    store %w, %y[%i] : vector<8xf32> }
    }                                         scf.for %i_rest = 96 to 100 { .. as before .. }

`vectorize{loop=i lanes=8}`. Refused where a round needs what one less than `lanes` before it makes. A value handed from
round to round must be a sum, product, maximum, minimum, and, or, xor of its own; each lane then has its part of it.
Sums and products of floats are rounded otherwise so, and want `reassociate=true`; all else keeps every bit.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerAttr, ModuleOp, VectorType
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects._refusal import Refused
from ...dialects._report import rewriting
from ...dialects.loop import Combine, ReduceOp, SplatOp
from .._nest.walk import JOINS
from ._copies import end_with, sweep
from ._dependence import carried, check, order_of
from ._lanes import Lanes, NoVector
from ._naming import function_of, label, loop_named, name_after, nodes
from ._numbers import Numbers, rounds, whole_rounds
from ._statements import Nest, Statement, Times
from ._strips import step_of

IDENTITIES = {"arith.addf": -0.0, "arith.mulf": 1.0, "arith.addi": 0, "arith.muli": 1, "arith.xori": 0}
"""What lanes start with; for the other joins, with what the loop starts with."""
ROUNDED = ("arith.addf", "arith.mulf")


@dataclass(frozen=True)
class Vectorize(ModulePass):
    """Options: the loop; lanes of a vector; whether sums of floats may be rounded otherwise."""

    name = "vectorize"
    loop: str
    lanes: int = 8
    reassociate: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        found = loop_named(op, self.loop, self.name)
        step, count = step_of(self.name, found), rounds(found)
        if self.lanes < 2 or (count is not None and count < self.lanes):
            told = f"{label(found)} has {count} rounds, found lanes={self.lanes}"
            raise Refused(f"{self.name}: expected 2 lanes at least, and as many rounds: {told}", at=nodes(found))
        if inner := [o for o in found.body.walk() if isinstance(o, scf.ForOp)]:
            do = f"loop-interchange{{loops={label(found)},{label(inner[-1])}}} first"
            raise Refused(f"{self.name}: {label(found)} is not an innermost loop", at=nodes(found), do=do)
        joins = self._joins(found)
        order = order_of(self.name, [found])
        what = f"{self.lanes} rounds of {label(found)} cannot run at once"
        check(self.name, what, order, chunked(order.nest, found, step * self.lanes), str)
        try:
            self._try(found, step, joins)
        except NoVector as error:
            where = str(error.op).splitlines()[0]
            raise Refused(f"{self.name}: {what}", [str(error), f"at {where}"], at=nodes(error.op)) from error

    def _joins(self, op: scf.ForOp) -> list[Operation]:
        """What joins each value handed on with another round's part of it; Refused if something else is done."""
        found: list[Operation] = []
        last = op.body.block.last_op
        assert last is not None
        what = f"rounds of {label(op)} cannot run at once"
        for value, next_ in zip(op.body.block.args[1:], last.operands, strict=True):
            join = next_.owner
            if not (isinstance(join, Operation) and join.name in JOINS and value.has_one_use()):
                carried(self.name, what, [op], "only sums and their like can be parted among lanes")
            assert isinstance(join, Operation)
            if join not in [use.operation for use in value.uses] or join.parent is not op.body.block:
                carried(self.name, what, [op], "only sums and their like can be parted among lanes")
            if join.name in ROUNDED and not self.reassociate:
                options = f"loop={self.loop} lanes={self.lanes} reassociate=true"
                carried(self.name, what, [op], f"{self.name}{{{options}}}, which rounds the sum otherwise")
            found.append(join)
        return found

    def _try(self, op: scf.ForOp, step: int, joins: Sequence[Operation]) -> None:
        """Write the loops; NoVector, with nothing left of them, if an op has no form on vectors."""
        root = function_of(op) or op
        before = set(root.walk())
        try:
            results = self._write(op, step, joins)
            allowed = rewriting(op, "vectorize", f"{self.lanes} rounds of {label(op)} at once")
        except NoVector:
            undo(root, before)
            raise
        if allowed:
            Rewriter.replace_op(op, [], results)
        else:
            undo(root, before)

    def _write(self, op: scf.ForOp, step: int, joins: Sequence[Operation]) -> list[SSAValue]:
        """The loop on vectors, and one over the rounds left over, before the loop; what they hand on."""
        at = Numbers(op)
        starts = [lane_start(at, join, start, self.lanes) for join, start in zip(joins, op.iter_args, strict=True)]
        count, wide = rounds(op), step * self.lanes
        over = count is None or count % self.lanes > 0
        middle = whole_rounds(at, op, self.lanes) if over else op.ub
        block = Block(arg_types=[op.body.block.args[0].type, *(v.type for v in starts)])
        made = scf.ForOp(op.lb, at.value(middle), at.value(wide), starts, Region(block))
        made.location, block.args[0].name_hint = op.location, op.body.block.args[0].name_hint
        Rewriter.insert_op(made, InsertPoint.before(op))
        last = end_with(block, list(block.args[1:]), op)
        end_with(block, Lanes(op, step, self.lanes, block.args[0], last).run(block.args[1:]), op)
        sweep(block.ops)
        results = [joined(at, *each) for each in zip(joins, op.iter_args, made.results, strict=True)]
        if not over:
            return results
        rest = op.clone()
        for i, value in enumerate([at.value(middle), *results]):
            rest.operands[i and 2 + i] = value
        Rewriter.insert_op(rest, InsertPoint.before(op))
        name_after(rest, op, "rest", root=function_of(op) or op)
        return list(rest.results)


def undo(root: Operation, before: Collection[Operation]) -> None:
    """Erase all ops that were not there before."""
    for op in [o for o in root.walk(reverse=True) if o not in before]:
        op.detach()
        op.erase(safe_erase=False)


def chunked(nest: Nest, op: scf.ForOp, wide: int) -> Times:
    """So many rounds at once: the number of the chunk, then the place in the body."""
    start = nest.lower(op).text(nest.variables)

    def times(statement: Statement) -> list[str]:
        return [f"floor(({nest.variable(op)} - ({start}))/{wide})", *nest.time(statement)[2:]]

    return times


def lane_start(at: Numbers, join: Operation, start: SSAValue, lanes: int) -> SSAValue:
    """What each lane's part starts with."""
    if (number := IDENTITIES.get(join.name)) is None:
        return at.add(SplatOp(start, lanes))
    kind = start.type
    value = FloatAttr(float(number), kind) if isinstance(kind, AnyFloat) else IntegerAttr(int(number), kind)  # pyright: ignore
    constant = at.add(arith.ConstantOp.create(result_types=[kind], properties={"value": value}))
    return at.add(SplatOp(constant, lanes))


def joined(at: Numbers, join: Operation, start: SSAValue, parts: SSAValue) -> SSAValue:
    """The parts of all lanes, and what the loop started with, in one."""
    assert isinstance(parts.type, VectorType)
    whole = at.add(ReduceOp(Combine(JOINS[join.name]), parts))
    if join.name not in IDENTITIES:
        return whole
    made = type(join).create(operands=[start, whole], result_types=[start.type], properties=dict(join.properties))
    return at.add(made)
