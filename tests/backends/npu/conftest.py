"""Programs that several tests of the NPU use."""

from collections.abc import Callable

import pytest
from aic.backends.npu.code import Buffer, Code, Ref, Segment
from aic.backends.npu.emit.encode import encode
from aic.backends.npu.machine import machine_from
from aic.backends.npu.program import Program

SEMS = ("a_full lda mxu 0", "a_free mxu lda 2", "w_full ldw mxu 0", "p_full ldw vpu 0", "c_full mxu vpu 0")
SEMS += ("c_free vpu mxu 2", "o_full vpu st 0", "o_free st vpu 2")


def at(space: str, address: int) -> Ref:
    return Ref(Buffer(space, 0, space, 16, address=address))


@pytest.fixture
def example() -> Callable[..., Program]:
    """`example(buffers=2, machine="edge")`: C[256,64] = requant(A[256,128] x B[128,64]), int8, in blocks of 64 rows;
    semaphores by hand, two buffers of everything or one."""

    def make(buffers: int = 2, machine: str = "edge") -> Program:
        m = machine_from(machine)
        code = Code(m.line)
        fields = [s.split() for s in SEMS]
        code.sems = [(n, p, c, buffers if init == "2" else 0) for n, p, c, init in fields]
        number = {n: i for i, (n, *_) in enumerate(fields, 1)}

        def add(name: str, waits: str = "", signals: str = "", **operands: object) -> None:
            op = code.add(name, **operands)
            op.waits = tuple(number[w] for w in waits.split())
            op.signals = tuple(number[s] for s in signals.split())

        a, b, c, p = (
            Segment(i, n, r, size, w)
            for i, n, r, size, w in (
                (0, "A", "input", 32768, False),
                (1, "B", "weights", 8192, False),
                (2, "C", "output", 16384, True),
                (3, "P", "params", 768, False),
            )
        )
        code.segments = [a, b, c, p]
        add("ld.w", "", "w_full", x=at("wmem", 0), dram=(b, 0), desc=("dma", {"n0": 8192}))
        add("ld.p", "", "p_full", x=at("pmem", 0), dram=(p, 0), desc=("dma", {"n0": 768}))
        add("sync.mxu", "w_full")
        add("sync.vpu", "p_full")
        gemm = {"mx": 64, "ax": 8, "nc1": 4, "sc1": 2, "nn": 2}
        vec = {"nx": 64, "nc1": 2, "s0x": 8, "s0c": 512, "dx": 4, "dc": 2, "dtype": 2, "lo": -128, "hi": 127}
        rows = {"n1": 64, "l1": 8}
        for i in range(4):
            sa, acc, so = at("spad", i % 2 * 0x2000), at("acc", i % 2 * 0x4000), at("spad", 0x8000 + i % 2 * 0x1000)
            load, store = {"n0": 128, "g1": 128, **rows}, {"n0": 64, "g1": 64, "n1": 64, "l1": 4}
            add("ld.a", "a_free", "a_full", x=sa, dram=(a, i * 0x2000), desc=("dma", load))
            operands = {"x": sa, "y": at("wmem", 0), "z": acc}
            add("mm", "a_full c_free", "a_free c_full", **operands, desc=("gemm", gemm))
            operands = {"x": acc, "y": at("pmem", 0), "z": so}
            add("v.rq", "c_full o_free", "c_free o_full", **operands, desc=("vec", vec))
            add("st", "o_full", "o_free", x=so, dram=(c, i * 0x1000), desc=("dma", store))
        return encode(code, m)

    return make
