"""Decides, from the last op to the first, which tensors are made where they are wanted, so that nothing is copied.

A graph output is made in its argument, the operands of a concatenation in its parts, the source of a pad in its
middle, what a branch or a loop hands on in the buffer of its result. A tensor may be made in a loop's buffer only after
the last read of what the loop carried there: the carried tensors are the claim's `guards`.
"""

from collections.abc import Iterator, Sequence

from xdsl.dialects import func, scf, tensor
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, Block, BlockArgument, Operation, OpResult, SSAValue, Use

from ...dialects._layout import ROW_MAJOR, strided, strides_of
from ...dialects._shape import shape
from ...dialects._xdsl import FillOp
from ...dialects.kernel import LaunchOp
from ._inplace import may_overwrite
from ._kernel_buffers import KernelBuffers
from ._margins import Margin, margin_of, room, slices_of_one
from ._places import Memory, Place, allocation, whole
from ._view import Shift, aliases, is_showable, root, source, source_strides

Guards = tuple[SSAValue, ...]
ANYWHERE = (LaunchOp, tensor.ConcatOp, tensor.PadOp, tensor.EmptyOp, FillOp, tensor.SplatOp, tensor.FromElementsOp)
"""Makers that write a result of any strides."""
ROWS = (scf.IfOp, scf.ForOp, tensor.InsertSliceOp, tensor.InsertOp)
"""Makers that write a row-major result."""

OWN = (LaunchOp, tensor.EmptyOp, FillOp, tensor.SplatOp, tensor.FromElementsOp, tensor.InsertSliceOp, tensor.InsertOp)
"""Makers of tensors whose memory no other tensor shares, unless it reads them."""


