"""Sums in parts: products, batches of them and reductions, with what they begin with and what becomes of them."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from aic.backends.triton.lower.schedule import Schedule
from aic.compiler.context import context
from aic.compiler.frontends.onnx.importer import import_onnx
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.dialects.kernel import FuncOp, LaunchOp
from aic.dialects.tile.kernel import KernelOp
from aic.dialects.tile.memory import AtomicOp
from onnx import TensorProto, helper
from xdsl.utils.exceptions import PassFailedException

from ._tiles import TENSOR, expect_equal, splits

LOWER = f"lower-graph-to-tensor,{TENSOR}"
BLOCKS = Schedule(BX=4, BR=8, BM=16, BN=16, BK=16, warps=1)


def lowered(nodes: list, dims: tuple[int, ...], split: int, weights: dict[str, tuple[int, ...]], every: bool = False):
    """What a graph of x computes before, the module with its sums (`every` kernel) in parts, x."""
    random = np.random.default_rng(0)
    named = {n: random.standard_normal(s).astype(np.float32) for n, s in (weights or {}).items()}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(array, name) for name, array in named.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    ctx = context()
    module = import_onnx(model, ctx)
    x = random.standard_normal(dims).astype(np.float32)
    wanted = interpret(ctx, module, [x])
    run_pipeline(ctx, module, LOWER, verify_each=True)
    for func in [op for op in module.ops if isinstance(op, FuncOp)]:
        schedule = replace(BLOCKS, split=split)
        func.schedule = (schedule if every or splits(func, schedule) else BLOCKS).attribute()
    run_pipeline(ctx, module, "lower-kernel-to-tile,derive-masks,dce", verify_each=True)
    return wanted, ctx, module, x


def node(op: str, *inputs: str, **how: object) -> onnx.NodeProto:
    return helper.make_node(op, inputs, ["y"], **how)


GRAPHS = {
    "product": ([node("MatMul", "x", "w")], (5, 75), {"w": (75, 37)}),
    "batch": ([node("MatMul", "x", "w")], (3, 18, 75), {"w": (3, 75, 37)}),
    "gemm": ([node("Gemm", "x", "w", "b", transB=1)], (1, 100), {"w": (33, 100), "b": (33,)}),
    "conv": ([node("Conv", "x", "w", "b", pads=[1] * 4)], (2, 6, 5, 7), {"w": (9, 6, 3, 3), "b": (9,)}),
    "sum of rows": ([node("ReduceSum", "x", keepdims=0)], (5, 75), {}),
    "mean along": ([node("ReduceMean", "x", axes=[0], keepdims=0)], (75, 5), {}),
    "largest": ([node("ReduceMax", "x", axes=[1])], (5, 75), {}),
    "product of all": ([node("ReduceProd", "x", axes=[1])], (2, 19), {}),
    "norm": ([node("ReduceL2", "x", axes=[1])], (5, 75), {}),
}


@pytest.mark.parametrize("split", [2, 3, 100])
@pytest.mark.parametrize("name", GRAPHS)
def test_parts_add_up(name: str, split: int):
    nodes, dims, weights = GRAPHS[name]
    wanted, ctx, module, x = lowered(nodes, dims, split, weights)
    expect_equal(interpret(ctx, module, [x]), wanted, 3e-6)  # poison, bounds and races are watched
    launches = [op.kernel for op in module.walk() if isinstance(op, LaunchOp)]
    at = next(i for i, kernel in enumerate(launches) if kernel.endswith("_parts"))
    assert launches[at] == f"{launches[at + 1]}_parts"
    assert not any(isinstance(op, AtomicOp) for op in module.walk())


def test_a_part_more_than_there_are_blocks_is_none():
    _, _, module, _ = lowered(*GRAPHS["product"][:2], 3, GRAPHS["product"][2])
    (parts,) = [op for op in module.ops if isinstance(op, KernelOp) and op.sym_name.data.endswith("_parts")]
    assert parts.programs({}) == (3, 3, 1)  # 5 blocks of 16 in 3 parts of 2, the last of 1
    _, _, module, _ = lowered([node("ReduceSum", "x", keepdims=0)], (2, 3), 4, {})
    assert [op.sym_name.data.endswith("_parts") for op in module.ops if isinstance(op, KernelOp)] == [False]


def test_what_needs_the_whole_sum_to_go_on_is_refused():
    with pytest.raises(PassFailedException, match="split: expected a contraction, or one reduction"):
        lowered([node("Softmax", "x")], (5, 75), 2, {}, every=True)
