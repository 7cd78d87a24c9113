"""Buffers of programs get addresses.

    %w = npu.buffer "conv1.w" align 32 : memref<9216xi8, "wmem">
-->
    %w = npu.buffer "conv1.w" align 32 at 4096 : memref<9216xi8, "wmem">

Lives follow the order of the text. After npu-lower; before npu-sync, so that the reuse of an address is covered by
semaphores. A program whose buffers all have addresses is left as it is.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException

from ....dialects._report import rewriting
from ....dialects.graph.weight import AicContext, WeightStore
from ....dialects.npu.program import BufferOp, ProgramOp
from ..ir import from_ir
from ..machine import MachineError, machine_from
from ..memory.alloc import AHEAD, AllocError, allocate


@dataclass(frozen=True)
class NpuAlloc(ModulePass):
    """`machine`: a preset, a TOML file, either with keys replaced; `ahead`: of how many transfers of its kind a
    transfer should be able to run ahead, where there is room."""

    name = "npu-alloc"

    machine: str = "edge"
    ahead: int = AHEAD

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        for program in [p for p in op.walk() if isinstance(p, ProgramOp)]:
            places = [b for b in program.body.block.ops if isinstance(b, BufferOp)]
            if all(b.at is not None for b in places if b.res.uses):
                continue
            if not rewriting(program, "place", program.sym_name.data, required=True):
                continue
            code = from_ir(program, weights)
            try:
                allocate(code, machine_from(self.machine), self.ahead)
            except (AllocError, MachineError) as error:
                raise DiagnosticException(f"npu-alloc: {program.sym_name.data}: {error}") from error
            for place, buffer in zip(places, code.buffers, strict=True):
                place.at = None if buffer.address is None else IntegerAttr(buffer.address, i64)
