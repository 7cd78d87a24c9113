"""Tensors become buffers; what is concatenated, padded, carried or returned is made in its place, else copied there.

    func.func @main(%x: tensor<1x8xf32>) -> tensor<1x24xf32> {
      %0 = kernel.launch @k0(%x) : (tensor<1x8xf32>) -> tensor<1x16xf32>
      %1 = tensor.concat dim(1) %0, %x : (tensor<1x16xf32>, tensor<1x8xf32>) -> tensor<1x24xf32>
      func.return %1
    }
-->
    func.func @main(%x: memref<1x8xf32>, %o: memref<1x24xf32>) {
      %0 = memref.reinterpret_cast %o to offset: [0], sizes: [1, 16], strides: [24, 1] : ..
      kernel.launch @k0(%x, %0) : (memref<1x8xf32>, memref<1x16xf32, strided<[24, 1]>>) -> ()
      %1 = memref.reinterpret_cast %o to offset: [16], sizes: [8], strides: [1] : ..
      kernel.launch @copy(%x, %1)
      func.return
    }

A memref points at its tensor's first element: its type says strides, no offset. A pointwise kernel whose input dies
writes over it (its attribute `inplace` pairs output and input). After assign-layout, because types say the layouts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, memref, scf, tensor
from xdsl.dialects.builtin import FunctionType, ModuleOp, TensorType
from xdsl.ir import Attribute, Block, Operation, OpResult, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ...dialects._layout import memref_of
from ...dialects._report import rewriting
from ...dialects._shape import shape
from ...dialects._xdsl import FillOp
from ...dialects.graph.weight import WeightOp
from ...dialects.kernel import FuncOp, LaunchOp
from ._copies import Kernels
from ._destinations import Destinations, parts, tensor_type
from ._host_buffers import HostBuffers, borders, elements
from ._imperative import filling
from ._inplace import may_overwrite
from ._kernel_buffers import KernelBuffers
from ._margins import constant, margin_of
from ._places import Memory, Place, allocation, whole
from ._view import root, source


@dataclass(frozen=True)
class Bufferize(ModulePass):
    """Requires layouts of strides, but for weights. Ensures that no tensor is left outside kernels."""

    name = "bufferize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = [f for f in op.ops if isinstance(f, func.FuncOp) and not f.is_declaration]
        if not functions or not rewriting(functions[0], "bufferize", "all that the module has, at once", required=True):
            return
        named = {o.sym_name.data: o for o in op.ops if isinstance(o, FuncOp)}
        kernels = KernelBuffers(Kernels(op), named)
        for function in functions:
            _Function(function, kernels).rewrite()


class _Function:
    """Writes a function anew, from top to bottom; `places` are those of the tensors met so far."""

    def __init__(self, function: func.FuncOp, kernels: KernelBuffers):
        self.function = function
        self.kernels = kernels
        self.old = self.home = function.body.block
        last = self.old.last_op
        if not isinstance(last, func.ReturnOp):
            raise PassFailedException(f"bufferize: @{function.sym_name.data} does not end in a return")
        self.new = Block(arg_types=[buffer_type(v) for v in (*self.old.args, *last.arguments)])
        self.out = HostBuffers(kernels, self.new)
        self.out.stand_for(self.old)
        self.places: dict[SSAValue, Place] = {}
        self.filled_boxes: set[tuple[Block | None, Place, tuple[int, ...]]] = set()
        for arg, new in zip(self.old.args, self.new.args, strict=False):
            new.name_hint = arg.name_hint
            if isinstance(arg.type, TensorType):
                self.put(arg, whole(Memory(memref_of(arg.type), memref=new)))
            else:
                self.out.scalars[arg] = new
        outputs = self.new.args[len(self.old.args) :]
        results = zip(last.arguments, outputs, strict=True)
        self.outputs = [Memory(memref_of(tensor_type(v)), memref=o) for v, o in results]
        self.plan = Destinations(function, kernels, self.outputs)

    def rewrite(self) -> None:
        """Replace the function's body and type."""
        self.block(self.old)
        self.function.detach_region(self.function.body)
        self.function.add_region(Region(self.new))
        self.function.function_type = FunctionType.from_lists(self.new.arg_types, [])

    def put(self, value: SSAValue, place: Place) -> Place:
        """A tensor lies there from now on."""
        self.places[value] = place
        place.memory.values.append(value)
        return place

    def new_place(self, value: OpResult) -> Place:
        """Where the plan wants a tensor, else new memory."""
        place = self.wanted(value) or allocation(tensor_type(value), value.op.parent)
        return self.put(value, place)

    def wanted(self, value: OpResult) -> Place | None:
        """Where the plan wants a tensor."""
        place = self.plan.wanted.get(value)
        return place if place is not None and rewriting(value.op, "in-place", "where it is wanted") else None

    def block(self, block: Block) -> None:
        """Write what a block does."""
        for op in block.ops:
            self.out.location = op.location
            self.op(op)

    def op(self, op: Operation) -> None:
        """Write what an op does."""
        if (shown := source(op)) is not None:
            if (seen := self.places[shown].seen(op)) is None:
                raise PassFailedException(f"bufferize: {op.name}: no view of {shown.type}; run assign-layout first")
            self.put(op.results[0], seen)
            return
        match op:
            case WeightOp():
                (made,) = self.out.add(WeightOp(op.weight, kind := memref_of(tensor_type(op.res))))
                self.put(op.res, whole(Memory(kind, memref=made)))
            case LaunchOp():
                self.launch(op)
            case tensor.ConcatOp():
                place = self.new_place(op.results[0])
                for value, start in parts(op):
                    self.out.copy(self.places[value], place.part(start), shape(value))
            case tensor.PadOp():
                self.pad(op)
            case tensor.EmptyOp():
                self.new_place(op.results[0])
            case FillOp() | tensor.SplatOp() | tensor.FromElementsOp():
                self.filled(op)
            case tensor.InsertSliceOp() | tensor.InsertOp():
                self.insert(op)
            case tensor.ExtractOp():
                indices = [self.out.scalars[i] for i in op.indices]
                buffer = self.out.memref(self.places[op.tensor], shape(op.tensor))
                (self.out.scalars[op.result],) = self.out.add(memref.LoadOp.get(buffer, indices))
            case scf.ForOp():
                self.loop(op)
            case scf.WhileOp():
                self.while_loop(op)
            case scf.IfOp():
                self.branch(op)
            case func.ReturnOp():
                for value, memory in zip(op.arguments, self.outputs, strict=True):
                    self.out.copy(self.places[value], whole(memory), shape(value))
                self.out.add(func.ReturnOp())
            case _:
                self.scalar(op)

    def scalar(self, op: Operation) -> None:
        """Ops on scalars stay; PassFailedException for one on tensors that has no buffers."""
        if op.regions or any(isinstance(v.type, TensorType) for v in (*op.operands, *op.results)):
            raise PassFailedException(f"bufferize: no rule for {op.name} outside kernels")
        new = self.out.add(op.clone(self.out.scalars))
        self.out.scalars.update(zip(op.results, new, strict=True))

    def launch(self, op: LaunchOp) -> None:
        """Results where they are wanted, over a dying operand, or in new memory."""
        loops = self.kernels.imperative(op.kernel)
        results: list[Place] = []
        for i, result in enumerate(op.results):
            place = self.wanted(result) or self.over(op, i)
            place = place or allocation(tensor_type(result), op.parent)
            results.append(self.put(result, place))
            if loops is not None and (start := loops.start(i)) is not None:
                self.copy(op.arguments[start], results[i])
        taken = range(len(op.arguments)) if loops is None else loops.inputs
        inputs = [self.operand(op.arguments[i]) for i in taken]
        outputs = [self.out.memref(p, shape(v)) for p, v in zip(results, op.results, strict=True)]
        for kind in () if loops is None else loops.own:
            outputs.append(self.out.memref(allocation(kind, op.parent), kind.get_shape()))
        pairs = [
            (k, len(inputs) + i)
            for i, result in enumerate(op.results)
            for k, number in enumerate(taken)
            if (lies := self.places.get(op.arguments[number])) and lies.is_same(results[i], shape(result))
        ]
        if not all(0 in shape(v) for v in op.results) or loops is not None:
            self.out.launch(op.kernel, inputs, outputs, tuple(pairs))

    def operand(self, value: SSAValue) -> SSAValue:
        """What a launch takes for a value."""
        return self.out.memref(self.places[value], shape(value)) if value in self.places else self.out.scalars[value]

    def over(self, op: LaunchOp, result: int) -> Place | None:
        """The place of an operand that dies here and that the kernel may overwrite with this result."""
        func, loops = self.kernels.originals[op.kernel], self.kernels.imperative(op.kernel)
        for i, value in enumerate(op.arguments):
            if value.type != op.results[result].type or value not in self.places:
                continue
            place, memory = self.places[value], self.places[value].memory
            alone = sum(v in self.places and self.places[v].memory is memory for v in op.arguments) == 1
            if memory.home is not op.parent or not alone or not is_whole(value, place):
                continue
            allowed = may_overwrite(func, i, result) if loops is None else loops.start(result) == i
            if allowed and all(self.is_read_before(v, op) for v in memory.values):
                return place if rewriting(op, "in-place", f"over operand {i}") else None
        return None

    def is_read_before(self, value: SSAValue, op: Operation) -> bool:
        """Whether nothing reads a tensor after `op`, nor is it made there."""
        return value.owner is not op and all(
            use.operation is op or self.plan.is_over(use.operation, op) for use in value.uses
        )

    def copy(self, value: SSAValue, target: Place) -> None:
        """Copy a tensor to a place; one that was never written needs no copy."""
        made = root(value)
        if not (isinstance(made, OpResult) and isinstance(made.op, tensor.EmptyOp)):
            self.out.copy(self.places[value], target, shape(value))

    def pad(self, op: tensor.PadOp) -> None:
        """The borders filled, the source in the middle."""
        if (margin := margin_of(op)) is None:
            raise PassFailedException("bufferize: tensor.pad: expected a constant to pad with")
        place = self.new_place(op.results[0])
        boxes = borders(place, shape(op.result), margin.low, margin.high)
        self.out.fill(margin.number, [box for box in boxes if self.is_new(op, box)])
        self.out.copy(self.places[op.source], place.part(margin.low), shape(op.source))

    def is_new(self, op: tensor.PadOp, box: tuple[Place, list[int]]) -> bool:
        """Whether no pad before this one in its block has filled the same border."""
        key = op.parent, box[0], tuple(box[1])
        return key not in self.filled_boxes and not self.filled_boxes.add(key)

    def filled(self, op: Operation) -> None:
        """One number everywhere, or a number for each element."""
        place, dims = self.new_place(op.results[0]), shape(op.results[0])
        if isinstance(op, tensor.FromElementsOp):
            for scalar, position in zip(op.elements, elements(dims), strict=True):
                self.out.store(self.out.scalars[scalar], place, dims, [self.out.index(i) for i in position])
        elif (number := constant(op.operands[0])) is not None:
            self.out.fill(number, [(place, dims)])
        else:
            for made in filling(self.out.scalars[op.operands[0]], self.out.memref(place, dims)):
                self.out.add(made)

    def insert(self, op: tensor.InsertSliceOp | tensor.InsertOp) -> None:
        """The tensor where it lies or copied, and the new part in it."""
        place = self.new_place(op.results[0])
        self.copy(op.dest, place)
        if isinstance(op, tensor.InsertSliceOp):
            self.out.copy(self.places[op.source], place.slot(op), shape(op.source))
        else:
            indices = [self.out.scalars[i] for i in op.indices]
            self.out.store(self.out.scalars[op.scalar], place, shape(op.dest), indices)

    def branch(self, op: scf.IfOp) -> None:
        """Each region copies what it did not make in place."""
        for result in op.results:
            if isinstance(result.type, TensorType):
                self.new_place(result)
        then, other = (self.region(r, [self.places.get(v) for v in op.results]) for r in op.regions)
        scalars = [v for v in op.results if v not in self.places]
        new = self.out.add(scf.IfOp(self.out.scalars[op.cond], [v.type for v in scalars], then, other))
        self.out.scalars.update(zip(scalars, new, strict=True))

    def loop(self, op: scf.ForOp) -> None:
        """Carried tensors stay in their buffers, carried scalars stay carried."""
        targets: list[Place | None] = [None] * len(op.iter_args)
        for i, (init, arg) in enumerate(zip(op.iter_args, op.body.block.args[1:], strict=True)):
            if isinstance(arg.type, TensorType):
                targets[i] = self.put(arg, self.plan.wanted[arg])
                self.copy(init, self.plan.wanted[arg])
        body = self.region(op.body, targets)
        low, high, step = (self.out.scalars[v] for v in (op.lb, op.ub, op.step))
        inits = [self.out.scalars[v] for v in op.iter_args if v not in self.places]
        new = self.out.add(scf.ForOp(low, high, step, inits, body))
        self.hand_on(op.results, targets, new)

    def while_loop(self, op: scf.WhileOp) -> None:
        """As for a loop; what the condition hands on has buffers too, unless it is carried unchanged."""
        before, after = op.before_region.block, op.after_region.block
        condition = before.last_op
        assert isinstance(condition, scf.ConditionOp)
        targets: list[Place | None] = [None] * len(op.arguments)
        for i, (init, arg) in enumerate(zip(op.arguments, before.args, strict=True)):
            if isinstance(arg.type, TensorType):
                targets[i] = self.put(arg, self.plan.wanted[arg])
                self.copy(init, self.plan.wanted[arg])
        passed = [self.plan.wanted.get(arg) for arg in after.args]
        first = self.region(op.before_region, passed)
        for arg, place in zip(after.args, passed, strict=True):
            if place is not None:
                self.put(arg, place)
        second = self.region(op.after_region, targets)
        inits = [self.out.scalars[v] for v in op.arguments if v not in self.places]
        types = [v.type for v in op.results if not isinstance(v.type, TensorType)]
        self.hand_on(op.results, passed, self.out.add(scf.WhileOp(inits, types, first, second)))

    def hand_on(self, results: Sequence[SSAValue], places: Sequence[Place | None], made: Sequence[SSAValue]) -> None:
        """A loop's results: the tensors' places, and the scalars of the new loop."""
        scalars = iter(made)
        for result, place in zip(results, places, strict=True):
            if place is None:
                self.out.scalars[result] = next(scalars)
            else:
                self.put(result, place)

    def region(self, old: Region, targets: Sequence[Place | None]) -> Region:
        """A region without its tensors; what it yields is copied to the targets (None: not copied)."""
        if not old.blocks:
            return Region()
        args = [a for a in old.block.args if not isinstance(a.type, TensorType)]
        new = Block(arg_types=[a.type for a in args])
        self.out.scalars.update(zip(args, new.args, strict=True))
        outer, self.home = self.home, old.block
        with self.out.into(old.block, new):
            *ops, last = old.block.ops
            for op in ops:
                self.out.location = op.location
                self.op(op)
            values = last.operands[1:] if isinstance(last, scf.ConditionOp) else last.operands
            self.yielded(values, targets)
            kept = [self.out.scalars[v] for v in last.operands if not isinstance(v.type, TensorType)]
            self.out.location = last.location
            self.out.add(type(last)(*kept))
        self.home = outer
        return Region(new)

    def yielded(self, values: Sequence[SSAValue], targets: Sequence[Place | None]) -> None:
        """Copy what is not in place; first aside what lies where another copy will write."""
        moves = [
            (value, self.places[value], target)
            for value, target in zip(values, targets, strict=True)
            if target is not None and not self.places[value].is_same(target, shape(value))
        ]
        written = {target.memory for _, _, target in moves}
        for i, (value, place, target) in enumerate(moves):
            if place.memory in written:
                aside = allocation(tensor_type(value), self.home)
                self.out.copy(place, aside, shape(value))
                moves[i] = value, aside, target
        for value, place, target in moves:
            self.out.copy(place, target, shape(value))


def buffer_type(value: SSAValue) -> Attribute:
    """The type that an argument of the function will have."""
    return memref_of(value.type) if isinstance(value.type, TensorType) else value.type


def is_whole(value: SSAValue, place: Place) -> bool:
    """Whether a tensor, laid out as its type says, takes up all of a memory."""
    own = allocation(tensor_type(value), None)
    mine = Place(place.memory, own.strides)
    return mine.is_same(place, shape(value)) and place.memory.type.get_shape() == own.memory.type.get_shape()
