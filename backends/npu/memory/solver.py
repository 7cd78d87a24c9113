"""The last resort: a constraint solver, if it is installed (`pip install aic-compiler[solver]`)."""

from importlib.util import find_spec
from math import gcd

import numpy as np

from .items import Integers, Items

EFFORT = 5.0
"""In CP-SAT's deterministic time, of which a unit takes a core one to three seconds: the outcome depends neither on the
machine nor on its load."""


def missing() -> str:
    """What to install, if there is no solver; else ""."""
    return "" if find_spec("ortools") else "pip install 'aic-compiler[solver]'"


def solve(items: Items, capacity: int, effort: float = EFFORT) -> Integers | None:
    """Offsets within the capacity by CP-SAT of ortools; None if there are none, the effort did not suffice, or ortools
    is missing."""
    try:
        from ortools.sat.python import cp_model  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    unit = gcd(capacity, *items.size.tolist())  # that it sees as few values as possible matters
    steps = np.lcm(items.align, unit)
    model, across, up, offsets = cp_model.CpModel(), [], [], []
    for first, end, size, step in zip(items.first, items.end, items.size, steps, strict=True):
        multiple = model.new_int_var(0, (capacity - int(size)) // int(step), "")
        offsets.append(multiple)
        up.append(model.new_fixed_size_interval_var(int(step) // unit * multiple, int(size) // unit, ""))
        across.append(model.new_fixed_size_interval_var(int(first), int(end - first), ""))
    model.add_no_overlap_2d(across, up)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers, solver.parameters.random_seed = 1, 0
    solver.parameters.max_deterministic_time = effort
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return np.array([solver.value(o) for o in offsets], np.int64) * steps
