"""The contract of a target: the machine it compiles for, its pipeline as text, what it writes, how that is loaded.

target = targets["c"];  machine = target.machine({"vector_bytes": "32"})
for level, text in target.pipeline(machine, 2).items(): run the passes of `text`
parts = target.emit(ctx, module, folder, machine, EmitOptions(name="model", kinds=("c", "so")))
call = target.load(folder, manifest);  outputs = call(inputs)
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, NamedTuple, TypeVar

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ..dialects._shape import Array
from ..dialects.graph.weight import AicContext

M = TypeVar("M")
Vector = tuple[Sequence[Array], Sequence[Array]]
SIZE = 4
"""The optimisation level for small code, `-Os`."""
Stages = Mapping[str, Mapping[str, str]]
"""By IR level, the passes of each stage."""
Seen = Mapping[str, Sequence[Array]]
"""By ONNX node what it was seen to make, in order; of several values the last of a type is the node's own."""
Cached = Callable[[str, Callable[[Path], None]], Path]
"""`cached(key, make)`: a file with the content that `key` stands for, made by `make(path)` if there is none yet."""


Lighter = Callable[[int, str], Iterator[tuple[str, ModuleOp]]]
"""By number of a part and name of a kernel: its schedule by default, then others of which the machine has to hold less,
the fastest by guess first; each as text, and as a module at the hardware level that launches this kernel alone."""


class TargetError(Exception):
    """A target cannot do what was asked; `missing` if a tool or library has to be installed first."""

    def __init__(self, message: str, *, missing: bool = False):
        super().__init__(message)
        self.missing = missing


@dataclass(frozen=True)
class EmitOptions:
    """What to write: file stem (a C identifier), kinds of output, where weights go, the compiler, cached objects."""

    name: str = "model"
    kinds: tuple[str, ...] = ()
    weights: str = "embed"
    cc: str = ""
    cflags: tuple[str, ...] = ()
    jobs: int = 2
    cached: Cached | None = None
    vectors: Callable[[], Sequence[Vector]] = tuple
    """Inputs with the outputs expected for them, for what is written together with its tests."""
    timed: bool = False
    """Note in the code when each launch begins and ends."""


@dataclass(frozen=True)
class Sized:
    """A model at the hardware level, for these sizes of its symbolic dimensions."""

    sizes: Mapping[str, int]
    ctx: AicContext
    module: ModuleOp


@dataclass(frozen=True)
class Speeds:
    """What one core reaches at best: f32 operations a second (a multiply-add is two), bytes a second from memory;
    whether that was measured or is what the machine's file says."""

    flops: float
    bandwidth: float
    measured: bool

    @property
    def ridge(self) -> float:
        """Operations a byte above which arithmetic is the bound (Williams et al., Roofline, CACM 2009)."""
        return self.flops / self.bandwidth


class Event(NamedTuple):
    """A launch, by its number in the manifest's list, and when it began and ended, in seconds."""

    launch: int
    start: float
    stop: float


@dataclass(frozen=True)
class Outcome:
    """How the measuring of a kernel's code went: `ok`, or why it did not: `build`, `crash`, `timeout`, `wrong`; seconds
    of a call, round by round, of all trials in turns."""

    status: str
    seconds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Effort:
    """How long a batch of trials is measured: rounds, seconds of a trial in each, a limit of CPU time for all, and one
    for building them; what takes many times as long to build as others is not worth it."""

    rounds: int = 5
    sample: float = 2e-3
    limit: float = 60.0
    build: float = 60.0


ALONE: AbstractContextManager[object] = nullcontext()
"""The turn of one who shares the machine with nobody."""


MODEL = "model"
"""What tells times where nothing is run."""


class Rig(ABC):
    """Builds and measures ways of carrying out one kernel."""

    clock: str = "cpu"
    """What tells the times: this machine's processor, a device by its name, or a `MODEL`."""
    hosted: ClassVar[bool] = True
    """Whether what is measured runs on the machine that it is built on, so that its processor counts."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """The compiler that it builds with, and its flags."""

    @abstractmethod
    def trial(self, module: ModuleOp, kernel: str) -> object:
        """The code of a kernel, from a module at the hardware level that launches it."""

    @abstractmethod
    def digest(self, trial: object) -> str:
        """What the trial's code is known by: equal code, equal text."""

    @abstractmethod
    def measure(
        self, trials: Sequence[object], effort: Effort, turn: AbstractContextManager[object] = ALONE
    ) -> list[Outcome]:
        """Run them in turns on equal data, apart from this process; what the first computes the others have to. `turn`
        is held while they run, not while they are built."""


def joined(stages: Stages) -> dict[str, str]:
    """The passes of each IR level, its stages one after the other."""
    return {ir: ",".join(filter(None, parts.values())) for ir, parts in stages.items()}


