"""NPU kernels become programs: planned, cut into strips and blocks, and written as instructions.

    kernel.func @npu0(%x: tensor<1x64x56x56xi8>) -> ... {        npu.program @npu0 {
      %f = graph.dequantize %x ..                                  %0 = npu.buffer "t3" : memref<200704xi8, "spad">
      %c = graph.conv %f, %w ..                            -->     npu.ld_a x = %0, ..
      %q = graph.quantize %c ..                                    npu.mm x = %0, y = %1, z = %2 ..
      kernel.return %q                                             npu.v_rq ..

Buffers have no addresses yet, instructions no semaphores. `effort` 0 and 1 take the first plan that fits, 2 the best of
several by simulation.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException

from ....dialects import kernel
from ....dialects._report import rewriting
from ....dialects._shape import dtype, shape
from ....dialects.graph.weight import AicContext, WeightStore
from ..code import Code, Segment
from ..host.tensor import dims_of
from ..ir import to_ir
from ..layer import Network, Tensor
from ..lower.best import lower_network
from ..machine import machine_from
from ..memory.alloc import AllocError
from ..runs import LowerError
from ..select.compacting import with_compact_inputs
from ..select.network import read_network
from ..select.packing import with_packed_inputs
from ..select.parting import with_parts

PREFIX = "npu"


@dataclass(frozen=True)
class NpuLower(ModulePass):
    """Every kernel whose name begins with `npu`."""

    name = "npu-lower"

    machine: str = "edge"
    effort: int = 2

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        machine = machine_from(self.machine)
        for func in [f for f in op.ops if isinstance(f, kernel.FuncOp) and f.sym_name.data.startswith(PREFIX)]:
            if not rewriting(func, "lower", func.sym_name.data, required=True):
                continue
            network = with_packed_inputs(read_network(func.body.block, weights, machine), machine)
            network = with_parts(with_compact_inputs(network, machine), machine)
            try:
                code = lower_network(network, machine, self.effort)
            except (LowerError, AllocError) as error:
                raise DiagnosticException(f"npu-lower: {func.sym_name.data} on {machine.name}: {error}") from error
            _describe(code, network, func)
            block = func.parent
            assert block is not None
            block.insert_op_before(to_ir(code, func.sym_name.data, weights), func)
            func.detach()
            func.erase()


def _describe(code: Code, network: Network, func: kernel.FuncOp) -> None:
    """Tell the host, port by port, which dimensions of the kernel's arrays are where."""
    inputs, outputs = (next(s for s in code.segments if s.role == role) for role in ("input", "output"))
    for segment, tensors, types in (
        (inputs, network.inputs, func.function_type.inputs.data),
        (outputs, network.outputs, func.function_type.outputs.data),
    ):
        _order(segment, tensors)
        for found, tensor, type in zip(segment.tensors, tensors, types, strict=True):
            found["graph"] = str(dtype(type))
            if tensor.axes is not None:
                dims = dims_of(tensor.full, tensor.axes, shape(type))
                found["dims"] = [[list(factor) for factor in dim] for dim in dims]


def _order(segment: Segment, tensors: list[Tensor]) -> None:
    """The segment's entries in the order of the kernel's arguments or results."""
    by_name = {str(found["name"]): found for found in segment.tensors}
    segment.tensors = [dict(by_name[t.name]) for t in tensors]
