"""Kernels of loops over single elements: what they insert into a tensor, they store into its buffer.

kernel.func @k(%x: tensor<9xf32>, %i: ..) -> tensor<9xf32> {
  %r = scf.for %p = .. iter_args(%a = %x) { %v = tensor.extract %a[%q] ..; %b = tensor.insert %v into %a[%p]; yield %b }
  kernel.return %r
}
-->
kernel.func @k(%i: .., %x: memref<9xf32>) { scf.for %p = .. { %v = memref.load %x[%q] ..; memref.store %v, %x[%p] } }

A result that starts as an argument starts as its copy: the launch puts it there, and the kernel's attribute `updates`
names the output. Tensors of the kernel's own become outputs too, that nobody reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import arith, memref, scf, tensor
from xdsl.dialects.builtin import DenseArrayBase, IndexType, MemRefType, TensorType, i64
from xdsl.ir import Attribute, Block, BlockArgument, Operation, OpResult, Region, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ...dialects._xdsl import FillOp
from ...dialects.kernel import FuncOp, ReturnOp


@dataclass(frozen=True)
class Imperative:
    """`roots` are the tensors that the kernel updates, first those of its results, then its own; `inputs` the numbers
    of the arguments that the kernel on memrefs still takes."""

    func: FuncOp
    roots: tuple[SSAValue, ...]
    inputs: tuple[int, ...]

    @property
    def own(self) -> tuple[TensorType[Attribute], ...]:
        """The types of the tensors that are no results."""
        last = self.func.body.block.last_op
        count = len(last.operands) if last is not None else 0
        return tuple(root.type for root in self.roots[count:] if isinstance(root.type, TensorType))

    def start(self, result: int) -> int | None:
        """The argument whose copy a result starts as."""
        root = self.roots[result]
        return root.index if isinstance(root, BlockArgument) else None

    def on(self, inputs: Sequence[Attribute], outputs: Sequence[Attribute]) -> FuncOp:
        """The kernel on memrefs of these types (inputs that it still takes, results, own)."""
        block = Block(arg_types=[*inputs, *outputs])
        values: dict[SSAValue, SSAValue] = dict(zip(self.roots, block.args[len(inputs) :], strict=True))
        for number, new in zip(self.inputs, block.args, strict=False):
            values.setdefault(self.func.body.block.args[number], new)
            new.name_hint = self.func.body.block.args[number].name_hint
        _Stores(values).block(self.func.body.block, block)
        new = FuncOp(self.func.sym_name.data, [*inputs, *outputs], [], Region(block))
        new.attributes |= self.func.attributes
        if updates := [len(inputs) + i for i, root in enumerate(self.roots) if isinstance(root, BlockArgument)]:
            new.attributes["updates"] = DenseArrayBase.from_list(i64, updates)
        new.location = self.func.location
        return new


def imperative(func: FuncOp) -> Imperative:
    """Which tensors a kernel updates; PassFailedException where two versions of one are needed at a time."""
    split_empties(func)
    last = func.body.block.last_op
    assert isinstance(last, ReturnOp)
    results = [root_of(value) for value in last.values]
    if len(set(results)) < len(results):
        raise PassFailedException(f"kernel.func @{func.sym_name.data}: expected results of their own, found one twice")
    own = [
        value
        for op in func.walk()
        for value in op.results
        if isinstance(op, tensor.EmptyOp | FillOp) and value not in results and is_root(value)
    ]
    inputs = [arg.index for arg in func.body.block.args if arg not in results]
    for arg in func.body.block.args:
        if arg in results and not arg.has_one_use():
            raise PassFailedException(
                f"kernel.func @{func.sym_name.data}: argument {arg.index} is updated and read: copy it first"
            )
    return Imperative(func, (*results, *own), tuple(inputs))


def is_root(value: SSAValue) -> bool:
    """Whether a tensor is no more than what a fill is written over."""
    return not any(isinstance(use.operation, FillOp) for use in value.uses)


def split_empties(func: FuncOp) -> None:
    """Give each user a tensor.empty of its own."""
    for op in [o for o in func.walk() if isinstance(o, tensor.EmptyOp)]:
        for use in list(op.tensor.uses)[1:]:
            block = op.parent_block()
            assert block is not None
            block.insert_op_after(other := op.clone(), op)
            use.operation.operands[use.index] = other.tensor


def root_of(value: SSAValue) -> SSAValue:
    """The tensor that a value is an update of."""
    match value:
        case OpResult(op=tensor.InsertOp() as op):
            return root_of(op.dest)
        case OpResult(op=scf.ForOp() as op):
            return root_of(op.iter_args[value.index])
        case OpResult(op=scf.WhileOp() as op):
            last = op.before_region.block.last_op
            assert isinstance(last, scf.ConditionOp)
            return root_of(last.args[value.index])
        case OpResult(op=scf.IfOp() as op):
            found = {root_of(r.block.last_op.operands[value.index]) for r in op.regions if r.block.last_op is not None}
            if len(found) != 1:
                raise PassFailedException(f"{op.name}: expected both branches to hand on one tensor")
            return found.pop()
        case BlockArgument(index=i) if isinstance(op := value.block.parent_op(), scf.ForOp):
            return root_of(op.iter_args[i - 1])
        case BlockArgument(index=i) if isinstance(op := value.block.parent_op(), scf.WhileOp):
            if value.block is op.before_region.block:
                return root_of(op.arguments[i])
            last = op.before_region.block.last_op
            assert isinstance(last, scf.ConditionOp)
            return root_of(last.args[i])
        case OpResult(op=tensor.EmptyOp() | FillOp()) | BlockArgument():
            return value
        case _:
            raise PassFailedException(f"kernel.func: expected inserted tensors, found {value}")


class _Stores:
    """Copies blocks, tensors turned into the buffers of their roots."""

    def __init__(self, values: dict[SSAValue, SSAValue]):
        self.values = values

    def buffer(self, value: SSAValue) -> SSAValue:
        """The memref of a tensor."""
        return self.values[value if value in self.values else root_of(value)]

    def block(self, old: Block, new: Block) -> None:
        """Append to `new` what `old` does."""
        for op in old.ops:
            made = self.op(op)
            for each in made:
                each.location = op.location
            new.add_ops(made)

    def op(self, op: Operation) -> list[Operation]:
        """What an op becomes."""
        match op:
            case tensor.EmptyOp():
                return []
            case tensor.ExtractOp():
                load = memref.LoadOp.get(self.buffer(op.tensor), [self.values[i] for i in op.indices])
                self.values[op.result] = load.res
                return [load]
            case tensor.InsertOp():
                indices = [self.values[i] for i in op.indices]
                return [memref.StoreOp.get(self.values[op.scalar], self.buffer(op.dest), indices)]
            case FillOp():
                return filling(self.values[op.inputs[0]], self.buffer(op.results[0]))
            case ReturnOp():
                return [ReturnOp()]
            case scf.ForOp() | scf.WhileOp() | scf.IfOp():
                return [self.structured(op)]
            case scf.YieldOp() | scf.ConditionOp():
                kept = [self.values[v] for v in op.operands if not isinstance(v.type, TensorType)]
                return [type(op)(*kept)]
            case _:
                new = op.clone(self.values)
                self.values.update(zip(op.results, new.results, strict=True))
                return [new]

    def structured(self, op: Operation) -> Operation:
        """A loop or branch that hands on scalars only."""
        regions = [self.region(region) for region in op.regions]
        operands = [self.values[v] for v in op.operands if not isinstance(v.type, TensorType)]
        results = [r for r in op.results if not isinstance(r.type, TensorType)]
        new = type(op).create(
            operands=operands,
            result_types=[r.type for r in results],
            properties=op.properties,
            attributes=op.attributes,
            regions=regions,
        )
        self.values.update(zip(results, new.results, strict=True))
        return new

    def region(self, region: Region) -> Region:
        """A region without its tensor arguments."""
        if not region.blocks:
            return Region()
        args = [a for a in region.block.args if not isinstance(a.type, TensorType)]
        block = Block(arg_types=[a.type for a in args])
        self.values.update(zip(args, block.args, strict=True))
        self.block(region.block, block)
        return Region(block)


def filling(scalar: SSAValue, buffer: SSAValue) -> list[Operation]:
    """Loops that store a number into every element of a memref."""
    assert isinstance(buffer.type, MemRefType)
    zero, one = (arith.ConstantOp.from_int_and_width(n, IndexType()) for n in (0, 1))
    bounds = [arith.ConstantOp.from_int_and_width(n, IndexType()) for n in buffer.type.get_shape()]
    blocks = [Block(arg_types=[IndexType()]) for _ in bounds]
    inner: list[Operation] = [memref.StoreOp.get(scalar, buffer, [b.args[0] for b in blocks])]
    for block, bound in reversed(list(zip(blocks, bounds, strict=True))):
        block.add_ops([*inner, scf.YieldOp()])
        inner = [scf.ForOp(zero, bound, one, [], Region(block))]
    return [zero, one, *bounds, *inner]
