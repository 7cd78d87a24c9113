"""The kernels of a model as tasks of tuning: each in a module that launches it alone, its weights told from the rest.

func.func @main(%x: tensor<128x768xf32>) -> tensor<128x3072xf32> {
  %w = graph.weight @w1 : tensor<768x3072xf32>
  %y = kernel.launch @k4(%x, %w) ...
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xdsl.dialects import memref
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.passes import ModulePass

from ...dialects import kernel
from ...dialects._location import origins
from ...dialects._schedules import Chooser, Schedule, Space
from ...dialects._signature import launched, weights_of
from ...dialects.graph.weight import AicContext, WeightOp
from ..driver import LEVELS, Options, Plan, lower, plan
from ..errors import UsageError
from ..frontends.onnx.model import Model
from ..inspect import main_of
from ..pipeline import run_pipeline
from ..work import launches as counted


@dataclass(frozen=True)
class Task:
    """A kernel: its name, what it is known by, how often a run launches it, the ONNX nodes of its first launch."""

    name: str
    signature: str
    launches: int
    nodes: tuple[str, ...]
    module: ModuleOp
    space: Space


@dataclass(frozen=True)
class Tasks:
    """The kernels that leave a choice, by signature once each, and what turns one into code: the passes from that on
    which chooses schedules."""

    ctx: AicContext
    tasks: tuple[Task, ...]
    steps: tuple[ModulePass, ...]

    def lowered(self, task: Task, schedule: Schedule | None) -> ModuleOp:
        """A task's module with its kernel as code, by default as the pass chooses; PassFailedException if the schedule
        cannot be carried out."""
        module = task.module.clone()
        func = next(op for op in module.ops if isinstance(op, kernel.FuncOp))
        func.schedule = None if schedule is None else task.space.attribute(schedule)
        run_pipeline(self.ctx, module, self.steps, verify_ends=False)
        return module


def tasks_of(model: Model, target: str, options: Options) -> Tasks:
    """The tasks of a model; UsageError for a target whose kernels are not scheduled."""
    level, chooser, steps = _split(plan(target, options))
    edit = options.edit or (lambda found: found)
    made = lower(model, target, replace(options, edit=lambda found: _down_to(edit(found), level)), until=level)
    runs: dict[str, int] = {}
    for launch, count, _ in counted(main_of(made.module).body.block):
        runs[launch.kernel] = runs.get(launch.kernel, 0) + count
    found: dict[str, Task] = {}
    for func, launches in launched(made.module):
        name = func.sym_name.data
        if not launches or name not in runs:
            continue
        if (known := found.get(key := chooser.signature(func, launches))) is not None:
            found[key] = replace(known, launches=known.launches + runs[name])
        elif (space := chooser.space(func, launches)) is not None:
            nodes = origins(launches[0].location)
            found[key] = Task(name, key, runs[name], nodes, module_of(func, launches), space)
    return Tasks(made.ctx, tuple(found.values()), steps)


def _split(found: Plan) -> tuple[str, Chooser, tuple[ModulePass, ...]]:
    """The level at which schedules are chosen, the pass that does so, and the passes from there to kernels' code."""
    rest = [(level, step) for level in LEVELS for step in found.get(level, ())]
    for at, (level, step) in enumerate(rest):
        if isinstance(step, Chooser):
            names = [other.name for _, other in rest[at:]]
            last = names.index(step.carried_out) + 1 if step.carried_out in names else len(names)
            return level, step, tuple(other for _, other in rest[at : at + last])
    raise UsageError("the passes choose no schedules: there is nothing to tune", code="not-tuned")


def _down_to(found: Plan, level: str) -> Plan:
    """The plan down to the choice of schedules, which is at that level."""
    steps = found[level]
    at = next((i for i, step in enumerate(steps) if isinstance(step, Chooser)), len(steps))
    return {**found, level: steps[:at]}


def module_of(func: kernel.FuncOp, launches: Sequence[kernel.LaunchOp]) -> ModuleOp:
    """A module that launches the kernel, on memory that begins where it does in each of the launches."""
    block, weights = Block(), weights_of(launches)
    values: list[SSAValue] = []
    for i, kind in enumerate(func.function_type.inputs.data):
        if i in weights:
            block.add_op(weight := WeightOp(f"w{i}", kind))
            values.append(weight.res)
        else:
            values.append(block.insert_arg(_whole(launches[0].arguments[i]), len(block.args)))
    outputs = func.function_type.outputs.data
    made: list[kernel.LaunchOp] = []
    for launch in _unlike(launches):
        operands = [_begun(block, value, given) for value, given in zip(values, launch.arguments, strict=True)]
        block.add_op(again := kernel.LaunchOp(func.sym_name.data, operands, outputs))
        made.append(again)
    block.add_op(ReturnOp(*made[0].res))
    kind = FunctionType.from_lists([arg.type for arg in block.args], outputs)
    return ModuleOp([func.clone(), FuncOp("main", kind, Region(block))])


def _unlike(launches: Sequence[kernel.LaunchOp]) -> list[kernel.LaunchOp]:
    """Those launches whose memory begins elsewhere than that of earlier ones."""
    starts = {
        tuple(
            str(v.owner.static_offsets) if isinstance(v.owner, memref.ReinterpretCastOp) else "" for v in x.arguments
        ): x
        for x in reversed(launches)
    }
    return [*starts.values()]


def _whole(given: SSAValue) -> Attribute:
    """The type of the memory that an argument is a part of."""
    owner = given.owner
    return owner.source.type if isinstance(owner, memref.ReinterpretCastOp) else given.type


def _begun(block: Block, value: SSAValue, given: SSAValue) -> SSAValue:
    """The part of memory that an argument is."""
    if not isinstance(cast := given.owner, memref.ReinterpretCastOp) or cast.offsets or value.type != cast.source.type:
        return value
    block.add_op(again := cast.clone({cast.source: value}))
    return again.result
