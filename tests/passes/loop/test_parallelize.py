"""Loops shared out among threads compute the same bits, whatever the order of the parts, and however many."""

from random import Random

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline, verify
from aic.dialects import kernel
from aic.dialects.loop import ParallelOp
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import IndexType, ModuleOp
from xdsl.parser import Parser
from xdsl.rewriter import InsertPoint, Rewriter

from ..tensor.programs import Program

TENSOR = "fold-views,fuse-kernels,assign-layout,choose-schedule{vector-bytes=16},bufferize"
LOOP = "lower-kernel-to-loop{vector-bytes=16},join-launches"
SMALL = (4,)
"""Programs without any loop to split."""


def _run(program: Program) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        return interpret(program.ctx, program.module, program.inputs())


def _shuffle(module: ModuleOp, random: Random) -> int:
    """Write the parts one after the other, in any order; how many regions there were."""
    regions = [op for op in module.walk() if isinstance(op, ParallelOp)]
    for op in regions:
        count = op.threads.value.data
        order = list(range(count))
        random.shuffle(order)
        place = InsertPoint.before(op)
        for part in order:
            numbers = [arith.ConstantOp.from_int_and_width(n, IndexType()) for n in (part, count)]
            values = dict(zip(op.body.block.args, [n.result for n in numbers], strict=True))
            Rewriter.insert_op([*numbers, *(o.clone(values) for o in op.body.block.ops)], place)
        Rewriter.erase_op(op)
    return len(regions)


@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_the_parts_gives_the_same_bits(seed: int, threads: int) -> None:
    program = Program(Random(seed), 14)
    run_pipeline(program.ctx, program.module, f"{TENSOR},{LOOP}", verify_each=False)
    before = _run(program)
    run_pipeline(program.ctx, program.module, f"parallelize{{threads={threads} least=8}}", verify_each=True)
    for old, new in zip(before, _run(program), strict=True):
        np.testing.assert_array_equal(new, old)
    regions = _shuffle(program.module, Random(seed))
    assert regions or seed in SMALL
    verify(program.module)
    for old, new in zip(before, _run(program), strict=True):
        np.testing.assert_array_equal(new, old)


NEST = """
kernel.func @k(%x: memref<{size}xf32>, %y: memref<{size}xf32>) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant {outer} : index
  %m = arith.constant {inner} : index
  scf.for %i = %c0 to %n step %c1 {{
    scf.for %j = %c0 to %m step %c1 {{
      %v = loop.load %x[{inner} * %i + %j] : memref<{size}xf32> -> f32
      %w = math.exp %v : f32
      loop.store %w, %y[{inner} * %i + %j] : f32, memref<{size}xf32>
    }}
  }}
  kernel.return
}}
"""


def _split(outer: int, inner: int, options: str) -> list[scf.ForOp]:
    """The loops that were shared out."""
    ctx = context()
    module = Parser(ctx, NEST.format(outer=outer, inner=inner, size=outer * inner)).parse_module()
    run_pipeline(ctx, module, f"parallelize{{{options}}}", verify_each=True)
    return [
        o for op in module.walk() if isinstance(op, ParallelOp) for o in op.body.block.ops if isinstance(o, scf.ForOp)
    ]


def _depth(op: scf.ForOp) -> int:
    depth, around = 0, op.parent_op()
    while around is not None and not isinstance(around, kernel.FuncOp):
        depth, around = depth + isinstance(around, scf.ForOp), around.parent_op()
    return depth


def test_little_work_stays_on_one_thread():
    assert not _split(64, 4, "threads=2")
    assert _split(64, 40, "threads=2")


def test_one_thread_changes_nothing():
    assert not _split(64, 40, "threads=1")


def test_the_outermost_loop_is_split_unless_its_rounds_do_not_share_out():
    assert [_depth(op) for op in _split(64, 400, "threads=2")] == [0]
    assert [_depth(op) for op in _split(3, 40000, "threads=2")] == [1]
    assert [_depth(op) for op in _split(1, 40000, "threads=4")] == [1]
