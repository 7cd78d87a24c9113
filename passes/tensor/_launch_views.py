"""A kernel that only transposes need not run: its launch is a view.

    %1 = kernel.launch @k(%0) : (tensor<4x8xf32>) -> tensor<8x4xf32>          @k yields its input, read through (j, i)
-->
    %e = tensor.empty() : tensor<8x4xf32>
    %1 = linalg.transpose ins(%0) outs(%e) permutation = [1, 0]
"""

from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects._report import rewriting
from ...dialects._xdsl import GenericOp, TransposeOp
from ...dialects.kernel import FuncOp, LaunchOp, ReturnOp
from ._moves import copied_from


def launches_as_views(function: func.FuncOp, kernels: dict[str, FuncOp]) -> None:
    """Rewrite the launches of kernels that only transpose, or only copy."""
    found = {name: order for name, kernel in kernels.items() if (order := permutation(kernel)) is not None}
    for op in [o for o in function.walk() if isinstance(o, LaunchOp) and o.kernel in found]:
        if not rewriting(op, "launch-as-view", op.kernel):
            continue
        value: SSAValue = op.arguments[0]
        order = found[op.kernel]
        if order != tuple(range(len(order))):
            empty = tensor.EmptyOp([], op.res[0].type)
            view = TransposeOp(value, empty.tensor, DenseArrayBase.from_list(i64, order))
            empty.location = view.location = op.location
            Rewriter.insert_op([empty, view], InsertPoint.before(op))
            value = view.results[0]
        op.res[0].replace_all_uses_with(value)
        Rewriter.erase_op(op)


def permutation(kernel: FuncOp) -> tuple[int, ...] | None:
    """Which dimension of the one argument each dimension of the one result is, if the kernel only moves them."""
    args, ops = kernel.body.block.args, list(kernel.body.block.ops)
    if len(args) != 1 or len(ops) != 3 or not isinstance(ops[1], GenericOp) or not isinstance(ops[2], ReturnOp):
        return None
    copied = copied_from(ops[1])
    if copied is None or copied[0] is not args[0]:
        return None
    dims = [r.position for r in copied[1].results if isinstance(r, AffineDimExpr)]
    if sorted(dims) != list(range(copied[1].num_dims)) or len(dims) != len(copied[1].results):
        return None
    return tuple(dims.index(d) for d in range(len(dims)))
