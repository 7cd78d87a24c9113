"""Damaged programs and machines: refused with a reason, or run within bounds of memory and time; and where the checker
has nothing to say the simulators have nothing to refuse."""

from pathlib import Path

import numpy as np
import pytest
from aic.backends.npu.code import Mark
from aic.backends.npu.emit.asm import AsmError, assemble, disassemble
from aic.backends.npu.emit.container import ContainerError, npux_bytes, read_npux
from aic.backends.npu.host.tensor import EntryError
from aic.backends.npu.isa import EncodeError
from aic.backends.npu.machine import MachineError, machine_from, preset_text, read_machine
from aic.backends.npu.order.check import check, serial
from aic.backends.npu.program import Instruction, Program
from aic.backends.npu.report.report import report_of
from aic.backends.npu.report.trace import trace
from aic.backends.npu.sim.event import TimingError, timeline
from aic.backends.npu.sim.functional import Functional
from aic.backends.npu.sim.memory import SimulationError
from aic.backends.npu.sim.run import ports, simulate
from aic.backends.npu.sim.tensors import Tensors

from .example import example
from .hostile import damaged, retyped

EDGE = machine_from("edge")
TEXT = (Path(__file__).parent / "example.npuasm").read_text()
A = {"name": "a", "offset": 0, "shape": [1, 256, 1, 128], "dtype": "i8", "layout": "nc1hwc0", "lanes": 32}
C = {"name": "c", "offset": 0, "shape": [1, 256, 1, 64], "dtype": "i8", "layout": "nc1hwc0", "lanes": 32}


def program() -> Program:
    """With inputs, outputs, marks and a tensor in pieces."""
    made = example()
    made.segments[0].tensors, made.segments[2].tensors = [dict(A)], [dict(C)]
    made.segments[1].data = np.arange(8192).astype(np.uint8)
    made.segments[3].data = np.zeros(768, np.uint8)
    made.marks = [Mark("gemm", ("/a", "/b"), "matrix", 100, 200, "y")]
    made.text.insert(0, Instruction("mark", d=0, f=2))
    makers = [n for n, ins in enumerate(made.text) if ins.name == "v.rq"]
    pieces = [[n, 0, 0, 64 * i, 0, 1, 1] for i, n in enumerate(makers)]
    made.tensors = [{"name": "y", "shape": [1, 1, 256, 64], "dtype": "i8", "scale": 0.5, "pieces": pieces}]
    return made


GOOD = npux_bytes(program())


def used(program: Program) -> tuple[bool, bool]:
    """Everything that is done with a program: whether the checker found errors, and whether it ran."""
    found = check(program)
    wrong = any(f.is_error for f in found)
    assert all(str(f).isprintable() or "\n" not in str(f) for f in found)
    try:
        ran = timeline(program)
        report_of(program, ran, "p")
        trace(program, ran)
        serial(program, ran.times, ran.last)
    except (TimingError, EncodeError):
        assert wrong
    assert assemble(disassemble(program), program.machine).text == program.text
    try:
        arrays = {entry.name: np.zeros(entry.full, np.float32) for _, entry in ports(program).inputs}
        simulation = simulate(program, arrays)
        assert isinstance(simulation.outputs, dict)
        tensors = Tensors(sim := Functional(program))
        for number in range(len(program.text)):
            sim.step(number)
            tensors.after(number)
    except EntryError:
        return wrong, False
    except SimulationError as error:
        assert wrong or "are missing" in str(error)
        return wrong, False
    return wrong, True


def test_the_program_is_good():
    assert used(read_npux(GOOD)) == (False, True)


@pytest.mark.parametrize("block", range(8))
def test_damaged_containers(block: int):
    refused = wrong = ran = 0
    for seed in range(40 * block, 40 * (block + 1)):
        try:
            found = read_npux(damaged(GOOD, seed))
        except ContainerError as error:
            refused += 1
            assert str(error)
            continue
        errors, done = used(found)
        wrong, ran = wrong + errors, ran + done
    assert refused > 10 and wrong > 0 and ran > 0


def test_retyped_assembly():
    read = 0
    for seed in range(120):
        try:
            made = assemble(retyped(TEXT, seed), EDGE)
            data = npux_bytes(made)
        except (AsmError, ContainerError, EncodeError) as error:
            assert str(error)
            continue
        used(read_npux(data))
        read += 1
    assert 5 < read < 115


def test_retyped_machines():
    read = 0
    for seed in range(120):
        try:
            machine = read_machine(retyped(preset_text("edge"), seed))
        except MachineError as error:
            assert str(error)
            continue
        made = program()
        made.machine = machine
        used(made)
        read += 1
    assert 5 < read < 115
