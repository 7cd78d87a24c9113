"""npu-sync: semaphores between queues that touch the same addresses, none where they do not; what does not fit an
instruction goes to `npu.sync`; what has semaphores is left alone."""

import re

import pytest
from aic.backends.npu.code import Buffer, Code, Ref, Segment
from aic.backends.npu.machine import machine_from
from aic.backends.npu.order.sync import synchronise
from aic.compiler.context import context
from aic.compiler.pipeline import run_pipeline
from xdsl.parser import Parser
from xdsl.utils.exceptions import DiagnosticException

HEAD = """
npu.program @p marks [] sems {sems} line {{spad = 32, wmem = 32, acc = 128}} {{
  %x = npu.buffer "x" align 32 at 0 : memref<4096xi8, "spad">
  %y = npu.buffer "y" align 32 {at} : memref<4096xi8, "spad">
  %w = npu.buffer "w" align 32 at 0 : memref<4096xi8, "wmem">
  %c = npu.buffer "c" align 128 at 0 : memref<4096xi8, "acc">
  %r = npu.buffer "r" align 16 at 0 : memref<4096xi8, "pmem">
"""
FILL = "npu.fill x = %x, desc = {n0 = 256}, layer = 0\n"
MM = "npu.mm x = %x, y = %w, z = %c, desc = {mx = 8, ax = 2}, layer = 0\n"
RQ = "npu.v_rq x = %c, y = %r, z = %x, desc = {nx = 8, s0x = 8, dx = 2, dtype = 2}, layer = 0\n"
USE = "npu.fill x = %y, desc = {n0 = 256}, layer = 0\n"
READ = "npu.mm x = %y, y = %w, z = %c, desc = {mx = 8, ax = 2}, layer = 0\n"


def synced(body: str, at: str = "at 4096", sems: str = "[]") -> list[str]:
    """Mnemonics with their waits and signals, after the pass."""
    ctx = context()
    module = Parser(ctx, HEAD.format(at=at, sems=sems) + body + "}").parse_module()
    run_pipeline(ctx, module, "npu-sync")
    module.verify()
    found = re.findall(r"npu\.(fill|mm|v_rq|sync) (.*)", str(module))
    return [" ".join([name, *re.findall(r"(?:waits|signals) = \[.*?\]", rest)]) for name, rest in found]


def test_queues_that_touch_the_same_bytes_are_ordered():
    assert synced(FILL + MM + FILL + MM) == [
        "fill signals = [1]",
        "mm waits = [1] signals = [2]",
        "fill waits = [2] signals = [1]",
        "mm waits = [1]",
    ]


def test_what_is_apart_is_not_ordered():
    assert synced(USE + MM + READ) == ["fill signals = [1]", "mm", "mm waits = [1]"]


def test_an_address_that_is_used_again_orders_too():
    found = synced(MM + USE + READ, at="at 0")
    assert found == ["mm signals = [2]", "fill waits = [2] signals = [1]", "mm waits = [1]"]


def test_what_nobody_reads_is_not_loaded():
    assert synced(FILL + USE + MM) == ["fill signals = [1]", "mm waits = [1]"]
    assert synced(FILL + FILL + MM + FILL) == ["fill signals = [1]", "mm waits = [1]"]


def test_what_another_token_implies_is_dropped():
    """The second fill waits for the requantisation, which has waited for the product."""
    assert synced(FILL + MM + RQ + FILL + MM) == [
        "fill signals = [1]",
        "mm waits = [1] signals = [2]",
        "v_rq waits = [2] signals = [3]",
        "fill waits = [3] signals = [1]",
        "mm waits = [1]",
    ]


def test_more_than_two_waits_go_to_a_sync_before_and_signals_after():
    m = machine_from("edge")
    code = Code(m.line)
    places = {s: Ref(Buffer(s, 4096, s, 16, address=0)) for s in ("spad", "wmem", "acc", "pmem")}
    params, out = Segment(3, "p", "params", 4096), Segment(2, "o", "output", 4096, True)
    code.segments = [params, out]
    dma, gemm = ("dma", {"n0": 256}), ("gemm", {"mx": 8, "ax": 2})
    vec = ("vec", {"nx": 8, "s0x": 8, "dx": 2, "dtype": 2})
    x, c, p = places["spad"], places["acc"], places["pmem"]
    for _ in range(2):
        code.add("ld.a", x=x, dram=(params, 0), desc=dma)
        code.add("ld.p", x=p, dram=(params, 0), desc=("dma", {"n0": 384}))
        code.add("st", x=x, dram=(out, 0), desc=dma)
        code.add("mm", x=x, y=places["wmem"], z=c, desc=gemm)
        code.add("v.rq", x=c, y=p, z=x, desc=vec)
    synchronise(code, m)
    names = [(op.name, len(op.waits), len(op.signals)) for op in code.ops]
    assert ("sync.vpu", 1, 0) in names
    assert names[names.index(("sync.vpu", 1, 0)) + 1][:2] == ("v.rq", 2)
    assert max(max(waits, signals) for _, waits, signals in names) == 2
    before = list(code.ops)
    synchronise(code, m)  # again: the same
    assert [(o.name, o.waits, o.signals) for o in code.ops] == [(o.name, o.waits, o.signals) for o in before]


def test_a_program_with_semaphores_is_left_alone():
    body = FILL[:-1] + ", signals = [1]\n" + MM[:-1] + ", waits = [1]\n" + FILL
    kept = synced(body, sems='[["full", "lda", "mxu", 0]]')
    assert kept == ["fill signals = [1]", "mm waits = [1]", "fill"]


def test_an_unplaced_program_and_an_unknown_machine_are_refused():
    with pytest.raises(Exception, match="has no address"):
        synced(FILL + USE, at="")
    ctx = context()
    module = Parser(ctx, HEAD.format(at="at 0", sems="[]") + FILL + "}").parse_module()
    with pytest.raises(DiagnosticException, match=r"npu-sync: p: .*preset"):
        run_pipeline(ctx, module, 'npu-sync{machine="nowhere"}')
