"""Code as IR and back: nothing is lost, texts parse, and what is wrong is refused."""

from io import StringIO

import numpy as np
import pytest
from aic.backends.npu.code import Code, Mark, Op, Ref, Segment
from aic.backends.npu.emit.encode import encode
from aic.backends.npu.ir import from_ir, to_ir, update
from aic.backends.npu.machine import machine_from
from aic.compiler.context import context
from aic.dialects._location import origins
from aic.dialects.graph.weight import WeightStore
from aic.dialects.npu.instruction import OPS
from aic.dialects.npu.program import ProgramOp
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError, VerifyException

EDGE = machine_from("edge")


def small() -> Code:
    """A load, a product and a requantisation, placed."""
    code = Code(dict(EDGE.line))
    weights = Segment(1, "weights", "weights", 64, tensors=[{"name": "w", "offset": 0}])
    weights.pieces.append((0, lambda: np.arange(64, dtype=np.int8)))
    code.segments += [weights, Segment(2, "out", "output", 64, writable=True)]
    a, w, c, p = (code.buffer(space, 4096, space) for space in ("spad", "wmem", "acc", "pmem"))
    for buffer in (a, w, c, p):
        buffer.address = 0
    w.stream = True
    code.marks = [Mark("conv1", ("/conv1", "/relu"), "matrix", 100, 200, "t")]
    code.sems = [("w_full", "ldw", "mxu", 0)]
    code.add("ld.w", x=Ref(w), dram=(weights, 16), desc=("dma", {"n0": 48}), layer=0).signals = (1,)
    code.add("mm.acc", x=Ref(a, 64), y=Ref(w), z=Ref(c), desc=("gemm", {"mx": 7, "za": -3}), layer=0).waits = (1,)
    fields = {"nx": 7, "imm0": 0.1, "lo": float("-inf"), "hi": float("inf"), "odt": 4, "imm1": 3}
    code.add("v.rq.res.relu", x=Ref(c), y=Ref(a), z=Ref(a), pm=Ref(p, 256), desc=("vec", fields), layer=0)
    code.add("v.act.lut", x=Ref(a), z=Ref(a), lut=Ref(p, 512), desc=("vec", {}))
    code.add("sync.mxu")
    return code


def text(op: ProgramOp) -> str:
    Printer(stream=(out := StringIO())).print_op(op)
    return out.getvalue()


def parsed(source: str) -> ModuleOp:
    return Parser(context(), source).parse_module()


def test_code_comes_back():
    code, weights = small(), WeightStore()
    op = to_ir(code, "k", weights)
    op.verify()
    back = from_ir(op, weights)
    assert encode(back, EDGE) == encode(code, EDGE)
    assert (back.marks, back.sems, back.line) == (code.marks, code.sems, code.line)
    assert [(b.space, b.bytes, b.name, b.align, b.stream, b.address) for b in back.buffers] == [
        (b.space, b.bytes, b.name, b.align, b.stream, b.address) for b in code.buffers
    ]
    assert [(o.name, o.layer, o.waits, o.signals) for o in back.ops] == [
        (o.name, o.layer, o.waits, o.signals) for o in code.ops
    ]
    assert back.segments[0].tensors == [{"name": "w", "offset": 0}] and back.segments[1].writable
    assert encode(back, EDGE).segments[0].data is not None


def test_weights_go_by_name_and_only_once():
    weights = WeightStore()
    first = to_ir(small(), "k", weights)
    again = to_ir(from_ir(first, weights), "k", weights)
    assert list(weights) == ["k.weights"]
    assert again.is_structurally_equivalent(first)
    assert weights["k.weights"][5] == 5


def test_instructions_tell_where_they_come_from():
    ops = [op for op in to_ir(small(), "k", WeightStore()).body.block.ops if op.name in {o.name for o in OPS.values()}]
    assert [origins(op.location) for op in ops] == [("/conv1", "/relu")] * 3 + [()] * 2


def test_text_parses_to_the_same():
    op = to_ir(small(), "k", WeightStore())
    module = parsed(text(op))
    module.verify()
    (found,) = module.ops
    assert found.is_structurally_equivalent(op)
    assert text(op) == text(found) if isinstance(found, ProgramOp) else False


def test_an_op_is_printed_in_short():
    lines = text(to_ir(small(), "k", WeightStore())).splitlines()
    assert '  npu.mm "acc" x = %2[64], y = %3, z = %4, desc = {mx = 7, za = -3}, layer = 0, waits = [1]' in lines


