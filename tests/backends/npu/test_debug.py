"""The debugger on the hand-written product: steps, stops, questions, comparison, all by lines of text."""

import numpy as np
import pytest
from aic.backends.npu.code import Mark
from aic.backends.npu.debug.commands import Commands
from aic.backends.npu.debug.debugger import END, Debugger
from aic.backends.npu.program import Instruction, Program
from aic.backends.npu.sim.functional import Functional
from aic.dialects.npu._meaning import TFLITE, requantise

from .example import example

RNG = np.random.default_rng(0)
A = RNG.integers(-128, 128, (256, 128), dtype=np.int8)
B = RNG.integers(-128, 128, (2, 4, 32, 32), dtype=np.int8)
BIAS, MULT = RNG.integers(-5000, 5000, 64, dtype=np.int32), RNG.integers(1 << 30, (1 << 31) - 1, 64, dtype=np.int32)
SHIFT = np.full(64, 9, np.int32)


def product() -> Program:
    """The example with a mark on each queue and its result as the tensor of a layer."""
    program = example()
    program.text[:0] = [Instruction("mark", d=0, f=queue) for queue in (0, 2, 3)]
    program.marks = [Mark("product", ("MatMul_0",), "matrix", 256 * 128 * 64, out="c")]
    writers = [i for i, ins in enumerate(program.text) if ins.name == "v.rq"]
    pieces = [[n, 0, 0, 64 * i, 0, 1, 1] for i, n in enumerate(writers)]
    program.tensors = [{"name": "c", "shape": [1, 1, 256, 64], "dtype": "i8", "pieces": pieces}]
    return program


def load(sim: Functional) -> None:
    sim.segments[0][:] = A.view(np.uint8).reshape(-1)
    sim.segments[1][:] = B.view(np.uint8).reshape(-1)
    planes = np.stack([p.reshape(2, 32) for p in (BIAS, MULT, SHIFT)], 1)
    sim.segments[3][:] = planes.reshape(-1).view(np.uint8)


def wanted() -> np.ndarray:
    acc = A.astype(np.int64) @ B.transpose(1, 2, 0, 3).reshape(128, 64)
    return requantise(acc.astype(np.int32), BIAS, MULT, SHIFT, TFLITE).astype(np.int8).reshape(1, 1, 256, 64)


def session(*lines: str, **given: object) -> tuple[list[str], Debugger]:
    """What is said, and the debugger at the end."""
    debugger, said = Debugger(product(), load, **given), []
    Commands(debugger, said.append).read(lines)
    return said, debugger


def test_runs_in_the_order_of_starts_to_the_end():
    said, debugger = session("c")
    assert said[-2:] == [f"stopped: {END}", END]
    assert sorted(debugger.order) == list(range(len(debugger.program.text)))
    assert debugger.order != sorted(debugger.order)
    assert debugger.times[debugger.order[-1]] == 3350 + 3, "a mark is dispatched in a cycle"
    assert np.array_equal(debugger.tensors["c"], wanted())
    assert np.array_equal(debugger.sim.segments[2].view(np.int8), wanted().reshape(-1))


def test_steps_by_count_and_by_queue():
    said, debugger = session("s 2", "s mxu")
    assert debugger.program.text[debugger.order[debugger.done - 1]].queue == 2
    assert said[0].startswith("next 0") and "mark.lda id=0" in said[0]
    said, debugger = session("s 1000")
    assert said[-1] == END


def test_stops_before_instructions_and_layers():
    said, debugger = session("b ins 9", "c")
    assert "stopped: instruction 9" in said and debugger.next == 9
    assert debugger.program.text[9].name == "v.rq" and "v.rq x=acc:0x0" in said[-1] and said[-1].endswith("; product")
    said, debugger = session("b layer product", "b", "b clear", "b", "c")
    assert "layers ['product']" in said[1] and "layers []" in said[3] and said[-1] == END


def test_stops_at_semaphores_and_shows_them():
    said, debugger = session("b sem c_full", "c", "sems", "c")
    assert "stopped: semaphore c_full" in said
    assert "c_full mxu -> vpu: 1" in said and "a_free mxu -> lda: 1" in said
    assert debugger.program.text[debugger.order[debugger.done - 1]].name in ("mm", "v.rq")


def test_stops_when_watched_bytes_change():
    said, debugger = session("w spad:0x8000+64", "c", "p spad:0x8000 i8[64]")
    assert "stopped: spad:0x8000 changed" in said
    number = debugger.order[debugger.done - 1]
    assert debugger.program.text[number].name == "v.rq" and "-" in said[-1]


