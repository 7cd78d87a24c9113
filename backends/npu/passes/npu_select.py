"""What the NPU does becomes programs: kernels that hold graph ops and are launched from @main; the rest is the host's.

    func.func @main(%x) {                           func.func @main(%x) {
      %q = graph.quantize %x, ..                      %q = graph.quantize %x, .. {npu.reason = ".."}
      %f = graph.dequantize %q, ..                    %z = kernel.launch @npu0(%q)
      %y = graph.conv %f, %w, %b             -->      return %z
      %z = graph.quantize %y, ..                    }
      return %z                                     kernel.func @npu0(%q) {
    }                                                 %w = .. ; %f = graph.dequantize %q, .. ; .. ; kernel.return %z
                                                    }

After the graph passes and npu-quantize; dequantised constants have to be there still (fold-constants{keep=dequantize}).
Programs are convex and few; what has no layer, or would be a program without multiplications, keeps its place with the
attribute `npu.reason`.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from ....dialects import kernel
from ....dialects._location import fused
from ....dialects._report import rewriting
from ....dialects.graph.weight import AicContext, WeightStore
from ..host.placement import REASON
from ..machine import machine_from
from ..select.network import ROUNDING
from ..select.partition import Part, partition


@dataclass(frozen=True)
class NpuSelect(ModulePass):
    """`machine` is a preset's name or a file; `rounding` of sums of integers: `ort` as onnxruntime's kernels, `onnx` as
    the operators say."""

    name = "npu-select"

    machine: str = "edge"
    rounding: str = "ort"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        main = next((f for f in op.ops if isinstance(f, FuncOp) and f.sym_name.data == "main"), None)
        if main is None:
            return
        found = partition(main.body.block, weights, machine_from(self.machine), self.rounding)
        parts = {level: part for level, part in found.parts.items() if rewriting(part.ops[0], "program", required=True)}
        for host, reason in found.reasons.items():
            host.attributes[REASON] = StringAttr(reason)
        launches: dict[int, Operation] = {}
        for number, (level, part) in enumerate(parts.items()):
            func = program(f"npu{number}", part)
            if self.rounding != "ort":
                func.attributes[ROUNDING] = StringAttr(self.rounding)
            op.body.block.add_op(func)
            launches[level] = launch(func, part)
        rewrite(main.body.block, parts, launches, found.levels)


def program(name: str, part: Part) -> kernel.FuncOp:
    """The ops of a part as a kernel, with the constants that they read."""
    block = Block(arg_types=[value.type for value in part.inputs])
    inside: dict[SSAValue, SSAValue] = dict(zip(part.inputs, block.args, strict=True))
    for value, argument in zip(part.inputs, block.args, strict=True):
        argument.name_hint = value.name_hint
    for op in part.ops:
        for value in op.operands:
            if value not in inside:
                bring(value, block, inside)
        block.add_op(op.clone(inside))
    outputs = [inside[value] for value in part.outputs]
    block.add_op(kernel.ReturnOp(*outputs))
    return kernel.FuncOp(name, [v.type for v in part.inputs], [v.type for v in outputs], Region(block))


def bring(value: SSAValue, block: Block, inside: dict[SSAValue, SSAValue]) -> None:
    """A known value into the kernel, with what it is computed from."""
    owner = value.owner
    assert isinstance(owner, Operation)
    for operand in owner.operands:
        if operand not in inside:
            bring(operand, block, inside)
    block.add_op(owner.clone(inside))


def launch(func: kernel.FuncOp, part: Part) -> kernel.LaunchOp:
    """The launch of a part's kernel."""
    made = kernel.LaunchOp(func.sym_name.data, part.inputs, [value.type for value in part.outputs])
    made.location = fused(op.location for op in part.ops)
    return made


def rewrite(block: Block, parts: dict[int, Part], launches: dict[int, Operation], levels: dict[Operation, int]) -> None:
    """Launches in place of the parts' ops, all in the order of levels: what is known first, the return last."""
    for level, part in parts.items():
        for old, new in zip(part.outputs, launches[level].results, strict=True):
            new.name_hint = old.name_hint
            old.replace_all_uses_with(new)
    ops = list(block.ops)
    gone = {op for part in parts.values() for op in part.ops}
    order = {op: (levels.get(op, -1), i) for i, op in enumerate(ops) if op not in gone}
    order |= {launches[level]: (level, ops.index(part.ops[0])) for level, part in parts.items()}
    order |= {op: (len(ops), 0) for op in ops if isinstance(op, ReturnOp)}
    for op in reversed(ops):
        op.detach()
        if op in gone:
            op.erase()
    block.add_ops(sorted(order, key=order.__getitem__))
    for op in reversed(list(block.ops)):
        if op not in levels and op.results and not any(r.uses for r in op.results):
            op.detach()
            op.erase()
