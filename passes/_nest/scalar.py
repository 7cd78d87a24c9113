"""Why a stage's loops take one element after the other, for whoever wonders that a kernel is slow.

why_scalar(problem) -> "a looked-up address depends on dim 0 (of 64); along dim 1 (of 12) most accesses are strided"
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from ...dialects._stages import Kernel
from .problem import Problem, Tiling
from .tiling import gathers


@dataclass(frozen=True)
class Scalar:
    """A stage without vectors: its number, how often its body runs, and why."""

    stage: int
    points: int
    reason: str


def stages_without(
    found: Kernel, problems: Sequence[Problem], tilings: Sequence[Tiling], row: int | None
) -> tuple[Scalar, ...]:
    """The stages that have no vectors, though they are of more than one element. `row` is the common dim that is
    vectorised. What is once in a row whose other stages have vectors is not told of."""
    if row is not None:
        return ()
    told: list[Scalar] = []
    served = any(tiling.vector is not None for tiling in tilings)
    shared = prod(found.sizes[d] for d in found.common)
    for stage, (problem, tiling) in enumerate(zip(problems, tilings, strict=True)):
        if tiling.vector is not None:
            continue
        own = prod(problem.sizes.values())
        if own > 1:
            told.append(Scalar(stage, own * shared, why_scalar(problem)))
        elif shared > 1 and not served:
            told.append(Scalar(stage, shared, "along the dims that its stages share accesses are strided"))
    return tuple(told)


def why_scalar(problem: Problem) -> str:
    """Why no dim of a stage, or why the one it has, can be had vectors along."""
    if problem.lanes < 2:
        return "the machine has no vectors of this type"
    return "; ".join(_along(problem, dim) for dim in problem.sizes if problem.sizes[dim] > 1)


def _along(problem: Problem, dim: int) -> str:
    name = f"dim {dim} (of {problem.sizes[dim]})"
    if dim in problem.barred:
        return f"a looked-up address depends on {name}, or the body has a loop or a branch"
    if dim not in problem.reduced:
        return f"along {name} most accesses are strided" if gathers(problem, dim) is None else f"{name} is too short"
    if not problem.joinable:
        return f"results along the reduced {name} cannot be joined from parts"
    if problem.sizes[dim] < problem.lanes:
        return f"the reduced {name} is less than a vector of {problem.lanes}"
    return f"along the reduced {name} elements are no neighbours"
