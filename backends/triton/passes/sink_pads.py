"""Borders of constants move into the kernels that read them: there they are what lies outside of the view.

    %p = tensor.pad %x low[0, 0, 1, 1] high[0, 0, 1, 1] { 0.0 } : tensor<1x8x14x14xf32> to tensor<1x8x16x16xf32>
    %y = kernel.launch @conv(%p, %w)
-->
    kernel.func @conv_1(%x: tensor<1x8x14x14xf32>, %w: ..) { %p = tensor.pad %x ..; .. }
    %y = kernel.launch @conv_1(%x, %w)

A bordered tensor that anything but a kernel of generics reads stays as it is. After assign-layout, which gives the
tensor and the bordered one their orders; before bufferize, which would give the border memory and fill it.
"""

from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import FunctionType, ModuleOp, TensorType
from xdsl.ir import Block, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ....dialects._report import rewriting
from ....dialects._stages import analyse
from ....dialects._xdsl import GenericOp
from ....dialects.kernel import FuncOp, LaunchOp


@dataclass(frozen=True)
class SinkPads(ModulePass):
    """Kernels launched with and without a border become two."""

    name = "sink-pads"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = _Kernels(op, {o.sym_name.data: o for o in op.ops if isinstance(o, FuncOp)})
        for pad in [o for o in op.walk() if isinstance(o, tensor.PadOp) and not isinstance(o.parent_op(), FuncOp)]:
            uses = list(pad.result.uses)
            launches = list(dict.fromkeys(u.operation for u in uses if isinstance(u.operation, LaunchOp)))
            if len({u.operation for u in uses}) != len(launches) or _number(pad) is None:
                continue
            if not all(kernels.takes(launch, pad.result) for launch in launches):
                continue
            if launches and rewriting(pad, "sink", f"into {len(launches)} kernels"):
                for launch in launches:
                    kernels.sink(launch, pad)
                if not pad.result.uses:
                    Rewriter.erase_op(pad)
        kernels.erase_unlaunched()


def _number(pad: tensor.PadOp) -> arith.ConstantOp | None:
    """The constant that a border is made of."""
    last = pad.region.block.last_op
    owner = last.operands[0].owner if last is not None and last.operands else None
    return owner if isinstance(owner, arith.ConstantOp) and not pad.low and not pad.high else None


@dataclass
class _Kernels:
    """The kernels of a module, and those made of them."""

    module: ModuleOp
    named: dict[str, FuncOp]
    made: dict[object, FuncOp] = field(default_factory=dict[object, FuncOp])

    def takes(self, launch: LaunchOp, value: SSAValue) -> bool:
        """Whether a launched kernel consists of generics, which alone read this operand, as an input."""
        func = self.named[launch.kernel]
        if analyse(func) is None:
            return False
        args = [func.body.block.args[i] for i, v in enumerate(launch.arguments) if v is value]
        return all(
            isinstance(use.operation, GenericOp) and use.index < len(use.operation.inputs)
            for a in args
            for use in a.uses
        )

    def sink(self, launch: LaunchOp, pad: tensor.PadOp) -> None:
        """Let a launch take what is inside the border, its kernel make the border."""
        places = tuple(i for i, v in enumerate(launch.arguments) if v is pad.result)
        number = _number(pad)
        assert number is not None
        fields = tuple(str(f) for f in (pad.static_low, pad.static_high, pad.source.type, number.value))
        key = launch.kernel, places, fields
        if (func := self.made.get(key)) is None:
            func = self.made[key] = self.bordered(self.named[launch.kernel], places, pad, number)
        arguments = [pad.source if i in places else v for i, v in enumerate(launch.arguments)]
        new = LaunchOp(func.sym_name.data, arguments, list(launch.res.types))
        new.location = launch.location
        new.attributes |= launch.attributes
        Rewriter.replace_op(launch, new)

    def bordered(self, func: FuncOp, places: tuple[int, ...], pad: tensor.PadOp, number: arith.ConstantOp) -> FuncOp:
        """A kernel that makes the border of some arguments itself."""
        given = [pad.source.type if i in places else a.type for i, a in enumerate(func.body.block.args)]
        block = Block(arg_types=given)
        values: dict[SSAValue, SSAValue] = {}
        for i, (old, new) in enumerate(zip(func.body.block.args, block.args, strict=True)):
            new.name_hint = old.name_hint
            values[old] = new
            if i in places:
                block.add_op(constant := number.clone())
                inner = Block([tensor.YieldOp(constant.result)], arg_types=pad.region.block.arg_types)
                kind = old.type
                assert isinstance(kind, TensorType)
                made = tensor.PadOp(
                    new, [], [], Region(inner), pad.static_low.get_values(), pad.static_high.get_values(), kind
                )
                made.location = pad.location
                block.add_op(made)
                values[old] = made.result
        block.add_ops([op.clone(values) for op in func.body.block.ops])
        types = FunctionType.from_lists(given, func.function_type.outputs.data)
        new = FuncOp(self.fresh(func.sym_name.data), given, types.outputs.data, Region(block))
        new.attributes |= func.attributes
        new.schedule, new.location = func.schedule, func.location
        self.named[new.sym_name.data] = new
        Rewriter.insert_op(new, InsertPoint.after(func))
        return new

    def fresh(self, name: str) -> str:
        """A name that no kernel has."""
        number = 1
        while f"{name}_{number}" in self.named:
            number += 1
        return f"{name}_{number}"

    def erase_unlaunched(self) -> None:
        """Erase the kernels that nothing launches any more."""
        launched = {op.kernel for op in self.module.walk() if isinstance(op, LaunchOp)}
        for name, func in self.named.items():
            if name not in launched:
                Rewriter.erase_op(func)
