"""The functional simulator: what a program computes, one instruction after the other.

sim = Functional(program)
sim.segments[0][:] = image_bytes          uint8 arrays of DRAM, by segment
sim.run()                                 or sim.step(i), in any order that the semaphores allow
sim.segments[2]                           the outputs

What an instruction does follows section by section from its descriptor: walks (strides over bytes) that are made once
per descriptor, and the meanings beside the ops in dialects/npu.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np

from ....dialects.npu._meaning import Numbers
from ..machine import Machine
from ..order.legal import Legality
from ..program import Instruction, Program
from . import elements
from .blas import one_thread
from .matrix import Product
from .memory import Fault, Memories, Memory, SimulationError
from .requantise import Depthwise, Requantise
from .transfer import Transfer


class Kernel(Protocol):
    """What executes instructions of one descriptor."""

    def __init__(self, machine: Machine, ins: Instruction, fields: Mapping[str, int]): ...

    def run(self, memories: Memories, ins: Instruction) -> None:
        """Execute one."""
        ...


KERNELS: dict[str, type[Kernel]] = {
    **dict.fromkeys(("ld.a", "ld.w", "ld.p", "st", "fill", "ld.l"), Transfer),
    "mm": Product,
    "v.rq": Requantise,
    "v.dw": Depthwise,
    "v.pool": elements.Pool,
    "v.ew": elements.Elementwise,
    "v.act": elements.Activation,
    "v.sm": elements.Softmax,
    "v.ln": elements.Norm,
    "v.red": elements.Reduce,
    "v.cp": elements.Copy,
}
FLOW = ("sync", "mark", "halt")


class Functional:
    """The memories of a machine and a program that works on them; memories start as zeros."""

    def __init__(self, program: Program):
        self.program = program
        self.memories = Memories(program.machine, program.segments)
        self._legality = Legality(program)
        self._kernels: dict[tuple[str, int, int, int], Kernel] = {}

    @property
    def segments(self) -> dict[int, Numbers]:
        """The bytes of each segment of DRAM; those of weights and parameters are not to be written."""
        return {number: memory.data for number, memory in self.memories.segments.items()}

    @property
    def spaces(self) -> dict[str, Memory]:
        """Every memory by name: spad, wmem, acc, pmem, and segments."""
        return dict(self.memories.by_name())

    def run(self, order: Iterable[int] | None = None) -> None:
        """Execute all instructions, in program order or in the given one; SimulationError."""
        with one_thread():
            for number in range(len(self.program.text)) if order is None else order:
                self.step(number)

    def step(self, number: int) -> None:
        """Execute one instruction; SimulationError."""
        ins = self.program.text[number]
        if ins.name in FLOW:
            return
        try:
            with np.errstate(all="ignore"):
                self.kernel(ins).run(self.memories, ins)
        except Fault as error:
            raise SimulationError(f"instruction {number} ({self.describe(number)}): {error}") from error

    def kernel(self, ins: Instruction) -> Kernel:
        """What executes an instruction; made once per mnemonic, descriptor and memory of x."""
        key = (ins.name, ins.f, ins.d, ins.x >> 22)
        found = self._kernels.get(key)
        if found is None:
            if wrong := self._legality.descriptor(ins):
                raise Fault(wrong)
            _, fields = self.program.desc(ins)
            found = self._kernels[key] = KERNELS[ins.name](self.program.machine, ins, fields)
        return found

    def describe(self, number: int) -> str:
        """Mnemonic and layer of an instruction."""
        ins, layer = self.program.text[number], self.program.layers()[number]
        marks = self.program.marks
        return f"{ins.mnemonic}, layer {marks[layer].layer}" if 0 <= layer < len(marks) else ins.mnemonic
