"""Kernels whose arguments and results are stored in 16 bits, as their launches ask for them.

kernel.func @k0(%x: tensor<8x16xf32>) -> tensor<8x16xf32> { %y = linalg.generic ins(%x) { exp } }
-->
kernel.func @k0(%x: tensor<8x16xf16>) -> tensor<8x16xf16> { %y = linalg.generic ins(%x) { extf, exp, truncf } }
"""

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    AffineMapAttr,
    AnyFloat,
    ArrayAttr,
    FunctionType,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    f32,
)
from xdsl.ir import Block, BlockArgument, Operation, OpResult, Region, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects._generic import generic
from ...dialects._shape import element, shape
from ...dialects._xdsl import GenericOp, IteratorType, IteratorTypeAttr, YieldOp
from ...dialects.kernel import FuncOp, LaunchOp, ReturnOp
from ._edit import inserted

Slots = tuple[tuple[int, ...], tuple[int, ...]]
"""The numbers of arguments and of results that are narrow."""


class Narrowed:
    """Makes variants of a module's kernels; each once."""

    def __init__(self, module: ModuleOp, kind: AnyFloat):
        self.kind = kind
        self.kernels = {op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp)}
        self._variants: dict[tuple[str, Slots], str] = {}
        self._made_ops: dict[str, FuncOp] = {}
        self._names = set(self.kernels)

    def follow(self, launch: LaunchOp) -> None:
        """Let a launch run the variant for the types that its operands and results now have."""
        old = self.kernels[launch.kernel]
        arguments, results = (
            tuple(i for i, (v, t) in enumerate(zip(values, types, strict=True)) if v.type != t)
            for values, types in (
                (launch.arguments, old.function_type.inputs.data),
                (launch.res, old.function_type.outputs.data),
            )
        )
        if not arguments and not results:
            return
        key = launch.kernel, (arguments, results)
        if key not in self._variants:
            self._variants[key] = self._made(old, (arguments, results))
        new = LaunchOp(self._variants[key], launch.arguments, launch.res.types)
        new.location, new.attributes = launch.location, dict(launch.attributes)
        for before, after in zip(launch.res, new.res, strict=True):
            after.name_hint = before.name_hint
        Rewriter.replace_op(launch, new)

    def drop(self, module: ModuleOp) -> None:
        """Erase the kernels that are no longer launched; the only variant of one takes over its name."""
        launches = [op for op in module.walk() if isinstance(op, LaunchOp)]
        launched = {op.kernel for op in launches}
        for old in {name for name, _ in self._variants} - launched:
            Rewriter.erase_op(self.kernels[old])
            variants = [made for (name, _), made in self._variants.items() if name == old]
            if len(variants) == 1:
                self._made_ops[variants[0]].sym_name = StringAttr(old)
                for launch in launches:
                    if launch.kernel == variants[0]:
                        launch.callee = SymbolRefAttr(old)

    def _made(self, old: FuncOp, slots: Slots) -> str:
        made = old.clone()
        made.location = old.location
        name, count = old.sym_name.data, 1
        while name in self._names:
            name, count = f"{old.sym_name.data}_{count}", count + 1
        self._names.add(name)
        made.sym_name = StringAttr(name)
        block = made.body.block
        for number in slots[1]:
            write(block, number, self.kind)
        for number in slots[0]:
            read(block.args[number], self.kind)
        outputs = block.last_op.operands if block.last_op is not None else ()
        made.function_type = FunctionType.from_lists(block.arg_types, [v.type for v in outputs])
        Rewriter.insert_op(made, InsertPoint.after(old))
        self._made_ops[name] = made
        return name


def read(arg: BlockArgument, kind: AnyFloat) -> None:
    """Let a kernel read an argument of another type: each element is widened where it is read."""
    narrow = Rewriter.replace_value_with_new_type(arg, TensorType(kind, shape(arg)))
    wide: SSAValue | None = None
    for use in list(narrow.uses):
        op = use.operation
        if isinstance(op, GenericOp) and use.index < len(op.inputs):
            inner = Rewriter.replace_value_with_new_type(op.body.block.args[use.index], kind)
            if inner.uses:
                _widen(inner, op.body.block.first_op)
        elif isinstance(op, tensor.ExtractOp):
            found = Rewriter.replace_value_with_new_type(op.result, kind)
            _widen(found, op.next_op)
        else:
            wide = wide or _converted(narrow, f32, op.parent.first_op if op.parent is not None else None)
            op.operands[use.index] = wide