class Target(ABC, Generic[M]):
    """One kind of machine; a folder of `backends/` has exactly one subclass, in its `target.py`."""

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]
    """Kinds of output, the default one first."""
    threaded: ClassVar[bool] = False
    """Whether its machine has a setting `threads`: how many a run is split among at most. What is loaded then looks for
    `run_threads` in the manifest, which may be fewer."""

    @abstractmethod
    def machine(self, settings: Mapping[str, str]) -> M:
        """The machine, detected or as a TOML says (`config=file`), with single numbers replaced; TargetError."""

    @abstractmethod
    def describe(self, machine: M) -> dict[str, int | float | str]:
        """The machine's numbers, for the manifest and for `pipeline` options."""

    @abstractmethod
    def pipeline(self, machine: M, level: int) -> dict[str, str]:
        """The passes at optimisation level 0 to 3, or `SIZE`, by IR level (graph, tensor, loop), in order."""

    def stages(self, machine: M, level: int) -> Stages:
        """The same passes in three stages: `pre` normalises, `main` rewrites and fuses, `post` lays out and cleans."""
        return {ir: {"main": text} for ir, text in self.pipeline(machine, level).items()}

    def placement(self, module: ModuleOp) -> dict[str, object] | None:
        """Where the nodes of a module run that has come past the tensor level: `device`, `border`, `nodes` count them,
        `left` lists node, op and reason of those on the host. None: all are the target's."""
        del module

    def absent(self) -> str:
        """Why runs here say nothing of how long one takes: the machine is not at hand; what to do instead. "" if they
        do."""
        return ""

    def eased(
        self, parts: Sequence["Sized"], machine: M, options: EmitOptions, lighter: Lighter
    ) -> Mapping[tuple[int, str], str]:
        """Schedules for kernels whose code comes out badly, by number of the part and name: registers spilled, memory
        that the machine has not. TargetError."""
        del parts, machine, options, lighter
        return {}

    @abstractmethod
    def emit(
        self, ctx: AicContext, module: ModuleOp, folder: Path, machine: M, options: EmitOptions
    ) -> dict[str, object]:
        """Write files into an empty folder; answers this target's part of the manifest. TargetError."""

    def emit_sizes(self, parts: Sequence[Sized], folder: Path, machine: M, options: EmitOptions) -> dict[str, object]:
        """As `emit`, one artifact for several sizes, which the host chooses from at run time. TargetError."""
        if len(parts) > 1:
            raise TargetError(f"target {self.name}: an artifact is of one size; compile one for each")
        return self.emit(parts[0].ctx, parts[0].module, folder, machine, options)

    @abstractmethod
    def load(self, folder: Path, manifest: Mapping[str, object]) -> Callable[[Sequence[Array]], list[Array]]:
        """What `emit` wrote, as a function from input arrays (in order, of the manifest's types) to outputs."""

    def simulated(self, manifest: Mapping[str, object]) -> str | None:
        """The file of IR that stands for what `emit` wrote where it cannot be run, for want of the machine: to be run
        in numpy. None: it is run."""
        del manifest

    def seen(
        self, folder: Path, manifest: Mapping[str, object], inputs: Sequence[Array]
    ) -> tuple[list[Array], Seen] | None:
        """A run of what `emit` wrote: its outputs, and what the nodes made on the way. None: the inside cannot be
        looked at."""
        del folder, manifest, inputs

    def promised_cosine(self, machine: M) -> float | None:
        """The least cosine between this target's outputs and exact ones, for models of float32 that it computes in a
        type of its own. None: it computes with the model's types."""
        del machine

    def unit(self, op: type[Operation]) -> str:
        """The unit that does a kind of graph op, in words; "" if the machine has but one."""
        del op
        return ""

    def timed(self, folder: Path, manifest: Mapping[str, object]) -> Callable[[Sequence[Array]], list[Event]] | None:
        """What `emit` wrote with `timed`, as a function from inputs to the events of a run. None: there are none."""
        del folder, manifest

    def rig(self, machine: M, options: EmitOptions) -> Rig | None:
        """What measures kernels on this machine. None: its kernels have no schedules to choose from."""
        del machine, options

    def winners(self, machine: M) -> Path | None:
        """The records of schedules that won on such a machine, as they come with the compiler."""
        del machine

    def speeds(self, machine: M, cc: str) -> Speeds | None:
        """The machine's roofline; None if it has none of this form. TargetError if it is to be measured and cannot."""
        del machine, cc

    def cycles(self, manifest: Mapping[str, object]) -> dict[str, object] | None:
        """What a run takes by the clock of a simulated machine: `cycles`, `clock_ghz`, `utilisation` (percent of peak).
        None: a run is to be measured."""
        del manifest
