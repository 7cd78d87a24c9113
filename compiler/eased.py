"""Models lowered again where a target finds that the code of some kernels came out badly, before anything is written.

k4 spills registers    -->    the passes once more, with another schedule for k4
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from xdsl.dialects.builtin import ModuleOp

from ..backends.target import EmitOptions, Sized, Target
from .driver import Lowered, Options, known_schedules, lower
from .tune.task import Tasks, tasks_of


def eased(
    target: Target[object], made: Sequence[Lowered], each: Sequence[Options], emit: EmitOptions
) -> Sequence[Lowered]:
    """The models, each as its options had it lowered, or better. A schedule that a tuner
    found is kept."""
    tasks: dict[int, Tasks] = {}

    def known(number: int) -> Tasks:
        if number not in tasks:
            tasks[number] = tasks_of(made[number].model, target.name, each[number])
        return tasks[number]

    def lighter(number: int, kernel: str) -> Iterator[tuple[str, ModuleOp]]:
        task = next((t for t in known(number).tasks if t.name == kernel), None)
        if task is None or task.signature in known_schedules(target.name, each[number]):
            return
        default = next(task.space.all())
        for schedule in chain([default], task.space.lighter(default)):
            yield task.space.text(schedule), known(number).lowered(task, schedule)

    found = target.eased([Sized({}, one.ctx, one.module) for one in made], made[0].machine, emit, lighter)
    models = list(made)
    for number in sorted({number for number, _ in found}):
        signatures = {task.name: task.signature for task in known(number).tasks}
        better = {signatures[name]: text for (n, name), text in found.items() if n == number}
        schedules = {**each[number].schedules, **better}
        models[number] = lower(made[number].model, target.name, replace(each[number], schedules=schedules))
    return models
