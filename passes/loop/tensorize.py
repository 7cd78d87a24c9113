"""Replace a nest by a micro-kernel that computes the same: sums held in registers, operands as vectors.

    scf.for %i = 0 to 4 {                            %c0, .. = loop.load %c[..] : vector<8xf32>       (4 x 2 of them)
      scf.for %j = 0 to 16 {                         %r:8 = scf.for %k = 0 to 64 iter_args(%c0, ..) {
        scf.for %k = 0 to 64 {               -->       %y = loop.load %b[16 * %k] : vector<8xf32>, ..
          %c[i, j] += %a[i, k] * %b[k, j]              %x = loop.splat (loop.load %a[64 * i + %k]), ..
                                                       yield %c0 + %x * %y, .. }
                                                     loop.store %r#0, %c[..] : vector<8xf32>, ..

`tensorize{loops=i,j,k intrinsic=outer-product lanes=8}`: the loops in the order row, column, sum, however they stand in
each other. There must be as many rows and columns as fit registers: after loop-tile. Each sum adds up in its old order,
so results are the same bit for bit. Refused where the nest is something else, and where an operand lies in the result.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import scf
from xdsl.dialects.builtin import IndexType, MemRefType, ModuleOp, VectorType
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects._refusal import Refused
from ...dialects._report import rewriting
from ...dialects.loop import LoadOp, SplatOp, StoreOp
from ._affine import Form, form
from ._bands import band_of, check_box, straighten
from ._copies import end_with
from ._dependence import check, order_of
from ._intrinsics import INTRINSICS, Match, NoMatch, like, match, put
from ._naming import label, loops_named, nodes
from ._numbers import Numbers, rounds
from ._statements import Access, Statement
from ._strips import step_of


@dataclass(frozen=True)
class Tensorize(ModulePass):
    """Options: the loops by role; the intrinsic's name; lanes of a vector."""

    name = "tensorize"
    loops: tuple[str, ...]
    intrinsic: str = "outer-product"
    lanes: int = 8

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if (wanted := INTRINSICS.get(self.intrinsic)) is None:
            raise Refused(f"{self.name}: no intrinsic {self.intrinsic!r}; there is: {', '.join(INTRINSICS)}")
        found = loops_named(op, self.loops, self.name)
        band = band_of(self.name, found)
        if len(found) != len(wanted.roles) or len(band) != len(found):
            raise Refused(f"{self.name}: expected three loops, {', '.join(wanted.roles)}, with none between")
        check_box(self.name, band, "micro-kernels are boxes")
        what = f"{', '.join(map(label, band))} are no {self.intrinsic}"
        try:
            matched = match(wanted, found, [step_of(self.name, each) for each in found])
        except NoMatch as error:
            raise Refused(f"{self.name}: {what}", [str(error)], at=nodes(band[0])) from error
        self._check_size(found, wanted.most)
        self._check_order(found, band, what, matched)
        told = f"{rounds(found[0])} rows of {rounds(found[1])} as {self.intrinsic}"
        if rewriting(band[0], "tensorize", told):
            straighten(band)
            Kernel(found, matched, self.lanes, band[0]).write()
            Rewriter.erase_op(band[0])

    def _check_size(self, loops: Sequence[scf.ForOp], most: int) -> None:
        rows, columns = rounds(loops[0]), rounds(loops[1])
        if rows is None or columns is None or not rows or columns % self.lanes or not columns:
            told = f"{rows or 'an unknown number of'} and {columns or 'an unknown number of'}"
            do = f"loop-tile{{loops={label(loops[0])},{label(loops[1])} sizes=4,{2 * self.lanes}}} first"
            raise Refused(f"{self.name}: expected known rows, and columns by {self.lanes}, found {told}", do=do)
        if (held := rows * columns // self.lanes) > most:
            do = f"loop-tile{{loops={label(loops[0])},{label(loops[1])} sizes=4,{2 * self.lanes}}} first"
            raise Refused(f"{self.name}: {held} vectors of sums: expected {most} at most", do=do)

    def _check_order(self, loops: Sequence[scf.ForOp], band: Sequence[scf.ForOp], what: str, found: Match) -> None:
        """Refused unless all rows and columns may go together, sum by sum."""
        order = order_of(self.name, [band[0]])
        at_once = order.nest.variable(loops[2])

        def times(statement: Statement) -> list[str]:
            return [at_once, order.nest.time(statement)[-1]]

        check(self.name, what, order, times, str)
        written = {a.buffer for s in order.nest.statements for a in s.accesses if a.writes}
        touching = [s for s in order.nest.statements if any(a.buffer in written for a in s.accesses)]
        if len(touching) > 2:
            name = found.places["out"].buffer.name_hint or ".."
            raise Refused(f"{self.name}: {what}", [f"an operand lies in the result, %{name}"], at=nodes(band[0]))


class Kernel:
    """Writes an outer product before an op."""

    def __init__(self, loops: Sequence[scf.ForOp], found: Match, lanes: int, before: Operation):
        self.row, self.column, self.sum = loops
        self.found, self.lanes, self.before = found, lanes, before
        self.rows = range(rounds(self.row) or 0)
        self.columns = range(0, rounds(self.column) or 0, lanes)

    def write(self) -> None:
        """Sums from memory, the loop over k, sums back."""
        at, out = Numbers(self.before), self.found.places["out"]
        starts = [at.add(self.load(out, r, c, None)) for r in self.rows for c in self.columns]
        block = Block(arg_types=[IndexType(), *(v.type for v in starts)])
        block.args[0].name_hint = self.sum.body.block.args[0].name_hint
        made = scf.ForOp(self.sum.lb, self.sum.ub, self.sum.step, starts, Region(block))
        made.location = self.before.location
        Rewriter.insert_op(made, InsertPoint.before(self.before))
        last = end_with(block, [], self.before)
        end_with(block, self.body(Numbers(last), block.args[0], block.args[1:]), self.before)
        for value, (r, c) in zip(made.results, [(r, c) for r in self.rows for c in self.columns], strict=True):
            place = self.place(out, r, c, None)
            store = StoreOp.at(value, out.buffer, [(n, v) for v, n in place.terms.items()], place.constant)
            store.location = self.found.total.location
            Rewriter.insert_op(store, InsertPoint.before(self.before))

    def body(self, at: Numbers, index: SSAValue, sums: Sequence[SSAValue]) -> list[SSAValue]:
        """One round of the sum for all rows and columns."""
        right = [at.add(self.load(self.found.places["rhs"], 0, c, index)) for c in self.columns]
        results: list[SSAValue] = []
        for r in self.rows:
            x = at.add(SplatOp(at.add(self.load(self.found.places["lhs"], r, 0, index, wide=False)), self.lanes))
            for y in right:
                old = sums[len(results)]
                product = at.add(like(self.found.product, [x, y] if self.found.left == "lhs" else [y, x]))
                first = self.found.total.operands[0].owner is self.found.product
                results.append(at.add(like(self.found.total, [product, old] if first else [old, product])))
        return results

    def load(self, access: Access, row: int, column: int, index: SSAValue | None, *, wide: bool = True) -> LoadOp:
        """A vector of an operand, or one element of it."""
        place, type = self.place(access, row, column, index), access.buffer.type
        assert isinstance(type, MemRefType)
        kind = VectorType(type.element_type, [self.lanes]) if wide else type.element_type
        return LoadOp.at(access.buffer, [(n, v) for v, n in place.terms.items()], place.constant, kind)

    def place(self, access: Access, row: int, column: int, index: SSAValue | None) -> Form:
        """An operand's address for a row, a column and a round of the sum."""
        assert access.place is not None
        values = {self._variable(each): self._at(each, n) for each, n in ((self.row, row), (self.column, column))}
        values[self._variable(self.sum)] = Form({index: 1}) if index is not None else Form({})
        return put(access.place, values)

    def _variable(self, op: scf.ForOp) -> SSAValue:
        return op.body.block.args[0]

    def _at(self, op: scf.ForOp, number: int) -> Form:
        return form(op.lb).plus(Form({}, number * step_of("tensorize", op)))
