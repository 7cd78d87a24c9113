"""Tables of winners, JSON lines as `aic tune db table` writes them: those that come with the compiler, or a user's own.

backends/triton/tuned/sm_90.jsonl       schedules that won on such a machine, by the signatures of their kernels
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ..targets import target_named
from .records import read


def shipped(target: str, machine: object) -> Mapping[str, str]:
    """The schedules that come with the compiler for such a machine; a version that other code came from does not
    matter, since a signature says what a kernel computes."""
    path = target_named(target).winners(machine)
    return table(path) if path is not None and path.is_file() else {}


@cache
def table(path: Path) -> Mapping[str, str]:
    """The schedules of a file, by the signatures of their kernels; UsageError if it is no such file."""
    return {row.kernel: row.schedule for row in read(path) if row.schedule}
