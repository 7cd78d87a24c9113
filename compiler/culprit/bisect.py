"""The first pass, then the first rewrite of it, after which a module is wrong or the compiler fails.

    start --p1--> good --p2--> good --p3--> WRONG --p4--> wrong          p3
    good --r1--> good --r2--> WRONG --r3--> wrong                        its second rewrite, and at which node

Both searches halve the range, so that n passes take log n runs. What is found is a step from right to wrong; if the
numbers go wrong, right and wrong again it need not be the first one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects._report import Remark, Report, collecting
from ...dialects.graph.weight import AicContext
from ..driver import Plan
from ..ir_diff import module_diff
from ..pipeline import run_pipeline
from .judge import Judge, one_line

SHOWN = 40
"""Lines of a difference that are kept."""


@dataclass(frozen=True)
class Rewrite:
    """The rewrite that did it: its number of all those of the pass, what was told of it, the IR's difference."""

    number: int
    total: int
    remark: Remark
    diff: tuple[str, ...]


@dataclass(frozen=True)
class Culprit:
    """The pass that did it, by its position in the pipeline from 1, its level and spec; what is wrong since."""

    index: int
    level: str
    step: ModulePass | None
    why: str
    rewrite: Rewrite | None = None

    @property
    def name(self) -> str:
        """The pass's name; `import` for what was wrong from the beginning."""
        return self.step.name if self.step else "import"


@dataclass(frozen=True)
class Stage:
    """A pass of a level."""

    level: str
    step: ModulePass


def stages_of(plan: Plan) -> list[Stage]:
    """The passes of all levels in order."""
    return [Stage(level, step) for level, steps in plan.items() for step in steps]


def bisect(
    ctx: AicContext,
    start: ModuleOp,
    stages: Sequence[Stage],
    judge: Judge,
    *,
    rewrites: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> Culprit | None:
    """Who makes the module wrong; None if it is right at the end. `start` is left as it is; `rewrites` asks for the
    rewrite too."""
    if why := judge(ctx, start):
        return Culprit(0, "", None, why)
    states, failure = _run(ctx, start, stages)
    tell(f"{len(states) - 1} of {len(stages)} passes run" + (f"; then {failure}" if failure else ""))
    low, high = 0, len(states) - 1
    why = judge(ctx, states[high]) if high else ""
    if not why:
        return _found(ctx, states[-1], stages, high, failure, judge if rewrites else None) if failure else None
    while high - low > 1:
        middle = (low + high) // 2
        found = judge(ctx, states[middle])
        tell(f"after {stages[middle - 1].step.name}: {found or 'right'}")
        low, high, why = (low, middle, found) if found else (middle, high, why)
    return _found(ctx, states[low], stages, low, why, judge if rewrites else None)


def _run(ctx: AicContext, start: ModuleOp, stages: Sequence[Stage]) -> tuple[list[ModuleOp], str]:
    """The module after each pass, the first one as it starts; and how the next pass fails, if one does."""
    states = [start]
    for stage in stages:
        module = states[-1].clone()
        try:
            run_pipeline(ctx, module, [stage.step], verify_each=True)
        except Exception as error:  # whatever a faulty pass raises is what is looked for
            return states, one_line(error)
        states.append(module)
    return states, ""


def _found(
    ctx: AicContext, before: ModuleOp, stages: Sequence[Stage], index: int, why: str, judge: Judge | None
) -> Culprit:
    stage = stages[index]
    rewrite = None if judge is None else first_rewrite(ctx, before, stage.step, judge)
    return Culprit(index + 1, stage.level, stage.step, why, rewrite)


def first_rewrite(ctx: AicContext, before: ModuleOp, step: ModulePass, judge: Judge) -> Rewrite | None:
    """The rewrite of a pass that does it; None if the pass does its work as a whole, or not by rewrites that count."""

    def attempt(limit: int | None) -> tuple[ModuleOp, Report, str]:
        module = before.clone()
        with collecting(Report(limit, step.name)) as report:
            try:
                run_pipeline(ctx, module, [step], verify_each=True)
            except Exception as error:  # as above
                return module, report, one_line(error)
        return module, report, judge(ctx, module)

    total = attempt(None)[1].total
    if total == 0 or attempt(0)[2]:
        return None
    low, high = 0, total
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if attempt(middle)[2] else (middle, high)
    wrong, report, _ = attempt(high)
    made = [remark for remark in report.remarks() if remark.applied]
    return Rewrite(high, total, made[-1], _difference(attempt(low)[0], wrong))


def _difference(before: ModuleOp, after: ModuleOp) -> tuple[str, ...]:
    """What changed, a line of context round it."""
    try:
        return tuple(module_diff(before, after))[:SHOWN]
    except Exception as error:  # IR that a pass has broken can fail in any printer
        return (f"cannot be printed: {one_line(error)}",)
