"""The kernels of a model as tasks of tuning: each in a module that launches it alone, its weights told from the rest.

func.func @main(%x: tensor<128x768xf32>) -> tensor<128x3072xf32> {
  %w = graph.weight @w1 : tensor<768x3072xf32>
  %y = kernel.launch @k4(%x, %w) ...
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.passes import ModulePass

from ...dialects import kernel
from ...dialects._location import origins
from ...dialects._stages import analyse
from ...dialects.graph.weight import AicContext, WeightOp
from ...passes._nest.problem import Machine
from ...passes._nest.schedule import schedule as attribute
from ...passes._nest.signature import launched, signature, weights_of
from ...passes._nest.walk import problem, walk
from ...passes.tensor.choose_schedule import ChooseSchedule
from ..driver import Options, Plan, lower, plan
from ..errors import UsageError
from ..frontends.onnx.model import Model
from ..inspect import main_of
from ..pipeline import run_pipeline
from ..work import launches as counted
from .space import Choices, Schedule, Space, choices_of

LAST = "lower-kernel-to-loop"
"""The pass that carries out schedules; what follows it places buffers."""


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
    """The kernels that leave a choice, by signature once each, and what turns one into code: the passes from
    `choose-schedule` on."""

    ctx: AicContext
    tasks: tuple[Task, ...]
    steps: tuple[ModulePass, ...]
    machine: Machine

    def lowered(self, task: Task, schedule: Schedule) -> ModuleOp:
        """A task's module with its kernel as loops; PassFailedException if the schedule cannot be carried out."""
        module = task.module.clone()
        func = next(op for op in module.ops if isinstance(op, kernel.FuncOp))
        func.schedule = attribute(dict(schedule)) if schedule else None
        run_pipeline(self.ctx, module, self.steps, verify_ends=False)
        return module


def tasks_of(model: Model, target: str, options: Options) -> Tasks:
    """The tasks of a model; UsageError for a target whose kernels are not scheduled."""
    _, steps = _split(plan(target, options))
    chooser = next((step for step in steps if isinstance(step, ChooseSchedule)), None)
    if chooser is None:
        raise UsageError(f"target {target} chooses no schedules: there is nothing to tune")
    machine = Machine(chooser.vector_bytes, chooser.registers, chooser.l1, chooser.l2)
    edit = options.edit or (lambda found: found)
    made = lower(model, target, replace(options, edit=lambda found: _split(edit(found))[0]), until="tensor")
    runs: dict[str, int] = {}
    for launch, count, _ in counted(main_of(made.module).body.block):
        runs[launch.kernel] = runs.get(launch.kernel, 0) + count
    found: dict[str, Task] = {}
    for func, launches in launched(made.module):
        name, weights = func.sym_name.data, weights_of(launches)
        if not launches or name not in runs:
            continue
        if (known := found.get(key := signature(func, weights))) is not None:
            found[key] = replace(known, launches=known.launches + runs[name])
        elif space := space_of(func, weights, machine):
            alone, nodes = module_of(func, weights), origins(launches[0].location)
            found[key] = Task(name, key, runs[name], nodes, alone, space)
    return Tasks(made.ctx, tuple(found.values()), steps, machine)


def _split(found: Plan) -> tuple[Plan, tuple[ModulePass, ...]]:
    """The plan down to the choice of schedules, and the passes from there to the loops of kernels."""
    tensor, loop = found.get("tensor", ()), found.get("loop", ())
    at = next((i for i, step in enumerate(tensor) if isinstance(step, ChooseSchedule)), len(tensor))
    last = next((i + 1 for i, step in enumerate(loop) if step.name == LAST), 0)
    return {**found, "tensor": tensor[:at]}, (*tensor[at:], *loop[:last])


def space_of(func: kernel.FuncOp, weights: frozenset[int], machine: Machine) -> Space | None:
    """The schedules of a kernel; None if it leaves no choice."""
    if (found := analyse(func)) is None:
        return None
    free = frozenset(func.body.block.args[i] for i in weights)
    homes = {value: (value, value.type) for value in found.crossing()}
    stages: dict[int, Choices] = {}
    for index, stage in enumerate(found.stages):
        seen = problem(found, walk(found, stage, homes, frozenset(), None, 1), machine.vector_bytes, free)
        if (choices := choices_of(seen, machine)) is not None:
            stages[index] = choices
    return Space(stages) if stages else None


def module_of(func: kernel.FuncOp, weights: frozenset[int]) -> ModuleOp:
    """A module that launches the kernel once."""
    inputs, outputs = func.function_type.inputs.data, func.function_type.outputs.data
    block = Block(arg_types=[kind for i, kind in enumerate(inputs) if i not in weights])
    given = iter(block.args)
    operands: list[SSAValue] = []
    for i, kind in enumerate(inputs):
        if i in weights:
            block.add_op(weight := WeightOp(f"w{i}", kind))
            operands.append(weight.res)
        else:
            operands.append(next(given))
    block.add_op(launch := kernel.LaunchOp(func.sym_name.data, operands, outputs))
    block.add_op(ReturnOp(*launch.res))
    kind = FunctionType.from_lists([arg.type for arg in block.args], outputs)
    return ModuleOp([func.clone(), FuncOp("main", kind, Region(block))])


def named(tasks: Sequence[Task]) -> dict[str, Task]:
    """The tasks by signature."""
    return {task.signature: task for task in tasks}
