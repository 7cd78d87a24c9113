"""Fusing kernels changes no number, whatever the program."""

from random import Random

import numpy as np
import pytest
from aic.compiler.interpret import interpret
from aic.compiler.pass_api import run_passes
from aic.compiler.verify_ssa import verify_ssa
from aic.dialects import kernel
from aic.dialects._report import Report, collecting
from aic.dialects._xdsl import GenericOp
from aic.passes.tensor._grouping import LARGEST
from aic.passes.tensor.fuse_kernels import STRATEGIES, FuseKernels, Strategy
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.func import FuncOp

from .programs import Program

SIBLINGS = """func.func @main(%x: tensor<4x8xf32>, %y: tensor<8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %a = graph.exp %x : (tensor<4x8xf32>) -> tensor<4x8xf32> loc("a")
  %b = graph.neg %x : (tensor<4x8xf32>) -> tensor<4x8xf32> loc("b")
  %c = graph.add %b, %y : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32> loc("c")
  func.return %a, %c : tensor<4x8xf32>, tensor<4x8xf32>
}"""


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 25))
def test_the_numbers_stay(strategy: Strategy, random: Random, steps: int) -> None:
    program = Program(random, steps)
    before = interpret(program.ctx, program.module, program.inputs())
    FuseKernels(strategy).apply(program.ctx, program.module)
    program.module.verify()
    verify_ssa(program.module)
    main = next(op for op in program.module.ops if isinstance(op, FuncOp))
    assert not any(isinstance(op, GenericOp) for op in main.walk())
    for old, new in zip(before, interpret(program.ctx, program.module, program.inputs()), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-12, atol=1e-14)  # numpy sums an array in the order it lies in


def test_a_kernel_has_an_end() -> None:
    """Each more member is compared with all others: a sum of thousands of tensors would take minutes."""
    lines = [f"  %{i} = graph.neg %{i - 1 if i else 'x'} : (tensor<4xf32>) -> tensor<4xf32>" for i in range(300)]
    body = "\n".join(lines)
    text = f"func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {{\n{body}\n  func.return %299 : tensor<4xf32>\n}}"
    module = run_passes(text, "lower-graph-to-tensor,fuse-kernels")
    sizes = [sum(isinstance(op, GenericOp) for op in k.walk()) for k in module.ops if isinstance(k, kernel.FuncOp)]
    launches = [op for op in module.walk() if isinstance(op, kernel.LaunchOp)]
    assert max(sizes) == LARGEST and len(launches) == -(-300 // LARGEST)


@pytest.mark.parametrize(
    ("strategy", "groups"),
    [("greedy", [("b", "c")]), ("post-dominators", [("b", "c")]), ("multi-output", [("a", "b", "c")])],
)
def test_a_remark_tells_what_a_group_saves(strategy: Strategy, groups: list[tuple[str, ...]]) -> None:
    """%b is neither written nor read again; as siblings, %x is read once instead of twice. 4 x 8 x 4 bytes each."""
    with collecting(Report()) as report:
        run_passes(SIBLINGS, f"lower-graph-to-tensor,fuse-kernels{{strategy={strategy}}}")
    told = [r for r in report.remarks(lambda name: name == "fuse-kernels") if r.rule == "group"]
    assert [r.nodes for r in told] == groups
    assert report.steps[-1].saved["group"] == 128 * (3 if strategy == "multi-output" else 2)
    assert report.steps[-1].launches["group"] == sum(len(nodes) - 1 for nodes in groups)


def test_a_result_that_others_read_is_still_written() -> None:
    text = SIBLINGS.replace("return %a, %c", "return %b, %c")
    with collecting(Report()) as report:
        run_passes(text, "lower-graph-to-tensor,fuse-kernels")
    assert report.steps[-1].saved == {"group": 128}


def test_the_limit_takes_a_group_apart() -> None:
    with collecting(Report(limit=0)):
        module = run_passes(SIBLINGS, "lower-graph-to-tensor,fuse-kernels{strategy=multi-output}")
    assert sum(isinstance(op, kernel.LaunchOp) for op in module.walk()) == 3
