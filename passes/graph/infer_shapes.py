"""Result types are those that operands and properties imply, from the first op to the last; the function's too.

    %0 = graph.relu %x : (tensor<4x8xf32>) -> tensor<?x8xf32>
    %1 = graph.add %0, %y : (tensor<?x8xf32>, tensor<4x1xf32>) -> tensor<?x8xf32>
-->
    %0 = graph.relu %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
    %1 = graph.add %0, %y : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>

After something changed the types of arguments or of ops on the way. What does not fit together is an error that names
the op. Arguments of regions are left to the ops that hold them.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import PassFailedException, VerifyException

from ...dialects._location import origins
from ...dialects._report import rewriting
from ...dialects.graph._base import GraphOp


@dataclass(frozen=True)
class InferShapes(ModulePass):
    """Requires static shapes of the functions' arguments."""

    name = "infer-shapes"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [f for f in op.ops if isinstance(f, func.FuncOp) and not f.is_declaration]:
            for inner in list(function.walk()):
                if isinstance(inner, GraphOp):
                    infer(inner)
            last = function.body.block.last_op
            if isinstance(last, func.ReturnOp):
                block = function.body.block
                function.function_type = FunctionType.from_lists(block.arg_types, list(last.operand_types))


def infer(op: GraphOp) -> None:
    """Give an op's results the types that follow; PassFailedException if its operands do not fit together."""
    try:
        types = op.infer()
    except VerifyException as error:
        where = ", ".join(origins(op.location))
        raise PassFailedException(f"infer-shapes: {where}: {error}" if where else f"infer-shapes: {error}") from error
    if types != tuple(op.result_types) and rewriting(op, "retype"):
        for result, type in zip(op.results, types, strict=True):
            if result.type != type:
                Rewriter.replace_value_with_new_type(result, type)
