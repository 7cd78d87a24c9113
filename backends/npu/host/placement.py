"""Which nodes of the network run where: in programs, on the host, or in the conversion of an input or output.

409 npu, 3 host of 412 nodes
"""

from dataclasses import dataclass, field

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.traits import IsTerminator

from ....dialects import kernel
from ....dialects._location import origins
from ....dialects._shape import shape
from ....dialects.graph._base import GraphOp
from ....dialects.graph.quantize import DequantizeOp, QuantizeOp
from ....dialects.graph.weight import ConstantOp, WeightOp
from .host import main_of

REASON = "npu.reason"
"""Attribute of an op on the host: why it is there."""


@dataclass(frozen=True)
class Left:
    """A node on the host."""

    node: str
    op: str
    reason: str


@dataclass
class Placement:
    """Names of nodes by place; a node of several ops is on the host if one of them is."""

    npu: set[str] = field(default_factory=set[str])
    border: set[str] = field(default_factory=set[str])
    host: list[Left] = field(default_factory=list[Left])

    def json(self) -> dict[str, object]:
        """As the manifest has it."""
        named = {left.node for left in self.host}
        border = self.border - named
        npu = self.npu - named - border
        found = [{"node": left.node, "op": left.op, "reason": left.reason} for left in self.host]
        counts: dict[str, object] = {"device": len(npu), "border": len(border), "host": len(named)}
        return counts | {"nodes": len(npu | border | named), "left": found}


def placement(module: ModuleOp) -> Placement:
    """Where the nodes of a module run whose kernels are the NPU's programs."""
    found = Placement()
    for op in module.ops:
        if isinstance(op, kernel.FuncOp):
            found.npu.update(name for inner in op.walk() for name in origins(inner.location))
    seen: set[str] = set()
    for op in main_of(module).walk():
        names = origins(op.location)
        if isinstance(op, kernel.LaunchOp):
            found.npu.update(names)
        elif isinstance(op, FuncOp | WeightOp | ConstantOp) or op.has_trait(IsTerminator):
            continue
        elif at_border(op):
            found.border.update(names)
        else:
            names = names or (f"{op.name.removeprefix('graph.')} (of no node)",)
            reason = op.attributes.get(REASON)
            told = reason.data if isinstance(reason, StringAttr) else "the NPU has no lowering of this op"
            found.host += [Left(n, op.name.removeprefix("graph."), told) for n in names if n not in seen]
            seen.update(names)
    return found


def at_border(op: Operation) -> bool:
    """Whether an op only changes how an input or output of the network is written down: quantised, or its axes."""
    return isinstance(op, GraphOp) and (_from_outside(op) or _to_outside(op))


def _from_outside(op: Operation) -> bool:
    """A quantisation with one scale of an input of @main, that goes to programs."""
    return (
        isinstance(op, QuantizeOp)
        and isinstance(op.x, BlockArgument)
        and shape(op.scale) in ((), (1,))
        and all(isinstance(use.operation, kernel.LaunchOp) for use in op.res.uses)
    )


def _to_outside(op: Operation) -> bool:
    """A dequantisation with one scale of a program's result, that is an output of @main."""
    return (
        isinstance(op, DequantizeOp)
        and isinstance(op.x.owner, kernel.LaunchOp)
        and shape(op.scale) in ((), (1,))
        and all(isinstance(use.operation, ReturnOp) for use in op.res.uses)
    )


def single(module: ModuleOp) -> tuple[kernel.LaunchOp, list[int], list[int]] | None:
    """The one launch that is all of @main, up to conversions; which input of @main each argument is, and which of
    the launch's results each output. None if there is more to do."""
    main = main_of(module).body.block
    launches = [op for op in main.ops if isinstance(op, kernel.LaunchOp)]
    rest = [op for op in main.ops if not isinstance(op, kernel.LaunchOp | WeightOp | ConstantOp | ReturnOp)]
    if len(launches) != 1 or not all(at_border(op) for op in rest):
        return None
    (launch,) = launches
    last = main.last_op
    assert last is not None
    arguments = [_source(value) for value in launch.arguments]
    results = [_result(value, launch) for value in last.operands]
    known = [a.index for a in arguments if isinstance(a, BlockArgument)]
    made = [r for r in results if r is not None]
    complete = len(known) == len(arguments) and len(made) == len(results) == len(launch.res)
    return (launch, known, made) if complete and len({*known}) == len(known) and len({*made}) == len(made) else None


def _source(value: SSAValue) -> SSAValue:
    return value.owner.x if isinstance(value.owner, QuantizeOp) else value


def _result(value: SSAValue, launch: kernel.LaunchOp) -> int | None:
    found = value.owner.x if isinstance(value.owner, DequantizeOp) else value
    return launch.res.index(found) if found.owner is launch else None
