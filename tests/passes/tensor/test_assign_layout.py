"""What assign-layout could not spare is told: each copy to another order, with its cost."""

import numpy as np
from aic.compiler.pipeline import run_pipeline
from aic.dialects._report import Report, collecting
from aic.dialects.graph.contraction import MatmulOp
from aic.dialects.graph.view import TransposeOp
from aic.dialects.kernel import LaunchOp
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Region

from ..graph.programs import Program

PASSES = "lower-graph-to-tensor,fold-views,fuse-kernels,assign-layout"


def copies_and_remarks(turned: bool) -> tuple[int, list[str]]:
    """x @ y, or x @ y^T, of 64 x 64 numbers."""
    p = Program(*(np.zeros((64, 64), np.float32) for _ in range(2)))
    y = p.op(TransposeOp, p.args[1], perm=[1, 0]) if turned else p.args[1]
    z = p.op(MatmulOp, p.args[0], y)
    p.block.add_op(ReturnOp(z))
    module = ModuleOp([FuncOp("main", (p.block.arg_types, [z.type]), Region(p.block))])
    with collecting(Report()) as report:
        run_pipeline(p.ctx, module, PASSES)
    launched = [op.kernel for op in module.walk() if isinstance(op, LaunchOp)]
    return sum(name.startswith("copy") for name in launched), [
        r.text for r in report.remarks() if r.rule == "conversion"
    ]


def test_a_copy_that_is_left_is_told_with_its_cost() -> None:
    copies, remarks = copies_and_remarks(turned=True)
    assert copies == 1 and remarks == ["operand 1 is copied to the order [1, 0]: 32768 bytes moved"]


def test_no_copy_no_remark() -> None:
    assert copies_and_remarks(turned=False) == (0, [])
