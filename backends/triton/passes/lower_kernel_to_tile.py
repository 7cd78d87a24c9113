"""Kernels of generics become tile kernels, as their schedules say.

    kernel.func @k0(%x: memref<4x768xf32>, %y: memref<4x768xf32>) attributes {schedule = {BX = 1024, warps = 4}} {
      linalg.generic .. exp
    }
-->
    tile.kernel @k0(%x: !tile.view<f32, [3072]>, %y: !tile.view<f32, [3072]>) attributes {grid = () -> (3), ..} {
      %r = 1024 * pid + arange 1024;  tile.store exp(tile.load %x[%r]), %y[%r]
    }

Launches stay as they are: the arguments keep their places. Of a schedule with `split` two kernels come, and memory
between them:

    kernel.launch @k0(%x, %w, %y)   -->   %p = memref.alloc() : memref<8x768xf32>
                                          kernel.launch @k0_parts(%p, %x, %w);  kernel.launch @k0(%p, %y)

After choose-tile-schedule; before plan-memory, which sees launches only.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import memref
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import PassFailedException

from ....dialects._report import rewriting
from ....dialects._shape import dtype, element
from ....dialects.kernel import FuncOp, LaunchOp
from ..lower.body import Unsupported
from ..lower.kernel import Lowered, lowered
from ..lower.schedule import ScheduleError, schedule_of
from ..lower.views import alignments


@dataclass(frozen=True)
class LowerKernelToTile(ModulePass):
    """Option: how products of f32 multiply: ieee, tf32, tf32x3; or rounded to f16 or bf16 before."""

    name = "lower-kernel-to-tile"
    precision: str = "ieee"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        launches: dict[str, list[LaunchOp]] = {}
        for launch in op.walk():
            if isinstance(launch, LaunchOp):
                launches.setdefault(launch.kernel, []).append(launch)
        for func in [f for f in op.ops if isinstance(f, FuncOp)]:
            if not rewriting(func, "lower", func.sym_name.data, required=True):
                continue
            where = f"kernel @{func.sym_name.data} ({func.location})"
            try:
                if (schedule := schedule_of(func.schedule)) is None:
                    raise ScheduleError("it has no schedule; run choose-tile-schedule first")
                given = launches.get(func.sym_name.data, [])
                made = lowered(func, schedule, _aligns(func, given), self.precision)
            except (Unsupported, ScheduleError) as error:
                raise PassFailedException(f"lower-kernel-to-tile: {where}: {error}") from error
            Rewriter.replace_op(func, [step.kernel for step in made.steps], [])
            for launch in given if made.memory is not None else ():
                _launch_steps(launch, made)


def _launch_steps(launch: LaunchOp, made: Lowered) -> None:
    """Launch each step in the place of the kernel, with memory between them."""
    assert made.memory is not None
    memory = memref.AllocOp([], [], made.memory)
    ops: list[Operation] = [memory]
    for step in made.steps:
        given = [memory.memref if i is None else launch.arguments[i] for i in step.arguments]
        ops.append(LaunchOp(step.kernel.sym_name.data, given))
    for op in ops:
        op.location = launch.location
    Rewriter.replace_op(launch, ops, [])


def _aligns(func: FuncOp, launches: list[LaunchOp]) -> dict[int, int]:
    """The alignment of each argument, from where the launches' operands begin."""
    args = [a for a in func.body.block.args if isinstance(a.type, MemRefType)]
    starts = {a.index: [_start(launch.arguments[a.index]) for launch in launches] for a in args}
    return alignments(starts, {a.index: dtype(element(a)).itemsize for a in args})


def _start(value: SSAValue) -> int | None:
    """Elements from the beginning of the memory that a memref shows; None if that is known at run time only."""
    if not isinstance(owner := value.owner, memref.ReinterpretCastOp):
        return 0
    (offset,) = owner.static_offsets.get_values()
    return None if owner.offsets else int(offset)
