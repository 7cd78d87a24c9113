"""Turn each kernel's generics into loops: tiled, vectorised, sums in registers, epilogue before the only store.

    kernel.func @k(%x: memref<128x768xf32>, %w: memref<768x3072xf32, #packed>, %y: memref<128x3072xf32>) {
      %0 = bufferization.to_tensor %x ...
      %1 = linalg.generic {(m, n, k)} ins(%0, %w) ... { mulf, addf }
      bufferization.materialize_in_destination %1 in %y
    }
    -->
    kernel.func @k(...) {
      scf.for %n = 0 to 3072 step 16 {
        scf.for %m = 0 to 108 step 6 {
          %c:12 = scf.for %k = 0 to 768 iter_args(...) { loop.load, loop.splat, mulf, addf }
          loop.store %c#0, %y[3072 * %m + %n] ...

After bufferize, because loops need buffers. Kernels that are loops already stay as they are. A kernel that needs room
between its stages gets one more argument, and each of its launches an allocation. A schedule that cannot be carried out
(vectors along a looked-up dim, rows of a reduced one) is refused. Whatever has no vectors is remarked, with the reason.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import memref
from xdsl.dialects.builtin import FunctionType, MemRefType, ModuleOp, i8
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from ...dialects import kernel
from ...dialects._location import fused, origins
from ...dialects._report import missed, rewriting
from ...dialects._stages import is_bufferized
from .._nest.legality import ScheduleError
from .._nest.nest import Generated, generate
from .._nest.problem import Machine


@dataclass(frozen=True)
class LowerKernelToLoop(ModulePass):
    """Options: bytes of a vector register, how many there are, bytes of the first two caches."""

    name = "lower-kernel-to-loop"
    vector_bytes: int = 32
    registers: int = 16
    l1: int = 32 * 1024
    l2: int = 512 * 1024

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = Machine(self.vector_bytes, self.registers, self.l1, self.l2)
        scratch: dict[str, int] = {}
        for func in [o for o in op.ops if isinstance(o, kernel.FuncOp)]:
            if not is_bufferized(func) or not rewriting(func, "lower", func.sym_name.data, required=True):
                continue
            try:
                made = generate(func, machine)
            except ScheduleError as error:
                raise PassFailedException(f"lower-kernel-to-loop: kernel @{func.sym_name.data}: {error}") from error
            _tell(op, func, made)
            if made is not None and made.scratch:
                scratch[func.sym_name.data] = made.scratch
                inputs = [arg.type for arg in func.body.block.args]
                func.function_type = FunctionType.from_lists([*inputs[:-1], MemRefType(i8, [made.scratch])], [])
                Rewriter.replace_value_with_new_type(func.body.block.args[-1], MemRefType(i8, [made.scratch]))
        if scratch:
            _give_scratch(op, scratch)


def _tell(module: ModuleOp, func: kernel.FuncOp, made: Generated | None) -> None:
    """Remark on loops over single elements; a kernel that only moves comes from where it is launched."""
    if made is not None and not made.scalar:
        return
    location = func.location
    if not origins(location):
        launches = [o for o in module.walk() if isinstance(o, kernel.LaunchOp) and o.kernel == func.sym_name.data]
        location = fused(launch.location for launch in launches)
    if made is None:
        missed(func, "vectorize", "it is made of loops of its own, over single elements", location)
        return
    stages = len(made.tilings)
    told = (f"stage {s.stage} of {stages}, {s.points} points: {s.reason}" for s in made.scalar)
    missed(func, "vectorize", ". ".join(told), location)


def _give_scratch(module: ModuleOp, scratch: dict[str, int]) -> None:
    for launch in [o for o in module.walk() if isinstance(o, kernel.LaunchOp) and o.kernel in scratch]:
        room = memref.AllocOp.get(i8, 64, [scratch[launch.kernel]])
        room.location = launch.location
        operands: list[SSAValue] = [*launch.arguments, room.memref]
        again = kernel.LaunchOp(launch.kernel, operands)
        again.location = launch.location
        again.attributes = dict(launch.attributes)
        Rewriter.insert_op(room, InsertPoint.before(launch))
        Rewriter.replace_op(launch, again)