def test_prints_tensors_and_bytes():
    said, _ = session("p product.out", "c", "p product.out", "p c", "p spad:0 i8[2,4]", "p A:0 i8[4]", "p acc:0 i32[2]")
    assert "c [1, 1, 256, 64], 4 parts not yet made" in said and said.count("c [1, 1, 256, 64]") == 2
    assert str(A.reshape(-1)[:8].reshape(2, 4)) not in said, "the buffer has been reused"
    assert str(A.reshape(-1)[:4]) in said


def test_goes_back():
    said, debugger = session("w acc:0+128", "c", "rs", "p acc:0 i32[2]", "s", "p acc:0 i32[2]")
    assert str(np.zeros(2, np.int32)) in said
    first = (A[:1].astype(np.int64) @ B[0].reshape(128, 32)[:, :2])[0]
    assert str(first.astype(np.int32)) == said[-1]
    assert debugger.program.text[debugger.order[debugger.done - 1]].name == "mm"


def test_says_who_wrote_a_place_and_from_what():
    said, _ = session("bt spad:0x8000", "b ins 10", "c", "bt spad:0x8000+16")
    assert "spad:0x8000: nothing has written it" in said
    at = next(i for i, text in enumerate(said) if text.startswith("9 @") and i > 2)
    assert "v.rq" in said[at] and [text.split()[3] for text in said[at + 1 :]] == ["ld.p", "mm"]


def test_writes_numbers():
    _, debugger = session("s 4", "set wmem:0 i8 1 -2 3", "p wmem:0 i8[4]")
    assert debugger.sim.memories.local[2].data[:3].view(np.int8).tolist() == [1, -2, 3]


def test_lists_queues_text_and_help():
    said, _ = session("queues", "dis 3", "h", "q", "nonsense")
    assert any(t.startswith("mxu: 1 @1: mark.mxu") for t in said) and any(t.startswith("st: ") for t in said)
    assert any(t.startswith("bt MEMORY") for t in said) and "error" not in " ".join(said)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x", "no command 'x'; h lists them"),
        ("b ins 999", "no instruction 999"),
        ("b layer conv", "no layer 'conv'; there is product"),
        ("b sem s", "no semaphore 's'; there is a_full"),
        ("b there", "expected ins, layer, sem or clear, found 'there'"),
        ("p spad:0 i9[3]", "expected a type of i8"),
        ("p spad:0xfffff0 i8[32]", "32 bytes of 0x100000"),
        ("p nothing", "no memory and no layer 'nothing'"),
        ("p dram:0 i8", "no memory 'dram'; there is"),
        ("w spad:4194304", "there are 0x100000 bytes"),
        ("w", "expected w MEMORY:ADDRESS"),
        ("bt spad", "expected a place"),
        ("set spad:0 i8 x", "expected numbers, found x"),
        ("s x", "expected a number, found 'x'"),
    ],
)
def test_says_what_is_wrong_and_goes_on(line: str, message: str):
    said, _ = session(line, "s")
    assert said[1].startswith("error: ") and message in said[1] and "mark.lda" in said[2]


def test_stops_at_the_first_tensor_that_differs():
    expected = wanted()
    expected[0, 0, 130, 7] += 1
    said, debugger = session("c", reference={"c": expected}.get)
    found = debugger.difference
    assert found is not None and (found.count, found.index, found.layer) == (1, (0, 0, 130, 7), "product")
    assert debugger.program.text[found.makers[0]].name == "v.rq" and found.makers == (17,)
    assert any(text.startswith("stopped: c of layer product differs in 1 of 16384 elements") for text in said)
    assert debugger.done < len(debugger.order)


def test_equal_tensors_do_not_stop():
    said, debugger = session("c", reference={"c": wanted()}.get)
    assert debugger.difference is None and said[-1] == END
    off = wanted()
    off[0, 0, 0, 0] -= 1
    said, debugger = session("c", reference={"c": off}.get, tolerance=1.0)
    assert debugger.difference is None


def test_an_instruction_that_goes_wrong_is_told():
    program = product()
    program.text[7].x = 1 << 22 | (1 << 20) // 16 - 1
    said: list[str] = []
    Commands(Debugger(program, load), said.append).read(["b ins 7", "c", "s"])
    assert any("instruction" in text and "spad byte 0x10" in text for text in said)
