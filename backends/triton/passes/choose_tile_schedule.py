"""Chooses how each kernel is cut into blocks, from the numbers of the machine.

    kernel.func @k0(%x: memref<128x768xf32>, %w: memref<768x3072xf32>, ..) { contraction (m, n, k) .. }
-->
    kernel.func @k0(..) attributes {schedule = {BK = 64, BM = 64, BN = 128, group = 8, stages = 3, warps = 4}} { .. }

A kernel that has a schedule keeps it. After bufferize, because how arguments lie tells what is best read side by side.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ....dialects._report import rewriting
from ....dialects._stages import analyse
from ....dialects.kernel import FuncOp
from ..lower.body import Unsupported
from ..lower.choose import Gpu, choose
from ..lower.shape import form


@dataclass(frozen=True)
class ChooseTileSchedule(ModulePass):
    """Options: multiprocessors of the GPU, the precision of f32 products (ieee, tf32, tf32x3)."""

    name = "choose-tile-schedule"
    sms: int = 132
    precision: str = "ieee"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for func in [f for f in op.ops if isinstance(f, FuncOp) and f.schedule is None]:
            if (found := analyse(func)) is None:
                continue
            try:
                schedule = choose(found, form(found), Gpu(sms=self.sms), self.precision)
            except Unsupported:
                continue  # lower-kernel-to-tile tells
            if rewriting(func, "schedule", func.sym_name.data):
                func.schedule = schedule.attribute()
