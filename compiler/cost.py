"""What a model costs on a machine before anybody runs it: work, roofline, memory, and whether a budget holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..backends.target import Speeds, TargetError
from .driver import Options, lower, machine_of
from .errors import MissingToolError, UsageError
from .frontends.onnx.model import Model
from .inspect import imported, op_rows
from .memory import MemoryReport, memory_report
from .recompute import Outcome, program_of, simulate
from .targets import target_named
from .work import Counting, Work


@dataclass(frozen=True)
class Limit:
    """A limit of the budget: what is required of how much, bytes or milliseconds."""

    name: str
    required: float
    available: float

    @property
    def holds(self) -> bool:
        """Whether it is kept."""
        return self.required <= self.available


@dataclass(frozen=True)
class Cost:
    """All that is found out."""

    speeds: Speeds
    works: list[Work]
    nodes: list[tuple[str, str, int]]
    memory: MemoryReport
    limits: list[Limit]
    outcomes: list[Outcome]

    @property
    def seconds(self) -> float:
        """The time of a run on one core by the roofline: what caches keep from launch to launch is faster."""
        return sum(self.least(work) for work in self.works)

    def least(self, work: Work) -> float:
        """The same of a launch, all its runs together."""
        return work.seconds(self.speeds.flops, self.speeds.bandwidth)


def speeds_of(target: str, options: Options) -> Speeds:
    """The roofline of the target's machine; UsageError for a target without one."""
    try:
        found = target_named(target).speeds(machine_of(target, options), options.cc)
    except TargetError as error:
        raise (MissingToolError if error.missing else UsageError)(str(error), code="no-roofline") from error
    if found is None:
        raise UsageError(f"target {target} has no kernels of this form; aic npu roofline tells its bounds")
    return found


def cost_of(
    model: Model, target: str, options: Options, limits: Mapping[str, float] = {}, budgets: Sequence[int] = ()
) -> Cost:
    """Everything; `limits` of sram and flash in bytes, of ms in milliseconds, `budgets` in bytes."""
    speeds, counting = speeds_of(target, options), Counting()
    nodes = [(row.node, row.op, row.flops) for row in op_rows(imported(model, options))]
    lowered = lower(model, target, replace(options, observers=(*options.observers, counting)), until="loop")
    memory = memory_report(lowered.module)
    outcomes: list[Outcome] = []
    if budgets:
        program = program_of(
            lower(model, target, options, until="tensor").module, lambda w: w.seconds(speeds.flops, speeds.bandwidth)
        )
        outcomes = [simulate(program, budget) for budget in budgets]
    cost = Cost(speeds, counting.found, by_node(nodes), memory, [], outcomes)
    required = {"sram": memory.arena, "flash": memory.classes["parameters"], "ms": cost.seconds * 1e3}
    return replace(cost, limits=[Limit(name, required[name], most) for name, most in limits.items()])


def by_node(rows: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """The operations of each ONNX node, the most first."""
    found: dict[str, tuple[str, int]] = {}
    for node, op, flops in rows:
        first = found.get(node, (op, 0))
        found[node] = first[0], first[1] + flops
    return sorted(((node, op, flops) for node, (op, flops) in found.items()), key=lambda row: -row[2])
