"""The tensors of a kernel at the points of a block: loaded, computed from others, or known already.

at(%e, (X // 56, X % 56)) -> at(%x, ..), at(%m, (X // 56)) -> exp(x - m)        pointwise generics are inlined
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, IntegerAttr
from xdsl.ir import BlockArgument, SSAValue

from ....dialects._generic import Access
from ....dialects._shape import element
from ....dialects._stages import Kernel, Member
from ....dialects.tile._block import broadcast, dims, kind
from ....dialects.tile.compute import CmpOp, SelectOp
from ....dialects.tile.memory import LoadOp, StoreOp
from .axis import Digit, Form, Frame, materialize, span
from .body import Body, Unsupported, stored_as
from .code import Code
from .views import Index, Views

Point = Mapping[int, Form]
"""An index for each dim of the kernel."""


@dataclass
class Values:
    """Evaluates tensors in the current frame; `guarded` axes are those whose elements past the end have to be left out
    of what is read."""

    found: Kernel
    code: Code
    views: Views
    memory: Mapping[SSAValue, SSAValue]
    """The buffer of an argument -> its view."""
    frame: Frame
    guarded: frozenset[str] = frozenset()

    def at(self, value: SSAValue, indices: Sequence[Index]) -> SSAValue:
        """The elements of a tensor at these indices, one per axis."""
        if value in self.found.inits:
            return self._number(self.found.inits[value])
        if value in self.found.places:
            return self.load(value, indices)
        if (pad := self.found.pads.get(value)) is not None:
            inside = [self._less(i, low) for i, low in zip(indices, pad.low, strict=True)]
            return self.load(pad.source, inside, pad.number.value.data)
        if not all(isinstance(i, Form) for i in indices):
            raise Unsupported("a tensor made in the kernel is read at computed places")
        if (known := self.code.find(("made", value, tuple(indices)))) is not None:
            return known
        key = value, tuple(indices), self.frame.key
        if (known := self.code.find(key)) is not None:
            return known
        self._compute(value, [i for i in indices if isinstance(i, Form)])
        if (known := self.code.find(key)) is None:
            raise Unsupported("a tensor is not made by a generic of the kernel")
        return known

    def _number(self, value: SSAValue) -> SSAValue:
        owner = value.owner
        if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr | FloatAttr):
            return self.code.constant(owner.value)
        raise Unsupported(f"filled with {value}, which is no constant")

    def _compute(self, value: SSAValue, indices: list[Form]) -> None:
        member = self.found.maker.get(value)
        if member is None or member.reduced or value in self.found.parts:
            raise Unsupported("a reduced tensor is read at other places than where it is made")
        made = member.generic.outputs[list(member.results).index(value)]
        point: dict[int, Form] = {d: Form() for d in member.dims if self.found.sizes[d] == 1}
        for axis, index in zip(made.indices, indices, strict=True):
            if index == Form() and axis.dim is None:
                continue
            if axis.dim is None:
                raise Unsupported("a tensor is written in another way than element by element")
            point[member.dims[axis.dim]] = index
        results = self.body(member, point).yielded()
        for result, output, scalar in zip(member.results, member.generic.outputs, results, strict=True):
            there = tuple(self.forms(output, member, point))
            self.code.remember((result, there, self.frame.key), scalar)

    def body(self, member: Member, point: Point) -> Body:
        """A generic's body at a point."""
        return Body(self, member, point)

    def forms(self, access: Access, member: Member, point: Point) -> list[Form]:
        """The indices of an operand at a point."""
        found: list[Form] = []
        for index in access.indices:
            form = Form((), index.offset)
            for dim, coefficient in index.terms:
                form = form.plus(point[member.dims[dim]], coefficient)
            found.append(form)
        return found

    def index(self, index: Index) -> SSAValue:
        """An index as a number or block."""
        return materialize(self.code, self.frame, index) if isinstance(index, Form) else index

    def _less(self, index: Index, number: int) -> Index:
        if isinstance(index, Form):
            return index.plus(Form((), -number))
        return self.code.add(index, self.code.number(-number)) if number else index

    def load(self, value: SSAValue, indices: Sequence[Index], outside: float | None = None) -> SSAValue:
        """Elements of an argument, and what is outside of it."""
        arg = self.found.places[value]
        assert isinstance(arg, BlockArgument)
        places = self.views.indices(arg.index, indices)
        mask = self._guard(places)
        bounds = [self._bound(index, size) for index, size in places]
        masked = mask is not None or set(bounds) != {"none"}
        blocks = [self.index(index) for index, _ in places]
        known = self.views.others.get(arg.index, 0.0) if outside is None else outside
        other = known if masked else None
        return self.code.emit(LoadOp(self.memory[arg], blocks, mask=mask, other=other, bounds=bounds))

    def refilled(self, load: LoadOp, other: float) -> SSAValue:
        """The same elements, with another number for those left out."""
        assert isinstance(load.view, BlockArgument)
        if load.other is None or load.other.value.data == other:
            return load.res
        self.views.others[load.view.index] = other
        bounds = load.checks
        return self.code.emit(LoadOp(load.view, load.indices, mask=load.mask, other=other, bounds=bounds))

    def store(self, scalar: SSAValue, value: SSAValue, indices: Sequence[Form]) -> None:
        """Write a tensor wherever it leaves the kernel."""
        for arg, _ in self.found.outputs[value]:
            assert isinstance(arg, BlockArgument)
            places = self.views.indices(arg.index, indices)
            bounds = [self._bound(index, size) for index, size in places]
            blocks = [self.index(index) for index, _ in places]
            mask = self._once(indices)
            block = stored_as(self.code, scalar, element(arg))
            masks = [] if mask is None else [mask]
            wide = self.code.same(block, *blocks, *masks)[0]
            if broadcast("tile.store", [dims(v) for v in (*blocks, *masks)]) != dims(wide):
                blocks[0] = self.code.same(blocks[0], wide)[0]
            self.code.put(StoreOp(wide, self.memory[arg], blocks, mask=mask, bounds=bounds))

    def _bound(self, index: Index, size: int) -> str:
        if not isinstance(index, Form):
            return "both"
        low, high = span(self.frame, index)
        return {(False, False): "none", (True, False): "lower", (False, True): "upper"}.get(
            (low < 0, high >= size), "both"
        )

    def _guard(self, places: Sequence[tuple[Index, int]]) -> SSAValue | None:
        """The mask of the guarded axes that the address depends on, and whose end its bounds do not tell."""
        mask: SSAValue | None = None
        for name in sorted(self.guarded):
            axis = self.frame.axes[name]
            used = [(i, size) for i, size in places if isinstance(i, Form) and any(d.axis == name for _, d in i.terms)]
            ends = [
                i.digit is not None and i.digit.modulus is None and size * i.digit.divisor == axis.total
                for i, size in used
            ]
            if axis.is_cut and used and not any(ends):
                mask = self._both(mask, self.inside(name))
        return mask

    def inside(self, name: str) -> SSAValue:
        """Which elements of an axis are before its end."""
        axis = self.frame.axes[name]
        index = materialize(self.code, self.frame, Form(((1, Digit(name, 1, None)),)))
        return self.code.emit(CmpOp("lt", *self.code.pair(index, self.code.number(axis.total))))

    def _once(self, indices: Sequence[Form]) -> SSAValue | None:
        """The mask that lets each element be written once, though the tensor lacks some dims of the frame."""
        used = {d for form in indices for _, d in form.terms}
        mask: SSAValue | None = None
        for axis in self.frame.axes.values():
            if axis.block == 1 and axis.blocks == 1:
                continue
            digits = [f.digit for f in axis.forms().values()] or [Digit(axis.name, 1, None)]
            for digit in digits:
                if digit is not None and digit not in used:
                    index = materialize(self.code, self.frame, Form(((1, digit),)))
                    first = self.code.emit(CmpOp("eq", *self.code.pair(index, self.code.number(0))))
                    mask = self._both(mask, first)
        return mask

    def _both(self, mask: SSAValue | None, other: SSAValue) -> SSAValue:
        return other if mask is None else self.code.emit(arith.AndIOp(*self.code.pair(mask, other)))

    def select(self, mask: SSAValue, value: SSAValue, other: float) -> SSAValue:
        """The value where the mask holds, else a number."""
        number = self.code.number(other, kind(value))
        chosen, yes, no = self.code.same(mask, value, number)
        return self.code.emit(SelectOp(chosen, yes, no))
