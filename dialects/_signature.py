"""What tells kernels apart whose best schedules may differ: a hash of a kernel before it is scheduled.

The name, the schedule, locations and names of values do not count; which arguments are weights does, because these are
laid out as the schedule wants them.
"""

import hashlib
from collections.abc import Sequence

from xdsl.dialects.builtin import ModuleOp

from . import kernel
from .graph.weight import WeightOp


def launched(module: ModuleOp) -> list[tuple[kernel.FuncOp, list[kernel.LaunchOp]]]:
    """Every kernel of a module with its launches."""
    launches: dict[str, list[kernel.LaunchOp]] = {}
    for found in module.walk():
        if isinstance(found, kernel.LaunchOp):
            launches.setdefault(found.kernel, []).append(found)
    kernels = [op for op in module.ops if isinstance(op, kernel.FuncOp)]
    return [(func, launches.get(func.sym_name.data, [])) for func in kernels]


def weights_of(launches: Sequence[kernel.LaunchOp]) -> frozenset[int]:
    """The arguments that are weights in every launch of a kernel."""
    if not launches:
        return frozenset()
    places = range(len(launches[0].arguments))
    return frozenset(i for i in places if all(isinstance(x.arguments[i].owner, WeightOp) for x in launches))


def signature(func: kernel.FuncOp, weights: frozenset[int], facts: str = "") -> str:
    """16 hexadecimal digits, of the kernel and of what else its code depends on."""
    plain = func.clone()
    plain.schedule = None
    for op in plain.walk():
        for value in (*op.results, *(arg for region in op.regions for block in region.blocks for arg in block.args)):
            value.name_hint = None
    text = str(plain).replace(f"@{func.sym_name.data}", "@kernel", 1)
    return hashlib.sha256(f"{facts}{sorted(weights)}\n{text}".encode()).hexdigest()[:16]
