"""Instructions of programs get the semaphores that order them.

    npu.ld_a x = %0, ..                  npu.ld_a x = %0, .., signals = [1]
    npu.mm x = %0, y = %1, z = %2   -->  npu.mm x = %0, y = %1, z = %2, waits = [1]

At most two waits and two signals stay on an instruction, the rest go to `npu.sync` beside it. After npu-alloc, because
operands that share an address one after the other are ordered too. A program that has semaphores is left as it is.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException

from ....dialects._report import rewriting
from ....dialects.graph.weight import AicContext, WeightStore
from ....dialects.npu.program import ProgramOp
from ..ir import from_ir, update
from ..machine import MachineError, machine_from
from ..order.sync import synchronise


@dataclass(frozen=True)
class NpuSync(ModulePass):
    """`machine`: a preset, a TOML file, either with keys replaced."""

    name = "npu-sync"

    machine: str = "edge"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        for program in [p for p in op.walk() if isinstance(p, ProgramOp) and not p.sems.data]:
            if not rewriting(program, "order", program.sym_name.data, required=True):
                continue
            code = from_ir(program, weights)
            before = code.ops
            try:
                synchronise(code, machine_from(self.machine))
            except MachineError as error:
                raise DiagnosticException(f"npu-sync: {program.sym_name.data}: {error}") from error
            update(program, code, before)