class Destinations:
    """`wanted` says where a tensor is to be made, or where a carried one lies; the others get memory of their own."""

    def __init__(self, function: func.FuncOp, kernels: KernelBuffers, outputs: Sequence[Memory]):
        self.kernels = kernels
        self.outputs = outputs
        self.wanted: dict[SSAValue, Place] = {}
        self.guards: dict[SSAValue, Guards] = {}
        self.position = {op: i for i, op in enumerate(function.walk())}
        self.block(function.body.block)

    def place_of(self, value: SSAValue) -> Place | None:
        """Where a tensor will lie, as far as that is decided."""
        if value in self.wanted:
            return self.wanted[value]
        if isinstance(value, OpResult) and (shown := source(value.op)) is not None:
            place = self.place_of(shown)
            return None if place is None else place.seen(value.op)
        return None

    def block(self, block: Block) -> None:
        """Decide for all that a block makes."""
        for op in reversed(list(block.ops)):
            match op:
                case func.ReturnOp():
                    for value, memory in zip(op.arguments, self.outputs, strict=True):
                        self.claim(value, whole(memory), op)
                case LaunchOp():
                    self.launch(op)
                case tensor.ConcatOp():
                    self.concat(op)
                case tensor.PadOp():
                    self.pad(op)
                case tensor.InsertSliceOp() | tensor.InsertOp():
                    self.insert(op)
                case scf.IfOp():
                    self.branch(op)
                case scf.ForOp():
                    self.loop(op)
                case scf.WhileOp():
                    self.while_loop(op)
                case _:
                    pass

    def new(self, value: SSAValue, home: Block | None = None, margin: Margin | None = None) -> Place:
        """Where the value is wanted, else in memory of its own."""
        if value not in self.wanted:
            owner = value.owner
            block = home or (owner.parent if isinstance(owner, Operation) else owner)
            place = allocation(tensor_type(value), block, margin)
            fits = margin is None or is_showable(value, place.strides)
            self.wanted[value] = place if fits else allocation(tensor_type(value), block)
        return self.wanted[value]

    def claim(
        self, value: SSAValue, place: Place, reader: Operation, guards: Guards = (), updated: bool = False
    ) -> bool:
        """Whether `value` will be made in `place`; if not, `reader` must copy it there. `updated`: the reader writes
        over it, so nothing may read it, or what it is made of in place, after that."""
        if (known := self.place_of(value)) is not None:
            return known.is_same(place, shape(value)) and not updated
        if not isinstance(value, OpResult) or value.op.parent is not reader.parent:
            return False
        if updated and (isinstance(value.op, tensor.ConcatOp | tensor.PadOp) or not self.is_consumed(value, reader)):
            return False
        if (shown := source(value.op)) is not None:
            back = source_strides(value.op, place.strides)
            moved = None if back is None else Place(place.memory, back, place.shift)
            return moved is not None and self.claim(shown, moved, reader, guards, updated)
        if not self.is_writable(value, value.op, place) or not self.is_free(value, value.op, place.shift, guards):
            return False
        self.wanted[value], self.guards[value] = place, guards
        return True

    def is_writable(self, value: OpResult, op: Operation, place: Place) -> bool:
        """Whether the maker can write such a place, and all readers can read it there."""
        if isinstance(op, ROWS):
            return strided(shape(value), place.strides) == ROW_MAJOR
        if not isinstance(op, ANYWHERE) or not is_showable(value, place.strides):
            return False
        return value.has_one_use() or is_alike(value, place.strides)

    def is_free(self, value: OpResult, op: Operation, shift: Shift, guards: Guards) -> bool:
        """Whether the place's offset is known when `op` runs, what lies there is made by then, and nothing reads it
        afterwards."""
        known = (*(index for index, _ in shift.terms), *guards)
        if not all(self.comes_before(earlier, op) for earlier in known):
            return False
        return all(
            self.is_over(use.operation, op) or (use.operation is op and self.overwrites(value, alias, guard))
            for guard in guards
            for alias in aliases(guard)
            for use in alias.uses
            if source(use.operation) is not alias and not self.is_insertion(use)
        )

    def is_insertion(self, use: Use) -> bool:
        """Whether the use reads nothing: the tensor is inserted into where it lies."""
        op = use.operation
        if not isinstance(op, tensor.InsertSliceOp | tensor.InsertOp) or op.operands[use.index] is not op.dest:
            return False
        before, after = self.place_of(op.dest), self.wanted.get(op.result)
        return before is not None and after is not None and before.is_same(after, shape(op.dest))

    def overwrites(self, value: OpResult, read: SSAValue, carried: SSAValue) -> bool:
        """Whether the maker of `value` may write over what it reads: a pointwise kernel, one of loops that updates it,
        an insertion."""
        match value.op:
            case LaunchOp() as launch if read is carried:
                places = [i for i, v in enumerate(launch.arguments) if v is read]
                if (loops := self.kernels.imperative(launch.kernel)) is not None:
                    return places == [loops.start(value.index)]
                return all(may_overwrite(self.kernels.originals[launch.kernel], i, value.index) for i in places)
            case tensor.InsertSliceOp() | tensor.InsertOp() as insert:
                return read is carried and insert.dest is read
            case _:
                return False

    def comes_before(self, value: SSAValue, op: Operation) -> bool:
        """Whether a value is there when `op` runs."""
        return isinstance(value, BlockArgument) or (isinstance(value, OpResult) and self.is_over(value.op, op))

    def is_over(self, first: Operation, second: Operation) -> bool:
        """Whether `first` has run when `second` starts; both in one block, or in blocks inside it."""
        around = {op.parent: op for op in ancestors(second)}
        for op in ancestors(first):
            if op.parent in around:
                return self.position[op] < self.position[around[op.parent]]
        return False

    def launch(self, op: LaunchOp) -> None:
        """What a kernel of loops updates is made where the result is wanted, if nothing else reads it afterwards."""
        loops = self.kernels.imperative(op.kernel)
        for i, result in enumerate(op.results) if loops is not None else ():
            start = loops.start(i) if loops is not None else None
            if start is None or result not in self.wanted:
                continue
            value = op.arguments[start]
            if sum(root(v) is root(value) for v in op.arguments) == 1:
                self.claim(value, self.wanted[result], op, self.guards.get(result, ()), updated=True)

    def concat(self, op: tensor.ConcatOp) -> None:
        """Each operand in its part, what is sliced and joined again as a whole. Where all operands lie side by side
        already, that is the concatenation."""
        if op.result not in self.wanted and (joined := self.joined(op)) is not None:
            self.wanted[op.result] = joined
        place, axis = self.new(op.result, margin=room(op.result)), (op.dim.value.data,)
        starts, guards = list(parts(op)), self.guards.get(op.result, ())
        for value, first in slices_of_one(op):
            self.claim(value, place.part(starts[first][1], axis), op, guards)
        for value, start in starts:
            self.claim(value, place.part(start, axis), op, guards)

    def pad(self, op: tensor.PadOp) -> None:
        """The source in the middle; where there is room round the source already, that is the padded tensor."""
        low, lies, margin = op.static_low.get_values(), self.place_of(op.source), margin_of(op)
        if op.result in self.wanted:
            self.claim(op.source, self.wanted[op.result].part(low), op, self.guards.get(op.result, ()))
            return
        if margin is not None and lies is None and (wide := room(op.source)) is not None and wide.holds(margin):
            middle = allocation(tensor_type(op.source), op.parent, wide)
            lies = middle if self.claim(op.source, middle, op) else None
        spare = lies.margin if lies is not None and is_showable(op.result, lies.strides) else None
        if lies is not None and spare is not None and margin is not None and spare.holds(margin):
            self.wanted[op.result] = lies.part([-n for n in low])
        self.new(op.result)

    def joined(self, op: tensor.ConcatOp) -> Place | None:
        first = self.place_of(op.inputs[0])
        if first is None or shape(op.inputs[0])[op.dim.value.data] == 1:
            return None
        alike = is_alike(op.result, first.strides) and is_showable(op.result, first.strides)
        for value, start in parts(op):
            place = self.place_of(value)
            alike = alike and place is not None and place.is_same(first.part(start), shape(value))
        return first if alike else None

    def insert(self, op: tensor.InsertSliceOp | tensor.InsertOp) -> None:
        """Into the tensor itself where nothing reads what it was; a slice's source is made there, if the tensor is made
        before it and nothing reads that meanwhile."""
        lies, over = self.place_of(op.dest), self.is_consumed(op.dest, op)
        if op.result not in self.wanted and lies is not None and over:
            maker = root(op.dest).owner
            if isinstance(maker, OWN) and maker.parent is op.parent:
                self.wanted[op.result] = lies
        place = self.new(op.result)
        if lies is None or not lies.is_same(place, shape(op.dest)):
            self.claim(op.dest, place, op, self.guards.get(op.result, ()), updated=True)
        if isinstance(op, tensor.InsertSliceOp) and over and self.stays(op):
            self.claim(op.source, place.slot(op), op, (*self.guards.get(op.result, ()), root(op.dest)))

    def stays(self, op: tensor.InsertSliceOp) -> bool:
        """Whether the inserted source may be read from where it was inserted to: to its last reader, or because
        nothing writes over the result."""
        if self.is_consumed(op.source, op):
            return True
        writers = (tensor.InsertSliceOp, tensor.InsertOp, scf.ForOp, scf.WhileOp)
        users = [use.operation for alias in aliases(op.result) for use in alias.uses]
        return not any(
            isinstance(user, writers) or (isinstance(user, LaunchOp) and self.kernels.imperative(user.kernel))
            for user in users
        )

    def is_consumed(self, value: SSAValue, op: Operation) -> bool:
        """Whether nothing reads a tensor, or what it is a view of, once `op` has run."""
        uses = [use for alias in aliases(root(value)) for use in alias.uses if source(use.operation) is not alias]
        return all(use.operation is op or self.is_over(use.operation, op) for use in uses)

    def branch(self, op: scf.IfOp) -> None:
        """Both regions make their results in one place."""
        for inner in op.regions:
            if (last := inner.block.last_op if inner.blocks else None) is None:
                continue
            for value, result in zip(last.operands, op.results, strict=True):
                if isinstance(result.type, TensorType):
                    self.claim(value, self.new(result), last, self.guards.get(result, ()))
            self.block(inner.block)

    def loop(self, op: scf.ForOp) -> None:
        """A carried tensor has one buffer; the next one is made there after the last read of this one."""
        last = op.body.block.last_op
        assert last is not None
        for init, arg, value, result in zip(
            op.iter_args, op.body.block.args[1:], last.operands, op.results, strict=True
        ):
            if isinstance(arg.type, TensorType):
                place = self.wanted[arg] = self.new(result)
                self.claim(init, place, op, self.guards.get(result, ()), updated=True)
                self.claim(value, place, last, (arg,))
        self.block(op.body.block)

    def while_loop(self, op: scf.WhileOp) -> None:
        """As in a for loop; what the condition hands on of what is carried is not copied, it lies where it is."""
        before, after = op.before_region.block, op.after_region.block
        condition, last = before.last_op, after.last_op
        assert isinstance(condition, scf.ConditionOp) and last is not None
        for init, arg in zip(op.arguments, before.args, strict=True):
            if isinstance(arg.type, TensorType):
                self.claim(init, self.new(arg, op.parent), op, updated=True)
        for value, arg, result in zip(condition.args, after.args, op.results, strict=True):
            if isinstance(arg.type, TensorType):
                place = self.place_of(value) if root(value) in before.args else None
                if place is None:
                    place = allocation(tensor_type(arg), op.parent)
                    self.claim(value, place, condition)
                self.wanted[arg] = self.wanted[result] = place
        for value, carried in zip(last.operands, before.args, strict=True):
            if isinstance(carried.type, TensorType):
                passed = zip(condition.args, after.args, strict=True)
                guards = tuple(arg for given, arg in passed if root(given) is carried)
                self.claim(value, self.wanted[carried], last, guards)
        self.block(after)
        self.block(before)


def tensor_type(value: SSAValue) -> TensorType[Attribute]:
    """The value's type; TypeError if it is no tensor."""
    if not isinstance(value.type, TensorType):
        raise TypeError(f"expected a tensor, found {value.type}")
    return value.type


def parts(op: tensor.ConcatOp) -> Iterator[tuple[SSAValue, list[int]]]:
    """Each operand, and where it starts in the result."""
    axis, at = op.dim.value.data, 0
    for value in op.inputs:
        yield value, [at if d == axis else 0 for d in range(len(shape(value)))]
        at += shape(value)[axis]


def ancestors(op: Operation | None) -> Iterator[Operation]:
    """The op and those around it, from the inside out."""
    while op is not None:
        yield op
        op = op.parent_op()


def is_alike(value: SSAValue, strides: Sequence[int]) -> bool:
    """Whether these strides store the dimensions in the same order as the value's type does."""
    if (own := strides_of(value.type)) is None:
        return False
    dims = [d for d, size in enumerate(shape(value)) if size != 1]
    return sorted(dims, key=lambda d: -own[1][d]) == sorted(dims, key=lambda d: -strides[d])
