"""What tuning wants of a pass that chooses schedules: by what kernels are known, and which schedules of one are legal.

class ChooseSchedule(Chooser):           a dataclass, with the option `schedules`: "8d1f..@0:vector=1,..;.."
space = chooser.space(func, launches)    its schedules, the default first; None if it leaves no choice
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, TypeAlias

from xdsl.ir import Attribute
from xdsl.passes import ModulePass

from .kernel import FuncOp, LaunchOp

Schedule: TypeAlias = Hashable
"""How a kernel is carried out, in the words of its space."""


@dataclass(frozen=True)
class Features:
    """What a schedule is like without a run: seconds of a call by guess, numbers that a model learns from."""

    cost: float
    learned: tuple[float, ...]


class Space(ABC):
    """The legal schedules of a kernel."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many there are."""

    @abstractmethod
    def all(self) -> Iterator[Schedule]:
        """Every schedule, the default first."""

    @abstractmethod
    def random(self, random: Random) -> Schedule:
        """Any schedule."""

    @abstractmethod
    def mutated(self, schedule: Schedule, random: Random) -> Schedule:
        """One that differs in one number if there is such a one."""

    @abstractmethod
    def crossed(self, one: Schedule, other: Schedule, random: Random) -> Schedule:
        """Each part as one of the two has it."""

    @abstractmethod
    def features(self, schedule: Schedule) -> Features:
        """What one of them is like."""

    @abstractmethod
    def text(self, schedule: Schedule) -> str:
        """As options of passes and records have it; equal schedules have equal texts."""

    @abstractmethod
    def parsed(self, text: str) -> Schedule | None:
        """The schedule of a text; None if it is none of these."""

    def lighter(self, schedule: Schedule) -> Iterator[Schedule]:
        """Those of which a machine has to hold less at a time, the fastest by guess first; of those that are alike in
        that, one."""
        del schedule
        return iter(())

    @abstractmethod
    def attribute(self, schedule: Schedule) -> Attribute:
        """What a kernel carries."""


class Chooser(ModulePass):
    """A pass that gives each kernel its schedule; a kernel that has one keeps it."""

    schedules: str
    """Schedules as text by the signature of their kernels, which a tuner found: `SIGNATURE@TEXT;..`."""
    carried_out: ClassVar[str]
    """The pass after it by which schedules have become code that can be measured."""

    @abstractmethod
    def knowing(self, schedules: str) -> "Chooser":
        """The pass with this for its option `schedules`."""

    @abstractmethod
    def signature(self, func: FuncOp, launches: Sequence[LaunchOp]) -> str:
        """What tells kernels apart whose best schedules may differ."""

    @abstractmethod
    def space(self, func: FuncOp, launches: Sequence[LaunchOp]) -> Space | None:
        """The schedules of a kernel; None if it leaves no choice."""


def told(schedules: str) -> Mapping[str, str]:
    """The texts of the option, by signature."""
    return dict(entry.split("@", 1) for entry in schedules.split(";") if "@" in entry)
