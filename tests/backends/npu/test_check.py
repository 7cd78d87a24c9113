"""The checker: nothing on a good program; every token removed or added, address moved, is told."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest
from aic.backends.npu.isa import EncodeError
from aic.backends.npu.machine import machine_from
from aic.backends.npu.order.check import Finding, check, errors, serial
from aic.backends.npu.program import Instruction, Program
from aic.backends.npu.sim.event import timeline
from aic.backends.npu.sim.functional import Functional
from aic.backends.npu.sim.memory import SimulationError

from .instructions import append

Example = Callable[..., Program]


def find(program: Program, rule: str) -> Finding:
    return next(f for f in check(program) if f.rule == rule)


@pytest.mark.parametrize("buffers", [1, 2])
def test_the_example_is_clean(example: Example, buffers: int):
    for depth in (2, 8, 64):
        assert check(example(buffers), depth) == []


def test_every_wait_and_every_signal_removed_is_reported(example: Example):
    program, told = example(), 0
    for index, ins in enumerate(program.text):
        for at in ("waits", "signals"):
            for nth in range(len(getattr(ins, at))):
                mutant = deepcopy(program)
                left = tuple(s for n, s in enumerate(getattr(ins, at)) if n != nth)
                setattr(mutant.text[index], at, left)
                assert [f for f in check(mutant) if f.is_error]
                told += 1
    assert told == 52


def test_every_initial_count_raised_is_reported(example: Example):
    program = example()
    for n, (name, producer, consumer, initial) in enumerate(program.sems):
        mutant = deepcopy(program)
        mutant.sems[n] = (name, producer, consumer, initial + 1)
        assert [f for f in check(mutant) if f.is_error]


def test_a_race_names_both_instructions_and_the_missing_edge(example: Example):
    program = example()
    third = [i for i in program.text if i.name == "ld.a"][2]
    third.waits = ()
    found = find(program, "E-RACE")
    assert (found.space, found.start, found.end, found.edge) == ("spad", 0, 0x2000, "mxu -> lda")
    assert program.text[found.instruction].name == "ld.a"
    assert program.text[found.other].name == "mm"
    assert "add sig/wait mxu -> lda" in str(found)


def test_a_deadlock_names_its_cycle(example: Example):
    program = example()
    program.sems[1] = (*program.sems[1][:3], 0)
    assert "waits for a_free (mxu -> lda)" in find(program, "E-DEADLOCK").message


def test_a_full_queue_keeps_what_it_waits_for_out():
    """Dispatch is in the order of the text: with two entries the third wait keeps the signals from coming."""
    text = [Instruction("sync", f=0, waits=(1,)) for _ in range(3)]
    text += [*(Instruction("sync", f=2, signals=(1,)) for _ in range(3)), Instruction("halt")]
    program = Program(machine_from("edge"), text, sems=[("go", "mxu", "lda", 0)])
    assert check(program, 3) == []
    (found,) = check(program, 2)
    assert found.rule == "E-DEADLOCK" and "sync.lda (0) waits for go (mxu -> lda)" in found.message
    program.machine = machine_from("edge,queue_depth=2")
    assert [f.rule for f in check(program)] == ["E-DEADLOCK"]


def test_sums_on_top_of_nothing(example: Example):
    program = example()
    next(i for i in program.text if i.name == "mm").f = 1
    found = find(program, "E-UNINIT")
    assert (found.space, found.start, found.end) == ("acc", 0, 0x4000)


def test_beyond_the_end_of_a_memory(example: Example):
    program = example()
    next(i for i in program.text if i.name == "v.rq").y += (65536 - 256) // 16
    found = find(program, "E-OOB")
    assert (found.space, found.start) == ("pmem", 65536)
    program = example()
    next(i for i in program.text if i.name == "st").z += 0x3800
    assert find(program, "E-OOB").space == "dram:C"


def test_wrong_queue_of_a_semaphore(example: Example):
    program = example()
    program.sems[0] = ("a_full", "ldw", "mxu", 0)
    assert "not its producer queue" in find(program, "E-SEM").message


def test_what_nobody_reads_is_told_and_an_error_of_compiled_programs(example: Example):
    program = example()
    last = [i for i in program.text if i.name == "st"][-1]
    last.x -= 0x1000 // 16
    assert [f.rule for f in check(program) if f.rule == "W-DEAD"]
    assert errors(program)


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("st", {"y": 1 << 21}, "read only"),
        ("ld.a", {"x": 2 << 22}, "expected spad"),
        ("mm", {"d": 0}, "expected gemm"),
        ("mm", {"waits": (9,)}, "no semaphore 9"),
        ("st", {"z": 4}, "not multiples of 16"),
        ("halt", {"waits": (1,)}, "halt is in no queue"),
    ],
)
def test_an_instruction_that_does_not_exist(example: Example, name: str, change: dict, text: str):
    program = example()
    index = next(n for n, i in enumerate(program.text) if i.name == name)
    program.text[index] = replace(program.text[index], **change)
    assert text in find(program, "E-ENC").message


@pytest.mark.parametrize(
    ("name", "fields", "text"),
    [
        ("ld.a", {"n1": 65535, "n2": 65535, "g1": 0}, "4294836225 rows of 128 bytes"),
        ("ld.a", {"n0": 65520, "n1": 2000}, "expected at most 4194304 rows and 67108864 bytes"),
        ("mm", {"nkh": 63, "nkw": 63, "nc1": 4095}, "sums of 520097760"),
        ("mm", {"nn": 4095, "sb": 1}, "bytes of B: more than the memories have"),
        ("mm", {"bl": 1, "nc1": 3000, "nn": 100}, "bytes of B: more than the memories have"),
        ("mm", {"dtype": 1}, "type i16xi8, the machine has i8, bf16"),
        ("v.rq", {"ny": 65535, "nx": 65535}, "SPAD has 1048576 bytes"),
    ],
)
def test_what_no_memory_holds_is_told_and_not_tried(example: Example, name: str, fields: dict[str, int], text: str):
    program = example()
    number, ins = next((n, i) for n, i in enumerate(program.text) if i.name == name)
    program.table[ins.d] = (program.table[ins.d][0], {**program.table[ins.d][1], **fields})
    assert text in find(program, "E-ENC").message
    with pytest.raises(SimulationError, match=rf"instruction {number} \({name}.*{text[:20]}"):
        Functional(program).run()
    with pytest.raises(EncodeError, match=text[:20]):
        timeline(program)


@pytest.mark.parametrize(
    ("mnemonic", "fields", "text"),
    [
        ("v.ew.add", {"dtype": 0, "odt": 4, "rnd": 2}, "i8 to bf16, expected sources and result integral, or"),
        ("v.ew.mul", {"dtype": 2, "odt": 2}, "i32 to i32"),
        ("v.ew.sub", {"rnd": 1}, "a sum rounded as ort or onnx"),
        ("v.act.gelu", {}, "i8 to i8, expected lut or relu from integral"),
        ("v.act.lut", {"dtype": 4, "odt": 4}, "bf16 to bf16, expected lut or relu"),
        ("v.cp.cp", {"dtype": 4, "odt": 3}, "bf16 to f32, expected types of one size, or a scale (imm0)"),
        ("v.rq.gelu", {"dtype": 2}, "expected a floating result of gelu"),
        ("v.rq.res", {"dtype": 2, "rnd": 1}, "a sum rounded as ort or onnx"),
    ],
)
def test_types_that_an_instruction_does_not_take(mnemonic: str, fields: dict[str, int], text: str):
    program = Program(machine_from("edge"))
    x = ("acc" if mnemonic.startswith("v.rq") else "spad", 0)
    y = None if mnemonic.startswith(("v.act", "v.cp")) else ("spad", 4096)
    append(program, mnemonic, x=x, y=y, z=("spad", 8192), kind="vec", **fields)
    assert text in find(program, "E-ENC").message
    with pytest.raises(SimulationError):
        Functional(program).run()


def test_findings_tell_the_layer_and_its_nodes(example: Example):
    from aic.backends.npu.code import Mark

    program = example()
    program.marks = [Mark("conv1", ("node_1", "node_2"), "matrix", 1)]
    program.text.insert(0, Instruction("mark", d=0, f=2))
    next(i for i in program.text if i.name == "mm").f = 1
    found = find(program, "E-UNINIT")
    assert (found.layer, found.nodes) == ("conv1", ("node_1", "node_2"))
    assert "layer conv1" in str(found)


def test_long_waits_are_advice(example: Example):
    found = timeline(program := example(1))
    told = serial(program, found.times, found.last)
    assert told
    assert not any(f.is_error for f in told)
    assert "a_free" in {f.semaphore for f in told}
