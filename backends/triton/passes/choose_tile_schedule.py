"""Chooses how each kernel is cut into blocks, from the numbers of the machine.

    kernel.func @k0(%x: memref<128x768xf32>, %w: memref<768x3072xf32>, ..) { contraction (m, n, k) .. }
-->
    kernel.func @k0(..) attributes {schedule = {BK = 64, BM = 64, BN = 128, group = 8, stages = 3, warps = 4}} { .. }

A kernel that has a schedule keeps it, and `schedules` gives those of others by the kernel's signature, as a tuner found
them: `schedules="8d1f..@BM=64,BN=64,BK=32,warps=4,stages=3;.."`. After bufferize, because how arguments lie tells what
is best read side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from ....dialects._report import rewriting
from ....dialects._schedules import Chooser, Space, told
from ....dialects._signature import launched, signature, weights_of
from ....dialects._stages import Kernel, analyse
from ....dialects.kernel import FuncOp, LaunchOp
from ..lower.body import Unsupported
from ..lower.choose import SHARED, Gpu, choose
from ..lower.schedule import Schedule, ScheduleError, parse_schedule
from ..lower.shape import form
from ..lower.space import space_of


@dataclass(frozen=True)
class ChooseTileSchedule(Chooser):
    """Options: multiprocessors of the GPU, the precision of f32 products (ieee, tf32, tf32x3), bytes of shared memory
    that a program may have, schedules by signature."""

    name = "choose-tile-schedule"
    sms: int = 132
    precision: str = "ieee"
    shared: int = SHARED
    schedules: str = ""
    carried_out: ClassVar[str] = "plan-memory"

    @property
    def gpu(self) -> Gpu:
        """What schedules are chosen by."""
        return Gpu(sms=self.sms, shared=self.shared)

    def knowing(self, schedules: str) -> "ChooseTileSchedule":
        return replace(self, schedules=schedules)

    def signature(self, func: FuncOp, launches: Sequence[LaunchOp]) -> str:
        return signature(func, weights_of(launches), self.precision)

    def space(self, func: FuncOp, launches: Sequence[LaunchOp]) -> Space | None:
        if (found := analyse(func)) is None:
            return None
        try:
            return space_of(found, form(found), self.gpu, self.precision)
        except Unsupported:
            return None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        known = told(self.schedules)
        for func, launches in launched(op):
            if func.schedule is not None or (found := analyse(func)) is None:
                continue
            asked = known.get(self.signature(func, launches)) if known else None
            try:
                schedule = self._chosen(found, asked)
            except Unsupported:
                continue  # lower-kernel-to-tile tells
            except ScheduleError as error:
                raise PassFailedException(f"{self.name}: kernel @{func.sym_name.data}: {error}") from error
            if rewriting(func, "schedule" if asked is None else "known-schedule", func.sym_name.data):
                func.schedule = schedule.attribute()

    def _chosen(self, found: Kernel, asked: str | None) -> Schedule:
        """The schedule that is asked for, or the best by estimate."""
        default = choose(found, form(found), self.gpu, self.precision)
        if asked is None:
            return default
        schedule = parse_schedule(asked)
        if lacking := [k for k in default.attribute().data if k not in schedule.attribute().data]:
            raise ScheduleError(f"expected {', '.join(default.attribute().data)}, found {asked}: no {lacking[0]}")
        return schedule
