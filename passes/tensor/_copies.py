"""Kernels that only move or fill: a copy from one layout to another, one number everywhere. Equal ones are one.

kernel.func @copy(%x: tensor<1x8x4x4xf32, strided<[128, 1, 32, 8]>>) -> tensor<1x8x4x4xf32> {
  %e = tensor.empty() : tensor<1x8x4x4xf32>
  %y = linalg.generic {(a, b, c, d) -> (a, b, c, d), the same, parallel} ins(%x) outs(%e) { yield %in }
  kernel.return %y
}
"""

from collections.abc import Sequence

from xdsl.dialects import tensor
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, ModuleOp, TensorType
from xdsl.dialects.func import FuncOp as HostFunc
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.rewriter import Rewriter

from ...dialects.kernel import FuncOp, ReturnOp
from ._moves import copy, filled

Tensor = TensorType[Attribute]


class Kernels:
    """The kernels of a module by name; new ones get names that are free, and stand before the host's functions."""

    def __init__(self, module: ModuleOp):
        self._module = module
        self._named = {op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp)}
        self._taken = {op.sym_name.data for op in module.ops if isinstance(op, FuncOp | HostFunc)}

    def __getitem__(self, name: str) -> FuncOp:
        return self._named[name]

    def add(self, func: FuncOp) -> str:
        """Enter a kernel, under its own name or one like it. Returns the name."""
        stem, name, count = func.sym_name.data, func.sym_name.data, 0
        while name in self._taken:
            count += 1
            name = f"{stem}_{count}"
        self._taken.add(name)
        self._named[name] = func
        func.sym_name = type(func.sym_name)(name)
        host = next((op for op in self._module.ops if isinstance(op, HostFunc)), None)
        if host is None:
            self._module.body.block.add_op(func)
        else:
            self._module.body.block.insert_op_before(func, host)
        return name

    def release(self, name: str) -> FuncOp:
        """Take a kernel out of the module; its name is free again."""
        func = self._named.pop(name)
        self._taken.discard(name)
        func.detach()
        return func


def copy_kernel(source: Tensor, result: Tensor) -> FuncOp:
    """A kernel that gives its argument another layout."""
    func = FuncOp("copy", [source], [result])
    empty = tensor.EmptyOp([], result)
    generic = copy(func.body.block.args[0], AffineMap.identity(len(source.get_shape())), empty.tensor)
    func.body.block.add_ops([empty, generic, ReturnOp(generic.results[0])])
    return func


def fill_kernel(number: IntegerAttr | FloatAttr, results: Sequence[Tensor]) -> FuncOp:
    """A kernel without arguments whose results hold one number everywhere."""
    func = FuncOp("fill", [], results)
    block = func.body.block
    made: list[SSAValue] = []
    block.add_op(constant := ConstantOp(number))
    for type in results:
        empty = tensor.EmptyOp([], type)
        generic = filled(constant.result, empty.tensor)
        block.add_ops([empty, generic])
        made.append(generic.results[0])
    Rewriter.erase_op(constant)
    block.add_op(ReturnOp(*made))
    return func