BODY = """npu.program @k marks [] sems [["s", "ldw", "mxu", 0]] line {{}} {{
  %g = npu.segment 1 "w" role "weights" pieces [] tensors "[]" : memref<64xi8, "dram">
  %a = npu.buffer "a" align 32 : memref<64xi8, "spad">
  %w = npu.buffer "w" align 32 : memref<64xi8, "wmem">
  %c = npu.buffer "c" align 32 : memref<64xi8, "acc">
  {}
}}"""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("npu.mm x = %c, y = %w, z = %c, desc = {}, layer = 0", "npu.mm: expected x in spad, found it in acc"),
        ("npu.mm x = %a, y = %w, desc = {}, layer = 0", "expected operands x, y, z, each once, found x, y"),
        ("npu.mm x = %a, x = %a, y = %w, z = %c, desc = {}, layer = 0", "each once"),
        ("npu.mm x = %a[8], y = %w, z = %c, desc = {}, layer = 0", "expected x within 64 bytes, found it at 8"),
        ("npu.mm x = %a[64], y = %w, z = %c, desc = {}, layer = 0", "within 64 bytes, found it at 64"),
        ('npu.mm "res" x = %a, y = %w, z = %c, desc = {}, layer = 0', "mm has no suffix .res"),
        ("npu.mm x = %a, y = %w, z = %c, layer = 0", "expected a gemm descriptor"),
        ("npu.mm x = %a, y = %w, z = %c, desc = {n0 = 1}, layer = 0", "a gemm descriptor has no field n0"),
        ("npu.mm x = %a, y = %w, z = %c, desc = {mx = 0}, layer = 0", "expected mx of 1 to 65535, found 0"),
        ("npu.mm x = %a, y = %w, z = %c, desc = {mx = 1.0 : f64}, layer = 0", "expected a number as mx"),
        ("npu.mm x = %a, y = %w, z = %c, g = %g, desc = {}, layer = 0", "expected g one of x, y, z"),
        ("npu.ld_w x = %w, desc = {}, layer = 0", "expected operands g, x"),
        ("npu.v_pool x = %a, z = %a, desc = {}, layer = 0", "expected v.pool with one of .max .avg .avgp"),
        ('npu.sync "mxu" layer = 0, waits = [1, 2, 3]', "at most two semaphores"),
        ('npu.sync "mxu" layer = 0, waits = [64]', "of 1 to 63"),
        ('%b = npu.buffer "b" align 32 at 8 : memref<64xi8, "spad">', "a multiple of 32"),
        ('%b = npu.buffer "b" align 32 : memref<64xi8, "l2">', "expected a memory of"),
        ('%b = npu.segment 16 "b" role "user" pieces [] tensors "[]" : memref<64xi8, "dram">', "below 16"),
        ('%b = npu.segment 5 "b" role "cache" pieces [] tensors "[]" : memref<64xi8, "dram">', "expected a role"),
        ('%b = npu.segment 0 "b" role "input" writable pieces [] tensors "[]" : memref<4xi8, "dram">', "read only"),
    ],
)
def test_what_is_wrong_is_refused(line: str, message: str):
    with pytest.raises(VerifyException) as error:
        parsed(BODY.format(line)).verify()
    assert message in str(error.value)


def test_operands_stand_before_their_use():
    with pytest.raises(ParseError, match="expected a buffer or a segment from above"):
        parsed(BODY.format("npu.ld_w x = %q, g = %g, desc = {}, layer = 0"))


def test_semaphores_join_queues():
    with pytest.raises(VerifyException, match=r"expected \[name, queue, queue, count\]"):
        parsed(BODY.replace('"mxu", 0', '"dma", 0').format("npu.halt layer = 0")).verify()


def test_a_program_follows_its_code():
    """Other semaphores, an operation less, two more: the first of all, and one behind another."""
    weights = WeightStore()
    op = to_ir(small(), "k", weights)
    code = from_ir(op, weights)
    before = code.ops
    load, product, requantised, *_ = before
    load.signals, product.waits, requantised.signals = (), (2, 1), (2,)
    code.sems.append(("x_full", "vpu", "mxu", 0))
    code.ops = [Op("sync.vpu", signals=(2,), layer=0), load, product, Op("sync.mxu", waits=(2,)), requantised]
    update(op, code, before)
    op.verify()
    assert text(op) == text(to_ir(code, "k", weights))
    first = next(o for o in op.body.block.ops if o.name == "npu.sync")
    assert origins(first.location) == ("/conv1", "/relu")
