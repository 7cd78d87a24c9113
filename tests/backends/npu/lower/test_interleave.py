"""Layers of a step take turns: each in its order, in proportion to its time; sums are read before others go on."""

from aic.backends.npu.code import Buffer, Op, Ref
from aic.backends.npu.lower.interleave import interleaved
from aic.backends.npu.machine import machine_from

EDGE = machine_from("edge")


def buffer(space: str) -> Ref:
    return Ref(Buffer(space, 1024, space, 16))


def vector(rows: int, **operands: Ref) -> Op:
    return Op("v.cp" if "x" not in operands else "v.rq", desc=("vec", {"ny": rows}), **operands)


def product(acc: Ref, name: str = "mm") -> Op:
    return Op(name, z=acc, desc=("gemm", {"my": 32, "mx": 8}))


def test_each_layer_advances_in_proportion():
    slow, quick = [vector(100) for _ in range(4)], [vector(10) for _ in range(8)]
    ops = interleaved([slow, quick], EDGE)
    assert [op for op in ops if op in slow] == slow
    assert [op for op in ops if op in quick] == quick
    for at, op in enumerate(ops):
        if op in slow:
            before = sum(1 for other in ops[:at] if other in quick)
            assert abs(before - 2 * slow.index(op) - 1) <= 1


def test_what_is_in_acc_is_read_before_others_go_on():
    accs = [buffer("acc") for _ in range(2)]
    waiting = [product(accs[0]), product(accs[1]), product(accs[0], "mm.acc"), vector(8, x=accs[0])]
    waiting += [product(accs[1], "mm.acc"), vector(8, x=accs[1]), Op("st", x=buffer("spad"), desc=("dma", {"n0": 64}))]
    other = [vector(50) for _ in range(6)]
    ops = interleaved([waiting, other], EDGE)
    start = ops.index(waiting[0])
    assert ops[start : start + len(waiting)] == waiting
    assert 0 < start < len(other)


def test_one_layer_stays_as_it_is():
    ops = [vector(3), product(acc := buffer("acc")), vector(8, x=acc), Op("st", desc=("dma", {"n0": 64}))]
    assert interleaved([ops], EDGE) == ops
    assert interleaved([], EDGE) == []
