"""Kernels: the unit of code, of tuning and of caching; and their launches from the host function.

    kernel.func @k0(%x: tensor<4x8xf32>, %w: tensor<8x16xf32>) -> tensor<4x16xf32> attributes {schedule = ...} {
      ...
      kernel.return %y : tensor<4x16xf32>
    }
    %2 = kernel.launch @k0(%x, %w) : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>

Above `bufferize` a kernel takes and returns tensors; below it takes memrefs, its outputs last, and returns nothing.
A tensor type's encoding (`strided<...>` or an affine map) is the layout that its buffer will have.
"""

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FlatSymbolRefAttrConstr,
    FunctionType,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
)
from xdsl.dialects.utils import parse_func_op_like, print_func_op_like
from xdsl.ir import Attribute, Block, Operation, ParametrizedAttribute, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent, IsolatedFromAbove, IsTerminator, SymbolOpInterface, SymbolTable
from xdsl.utils.exceptions import VerifyException


@irdl_attr_definition
class ScheduleAttr(ParametrizedAttribute):
    """How a kernel is to be carried out: for each scheduled stage a dictionary with its register tile."""

    name = "kernel.schedule"
    tiles: ArrayAttr[DictionaryAttr]


@irdl_op_definition
class FuncOp(IRDLOperation):
    """A kernel: one block, isolated; `schedule` says how it is to be carried out."""

    name = "kernel.func"
    sym_name = prop_def(SymbolNameConstraint())
    function_type = prop_def(FunctionType)
    schedule = opt_prop_def(Attribute)
    body = region_def("single_block")
    traits = traits_def(IsolatedFromAbove(), SymbolOpInterface())

    def __init__(
        self, name: str, inputs: Sequence[Attribute], outputs: Sequence[Attribute], body: Region | None = None
    ):
        super().__init__(
            properties={"sym_name": StringAttr(name), "function_type": FunctionType.from_lists(inputs, outputs)},
            regions=[body or Region(Block(arg_types=inputs))],
        )

    def verify_(self) -> None:
        found = tuple(arg.type for arg in self.body.block.args)
        if found != self.function_type.inputs.data:
            raise VerifyException(f"kernel.func: expected arguments {self.function_type.inputs}, found {found}")
        if not isinstance(self.body.block.last_op, ReturnOp):
            raise VerifyException("kernel.func: expected a kernel.return at its end")

    def print(self, printer: Printer) -> None:
        hidden = ("sym_name", "function_type", "schedule")
        fields = dict(self.attributes) | ({"schedule": self.schedule} if self.schedule is not None else {})
        print_func_op_like(
            printer,
            self.sym_name,
            self.function_type,
            self.body,
            fields,
            reserved_attr_names=[h for h in hidden if h != "schedule"],
        )

    @classmethod
    def parse(cls, parser: Parser) -> "FuncOp":
        name, inputs, outputs, body, extra, _, _ = parse_func_op_like(
            parser, reserved_attr_names=("sym_name", "function_type")
        )
        func = cls(name, inputs, outputs, body)
        attributes = dict(extra.data) if extra is not None else {}
        if (schedule := attributes.pop("schedule", None)) is not None:
            func.schedule = schedule
        func.attributes |= attributes
        return func


@irdl_op_definition
class ReturnOp(IRDLOperation):
    """The kernel's results; none once it writes into its output buffers."""

    name = "kernel.return"
    values = var_operand_def()
    traits = traits_def(HasParent(FuncOp), IsTerminator())
    assembly_format = "attr-dict ($values^ `:` type($values))?"

    def __init__(self, *values: SSAValue):
        super().__init__(operands=[values])

    def verify_(self) -> None:
        func = self.parent_op()
        if isinstance(func, FuncOp) and func.function_type.outputs.data != tuple(self.values.types):
            raise VerifyException(
                f"kernel.return: expected {func.function_type.outputs}, found {', '.join(map(str, self.values.types))}"
            )


@irdl_op_definition
class LaunchOp(IRDLOperation):
    """One run of a kernel. On tensors it is pure; on memrefs it writes the last operands, the kernel's outputs."""

    name = "kernel.launch"
    arguments = var_operand_def()
    callee = prop_def(FlatSymbolRefAttrConstr)
    res = var_result_def()
    assembly_format = "$callee `(` $arguments `)` attr-dict `:` functional-type($arguments, $res)"

    def __init__(self, callee: str, arguments: Sequence[SSAValue], results: Sequence[Attribute] = ()):
        super().__init__(operands=[arguments], result_types=[results], properties={"callee": SymbolRefAttr(callee)})

    @property
    def kernel(self) -> str:
        """The name of the launched kernel."""
        return self.callee.root_reference.data

    def verify_(self) -> None:
        module: Operation | None = self
        while module is not None and not module.has_trait(SymbolTable):
            module = module.parent_op()
        if module is None:
            return
        func = SymbolTable.lookup_symbol(module, self.callee)
        if func is None:
            raise VerifyException(f"kernel.launch: no kernel.func @{self.kernel}")
        if not isinstance(func, FuncOp):  # a target's own form of the kernel
            return
        expected = func.function_type
        if expected.inputs.data != tuple(self.arguments.types) or expected.outputs.data != tuple(self.res.types):
            found = FunctionType.from_lists(self.arguments.types, self.res.types)
            raise VerifyException(f"kernel.launch @{self.kernel}: expected {expected}, found {found}")
