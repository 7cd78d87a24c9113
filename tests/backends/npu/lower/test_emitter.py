"""Halos of windows, and rows that a window takes over from the one before."""

from aic.backends.npu.code import Code
from aic.backends.npu.layer import Tensor
from aic.backends.npu.lower.emitter import Emitter
from aic.backends.npu.machine import machine_from
from aic.backends.npu.plan.geometry import Halo

MACHINE = machine_from("edge")


def emitter(tensor: Tensor) -> Emitter:
    return Emitter(Code(MACHINE.line), MACHINE, {id(tensor): Halo(1, 1, 1, 1, 10)})


def test_the_halo_of_a_window() -> None:
    t = Tensor("t", 1, 9, 7, 32)
    e = emitter(t)
    e.fill(e.window(t, -1, 4, stream=True))
    sizes = [(op.desc[1]["n0"], op.desc[1]["n1"]) for op in e.code.ops]
    assert sizes == [(32, 4), (32, 4), (7 * 32, 1)]


def test_rows_taken_over_have_their_halo() -> None:
    t = Tensor("t", 1, 9, 7, 32)
    e = emitter(t)
    old, new = e.window(t, -1, 4, stream=True), e.window(t, 2, 3, stream=True)
    taken = e.carry(old, new, 3, [(0, 1)])
    e.fill(new, taken)
    assert [(op.name, op.desc[1]["n0"], op.desc[1]["n1"], op.x.offset) for op in e.code.ops] == [
        ("ld.l", 9 * 32, 1, 0),
        ("fill", 32, 2, 9 * 32),
        ("fill", 32, 2, 9 * 32 + 8 * 32),
    ]


def test_a_window_that_is_taken_over_needs_no_fill() -> None:
    t = Tensor("t", 1, 9, 7, 32)
    e = emitter(t)
    old, new = e.window(t, -1, 4, stream=True), e.window(t, 2, 1, stream=True)
    e.fill(new, e.carry(old, new, 3, [(0, 1)]))
    assert [op.name for op in e.code.ops] == ["ld.l"]


def test_only_blocks_that_are_there_are_taken_over() -> None:
    t = Tensor("t", 1, 9, 7, 128)
    e = emitter(t)
    old, new = e.window(t, -1, 4, stream=True), e.window(t, 2, 3, stream=True)
    e.carry(old, new, 3, [(0, 1), (2, 2)])
    assert [(op.desc[1]["n2"], op.x.offset) for op in e.code.ops] == [(1, 0), (2, 2 * new.block)]
