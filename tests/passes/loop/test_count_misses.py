"""The misses that are predicted are those of a cache that the nest is run on, access by access."""

from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
import pytest
from aic.compiler.pass_api import run_passes
from aic.dialects._report import Report, collecting
from aic.passes.loop._locality import locality_of, stack_distances
from aic.passes.loop._naming import named
from aic.passes.loop._statements import nest_of
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects import arith, memref, scf
from xdsl.ir import Operation, SSAValue

from .loop_programs import SIDE, module_of, programs

Env = dict[SSAValue, int]


def run(op: Operation, env: Env) -> Iterator[tuple[SSAValue, int]]:
    """Run an op on indices alone; the elements that it touches, in order."""
    match op:
        case scf.ForOp():
            for value in range(env[op.lb], env[op.ub], env[op.step]):
                env[op.body.block.args[0]] = value
                for inner in op.body.block.ops:
                    yield from run(inner, env)
        case arith.ConstantOp() if str(op.result.type) == "index":
            env[op.result] = op.value.value.data
        case arith.AddiOp():
            env[op.result] = env[op.lhs] + env[op.rhs]
        case arith.MinSIOp():
            env[op.result] = min(env[op.lhs], env[op.rhs])
        case memref.LoadOp() | memref.StoreOp():
            row, column = (env[i] for i in op.indices)
            yield op.memref, SIDE * row + column
        case _:
            pass


def misses(trace: list[tuple[object, int]], lines: int) -> int:
    """A cache of so many lines that drops the one used least recently."""
    cache: OrderedDict[tuple[object, int], None] = OrderedDict()
    count = 0
    for line in trace:
        count += line not in cache
        cache[line] = None
        cache.move_to_end(line)
        if len(cache) > lines:
            cache.popitem(last=False)
    return count


@settings(max_examples=50, deadline=None)
@given(programs(), st.sampled_from(["", "loop-tile{loops=ia,ja sizes=2,3}", "loop-interchange{loops=ia,ja}"]))
def test_predicted_misses_are_those_of_a_cache(text: str, passes: str) -> None:
    try:
        module = run_passes(text, passes)
    except Exception:
        module = module_of(text)
    env: Env = {}
    main = next(iter(module.body.block.ops))
    nests = [each.loop for each in named(module) if each.loop.parent_op() is main]
    for op in main.body.block.ops:
        touched = list(run(op, env))
        if op not in nests:
            continue
        for line in (4, 8, 64):
            trace = [(buffer, 4 * element // line) for buffer, element in touched]
            found = locality_of(nest_of([op]), line)
            assert found.accesses == len(trace)
            for lines in (1, 2, 3, 4, 8, 100):
                assert found.misses(lines) == misses(trace, lines) == sum(found.by_buffer(lines).values())


@pytest.mark.parametrize("size", [0, 1, 2, 3, 100, 1000])
def test_stack_distances_of_any_trace(size: int) -> None:
    lines = np.random.default_rng(size).integers(0, 20, size)
    found = stack_distances(np.zeros(size, np.int64), lines)
    for room in (1, 2, 5, 19, 20):
        assert ((found < 0) | (found >= room)).sum() == misses([(0, n) for n in lines], room)


COLUMNS = """
kernel.func @k(%x: memref<64x64xf32>, %y: memref<64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  scf.for %i = %c0 to %c64 step %c1 {
    scf.for %j = %c0 to %c64 step %c1 {
      %v = memref.load %x[%j, %i] : memref<64x64xf32>
      loop.store %v, %y[%i] : f32, memref<64xf32>
    }
  }
  scf.for %k = %c0 to %n step %c1 {
    %v = loop.load %y[%k] : memref<64xf32> -> f32
  }
  kernel.return
}
"""


def test_what_is_told():
    with collecting(Report()) as report:
        run_passes(COLUMNS, "count-misses{caches=1024,32768}")
    told, unknown = (remark.text for remark in report.remarks())
    assert told.startswith("i (L0) in @k: 8192 accesses; 1 KiB: ")
    assert "; 32 KiB: 260 misses (16.25 KiB fetched), %x 256, %y 4" in told
    assert unknown == "k (L2) in @k: %n is not known"
    with collecting(Report()) as report:
        run_passes(COLUMNS, "loop-tile{loops=i,j sizes=16,16},count-misses{caches=4096}")
    assert "4 KiB: 26" in report.remarks()[1].text