def _widen(value: SSAValue, before: Operation | None) -> None:
    assert before is not None
    wide = inserted(arith.ExtFOp(value, f32), before)
    value.replace_uses_with_if(wide.results[0], lambda use: use.operation is not wide)


def write(block: Block, number: int, kind: AnyFloat) -> None:
    """Let a kernel give a result in another type: as its last maker yields it, or by one more generic."""
    last = block.last_op
    assert isinstance(last, ReturnOp)
    value = last.values[number]
    if isinstance(value, OpResult) and len(list(value.uses)) == 1 and (op := _pointwise(value)) is not None:
        _truncated(op, value.index, kind)
        last.operands[number] = op.results[value.index]
    else:
        last.operands[number] = _converted(value, kind, last)


def _pointwise(value: OpResult) -> GenericOp | None:
    """The generic that makes a value of nothing but its inputs, each element once."""
    if not isinstance(value.op, GenericOp):
        return None
    seen = generic(value.op)
    start, rank = value.op.outputs[value.index], len(shape(value))
    same = seen.outputs[value.index].map == AffineMap.identity(rank)
    unread = not value.op.body.block.args[len(value.op.inputs) + value.index].uses
    return value.op if same and not seen.reduction and unread and isinstance(start.owner, tensor.EmptyOp) else None


def _truncated(op: GenericOp, number: int, kind: AnyFloat) -> None:
    body = op.body.block
    old = op.outputs[number]
    type = TensorType(kind, shape(old))
    empty = inserted(tensor.EmptyOp([], type), op)
    op.operands[len(op.inputs) + number] = empty.results[0]
    Rewriter.replace_value_with_new_type(body.args[len(op.inputs) + number], kind)
    last = body.last_op
    assert last is not None
    last.operands[number] = inserted(arith.TruncFOp(last.operands[number], kind), last).results[0]
    Rewriter.replace_value_with_new_type(op.results[number], type)
    if isinstance(old.owner, Operation) and not old.uses:
        Rewriter.erase_op(old.owner)


def _converted(value: SSAValue, kind: AnyFloat, before: Operation | None) -> SSAValue:
    """All of a tensor in another type."""
    assert before is not None
    type = TensorType(kind, shape(value))
    rank = len(shape(value))
    cast = arith.ExtFOp if kind == f32 else arith.TruncFOp
    block = Block(arg_types=[element(value), kind])
    block.add_op(made := cast(block.args[0], kind))
    block.add_op(YieldOp(made.results[0]))
    empty = inserted(tensor.EmptyOp([], type), before)
    maps = ArrayAttr([AffineMapAttr(AffineMap.identity(rank))] * 2)
    iterators = ArrayAttr([IteratorTypeAttr(IteratorType.PARALLEL)] * rank)
    op = GenericOp([value], [empty.results[0]], Region(block), maps, iterators, [type])
    return inserted(op, before).results[0]


def products(func: FuncOp, number: int) -> bool:
    """Whether an argument of a kernel is a factor of a sum of products."""
    uses = [(use.operation, use.index) for use in func.body.block.args[number].uses]
    return any(
        isinstance(op, GenericOp) and index < len(op.inputs) and generic(op).contraction is not None
        for op, index in uses
    )


def sums(func: FuncOp, number: int) -> bool:
    """Whether a result of a kernel is a reduction's own, other than a sum of products' or a largest element."""
    last = func.body.block.last_op
    value = None if last is None else last.operands[number]
    if not isinstance(value, OpResult) or not isinstance(value.op, GenericOp):
        return False
    seen = generic(value.op)
    picks = isinstance(seen.combiner, arith.MaximumfOp | arith.MinimumfOp)
    return bool(seen.reduction) and seen.contraction is None and not picks
