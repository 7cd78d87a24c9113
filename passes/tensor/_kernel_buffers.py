"""A kernel on tensors becomes a kernel on memrefs, its outputs last.

kernel.func @k(%x: tensor<4x8xf32>) -> tensor<4x8xf32> { %y = linalg.generic ..; kernel.return %y }
-->
kernel.func @k(%x: memref<4x8xf32>, %o: memref<4x8xf32, strided<[16, 1]>>) {
  %t = bufferization.to_tensor %x;  %y = linalg.generic ..;  bufferization.materialize_in_destination %y in %o
}
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.dialects import bufferization
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, TensorType, UnitAttr, i64
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.rewriter import Rewriter

from ...dialects._layout import ROW_MAJOR, laid_out, layout_of
from ...dialects.kernel import FuncOp, ReturnOp
from ._copies import Kernels
from ._imperative import Imperative, imperative
from ._order import is_imperative

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Signature:
    """A kernel on memrefs: the types of inputs and outputs, and which output lies over which input."""

    name: str
    inputs: tuple[Attribute, ...]
    outputs: tuple[Attribute, ...]
    inplace: Pairs


class KernelBuffers:
    """Makes the kernels on memrefs that launches ask for; names asked for are those of the kernels on tensors."""

    def __init__(self, kernels: Kernels, originals: dict[str, FuncOp]):
        self.kernels = kernels
        self.originals = originals
        self._made: dict[Signature, str] = {}
        self._imperative: dict[str, Imperative] = {}
        for name in originals:
            kernels.release(name)

    def imperative(self, name: str) -> Imperative | None:
        """How a kernel of loops uses its tensors; None for a kernel of generics."""
        if name not in self._imperative and is_imperative(self.originals[name]):
            self._imperative[name] = imperative(self.originals[name])
        return self._imperative.get(name)

    def get(self, name: str, inputs: Sequence[Attribute], outputs: Sequence[Attribute], inplace: Pairs = ()) -> str:
        """The name of the kernel that does what @name does on memrefs of these types."""
        wanted = Signature(name, tuple(inputs), tuple(outputs), inplace)
        if wanted not in self._made:
            loops = self.imperative(name)
            func = generics(self.originals[name], wanted) if loops is None else loops.on(inputs, outputs)
            if inplace:
                func.attributes["inplace"] = ArrayAttr([DenseArrayBase.from_list(i64, pair) for pair in inplace])
            self._made[wanted] = self.kernels.add(func)
        return self._made[wanted]

    def enter(self, name: str, make: Callable[[], FuncOp]) -> str:
        """Enter a new kernel on tensors, unless one of that name is there already: the two must be equal."""
        if name not in self.originals:
            self.originals[name] = make()
        return name


def generics(func: FuncOp, wanted: Signature) -> FuncOp:
    """The same generics between memrefs."""
    block = Block(arg_types=[*wanted.inputs, *wanted.outputs])
    values: dict[SSAValue, SSAValue] = {}
    for old, new in zip(func.body.block.args, block.args, strict=False):
        values[old] = new
        new.name_hint = old.name_hint
        if isinstance(old.type, TensorType):
            block.add_op(read := bufferization.ToTensorOp(new))
            values[old] = read.tensor
    for op in func.body.block.ops:
        if isinstance(op, ReturnOp):
            for value, dest in zip(op.values, block.args[len(wanted.inputs) :], strict=True):
                write = bufferization.MaterializeInDestinationOp(
                    operands=[values[value], dest],
                    result_types=[[]],
                    properties={"restrict": UnitAttr(), "writable": UnitAttr()},
                )
                write.location = op.location
                block.add_op(write)
            continue
        block.add_op(new_op := op.clone(values))
        for old, new in zip(op.results, new_op.results, strict=True):
            values[old] = without_layout(new)
    block.add_op(ReturnOp())
    return renewed(func, block)


def renewed(func: FuncOp, block: Block) -> FuncOp:
    """A kernel like `func` with another body."""
    new = FuncOp(func.sym_name.data, list(block.arg_types), [], Region(block))
    new.schedule = func.schedule
    new.attributes |= func.attributes
    new.location = func.location
    return new


def without_layout(value: SSAValue) -> SSAValue:
    """Inside a kernel on memrefs tensors have no layout."""
    if isinstance(value.type, TensorType) and layout_of(value.type) != ROW_MAJOR:
        return Rewriter.replace_value_with_new_type(value, laid_out(value.type, ROW_MAJOR))
    return value
