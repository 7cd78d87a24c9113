"""Kernels by signature: a kernel that is launched with several layouts becomes as many kernels, equal ones one.

kernel.launch @k0(%a) : (tensor<4x8xf32>) -> tensor<4x8xf32, strided<[1, 4]>>          @k0
kernel.launch @k0(%b) : (tensor<4x8xf32, strided<[1, 4]>>) -> tensor<4x8xf32>          @k0_1
"""

from collections.abc import Sequence

from xdsl.dialects import tensor
from xdsl.dialects.builtin import FunctionType, TensorType
from xdsl.ir import Attribute, BlockArgument, Operation, OpResult, SSAValue
from xdsl.rewriter import Rewriter

from ...dialects._xdsl import FillOp, GenericOp
from ...dialects.kernel import FuncOp
from ._copies import Kernels, copy_kernel

Signature = tuple[str, tuple[Attribute, ...], tuple[Attribute, ...]]


class Variants:
    """Hands out kernels of the wanted signatures; names asked for are those that the kernels had at first."""

    def __init__(self, kernels: Kernels):
        self._kernels = kernels
        self._originals: dict[str, FuncOp] = {}
        self._made: dict[Signature, str] = {}

    def __getitem__(self, name: str) -> FuncOp:
        """The kernel that had this name at first."""
        if name not in self._originals:
            self._originals[name] = self._kernels.release(name)
        return self._originals[name]

    def get(self, name: str, inputs: Sequence[Attribute], outputs: Sequence[Attribute]) -> str:
        """The name of the kernel that does what @name does, on tensors of these types."""
        wanted = name, tuple(inputs), tuple(outputs)
        if wanted not in self._made:
            self._made[wanted] = self._kernels.add(retyped(self[name], inputs, outputs))
        return self._made[wanted]

    def copy(self, source: TensorType[Attribute], result: TensorType[Attribute]) -> str:
        """The name of a kernel that gives a tensor another layout."""
        wanted = "copy", (source,), (result,)
        if wanted not in self._made:
            self._made[wanted] = self._kernels.add(copy_kernel(source, result))
        return self._made[wanted]


def retyped(func: FuncOp, inputs: Sequence[Attribute], outputs: Sequence[Attribute]) -> FuncOp:
    """A clone of a kernel on tensors, with the same shapes and elements in other layouts."""
    new = func.clone()
    new.location = func.location
    for arg, type in zip(new.body.block.args, inputs, strict=True):
        if arg.type != type:
            Rewriter.replace_value_with_new_type(arg, type)
    last = new.body.block.last_op
    assert last is not None
    for i, type in enumerate(outputs):
        _retype(last.operands[i], type)
    new.function_type = FunctionType.from_lists(inputs, outputs)
    return new


def _retype(value: SSAValue, type: Attribute) -> None:
    """Change the type of a value, and of the tensors that it is written over."""
    if value.type == type:
        return
    if isinstance(value, BlockArgument) or not isinstance(value, OpResult):
        raise TypeError(f"expected a result of a generic or fill, found {value}")
    match value.op:
        case tensor.EmptyOp():
            Rewriter.replace_value_with_new_type(value, type)
        case GenericOp() | FillOp() as op:
            place = len(op.inputs) + value.index
            _own(op, place)
            _retype(op.operands[place], type)
            Rewriter.replace_value_with_new_type(value, type)
        case op:
            raise TypeError(f"expected a result of a generic or fill, found {op.name}")


def _own(op: Operation, place: int) -> None:
    """Let no other op share the tensor that this one writes over."""
    written = op.operands[place]
    if isinstance(written, OpResult) and len(list(written.uses)) > 1:
        copy = written.op.clone()
        block = op.parent_block()
        assert block is not None
        block.insert_op_before(copy, op)
        op.operands[place] = copy.results[written.index]
