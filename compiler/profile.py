"""Where the time of a run goes: by launch, by kernel and by ONNX node, beside what each launch had to do.

    found = profile(model, "c", options, inputs)
    found.launches[0]       k4  /l0/MatMul, /l0/Add   0.41 ms   31 %   112 GFLOP/s   72 % of peak
    found.by_node()         /l0/MatMul   0.40 ms

The code is a variant with a timer round each launch; what is shipped has none. A launch that computes several nodes
gives each a part of its time by the operations that the imported graph counts for them, equal parts where those are 0;
what joined it to move a few elements (`join-launches`) takes no part.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter

from xdsl.dialects.builtin import IntAttr, ModuleOp

from ..backends.target import Event, Speeds
from ..dialects import kernel
from ..dialects._shape import Array
from ..dialects.graph.weight import AicContext
from .cost import by_node, speeds_of
from .driver import Options, compile_model
from .errors import UsageError
from .frontends.onnx.model import Model
from .inspect import imported, op_rows
from .measure import Effort
from .targets import target_named
from .work import MARK, Counting, Work


@dataclass(frozen=True)
class Launch:
    """A launch of the program: how often it ran in a run, seconds of all these together, and its work."""

    kernel: str
    nodes: tuple[str, ...]
    calls: int
    seconds: float
    work: Work | None

    @property
    def flops(self) -> int:
        """Operations; 0 if nothing is known of its work."""
        return self.work.flops if self.work is not None else 0

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.flops / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Profile:
    """The launches in order, seconds of a run from the first to the last, how many runs, the events of one of them."""

    launches: tuple[Launch, ...]
    seconds: float
    runs: int
    events: tuple[Event, ...]
    speeds: Speeds | None
    flops: Mapping[str, int]

    def of_peak(self, launch: Launch) -> float | None:
        """The part of the machine's peak that a launch reaches."""
        return launch.rate / self.speeds.flops if self.speeds is not None else None

    def of_roofline(self, launch: Launch) -> float | None:
        """The least time of a launch over its time: above 1 where its arguments need not come from memory."""
        if self.speeds is None or launch.work is None or not launch.seconds:
            return None
        return launch.work.seconds(self.speeds.flops, self.speeds.bandwidth) / launch.seconds

    def by_kernel(self) -> list[tuple[str, int, float]]:
        """Each kernel's calls and seconds, the longest first."""
        found: dict[str, tuple[int, float]] = {}
        for launch in self.launches:
            calls, seconds = found.get(launch.kernel, (0, 0.0))
            found[launch.kernel] = calls + launch.calls, seconds + launch.seconds
        return sorted(((name, *sums) for name, sums in found.items()), key=lambda row: -row[2])

    def by_node(self) -> list[tuple[str, float]]:
        """Each ONNX node's seconds, the longest first."""
        found: defaultdict[str, float] = defaultdict(float)
        for launch in self.launches:
            nodes = launch.nodes if launch.work is None else launch.work.nodes
            shares = [self.flops.get(node, 0) for node in nodes]
            shares = shares if any(shares) else [1] * len(shares)
            for node, share in zip(nodes, shares, strict=True):
                found[node] += launch.seconds * share / sum(shares)
        return sorted(found.items(), key=lambda row: -row[1])


def profile(
    model: Model, target: str, options: Options, inputs: Sequence[Array], effort: Effort, *, roofline: bool
) -> Profile:
    """Compile the timed variant and run it; with the machine's roofline if that is wanted. UsageError for a target
    whose code has no timers."""
    speeds, counting = speeds_of(target, options) if roofline else None, Counting()
    marks: list[int | None] = []

    def stage(_: str, __: AicContext, module: ModuleOp) -> None:
        marks[:] = [mark_of(op) for op in module.walk() if isinstance(op, kernel.LaunchOp)]

    timed = replace(options, timed=True, stage=stage, observers=(*options.observers, counting))
    made = compile_model(model, target, options=timed)
    listed = made.manifest.get("launches")
    call = target_named(target).timed(made.folder, made.manifest)
    if call is None or not isinstance(listed, list):
        raise UsageError(f"target {target} has no timed code; aic bench measures whole runs")
    runs = measured(lambda: call(inputs), effort)
    works = {work.number: work for work in counting.found}
    launches: list[Launch] = []
    for number, (entry, mark) in enumerate(zip(listed, marks, strict=True)):
        times = [[e.stop - e.start for e in run if e.launch == number] for run in runs]
        work = None if mark is None else works.get(mark)
        launches.append(Launch(entry["kernel"], tuple(entry["nodes"]), len(times[0]), median(map(sum, times)), work))
    whole = median(run[-1].stop - run[0].start if run else 0.0 for run in runs)
    rows = [(row.node, row.op, row.flops) for row in op_rows(imported(model, options))]
    flops = {node: count for node, _, count in by_node(rows)}
    return Profile(tuple(launches), whole, len(runs), tuple(runs[-1]), speeds, flops)


def mark_of(launch: kernel.LaunchOp) -> int | None:
    """The number that `Counting` gave a launch."""
    mark = launch.attributes.get(MARK)
    return mark.data if isinstance(mark, IntAttr) else None


def measured(call: Callable[[], list[Event]], effort: Effort) -> list[list[Event]]:
    """The events of each run that counts."""
    for _ in range(effort.warmup):
        call()
    runs: list[list[Event]] = []
    start = perf_counter()
    while len(runs) < max(effort.repeat, 1) or perf_counter() - start < effort.min_time:
        runs.append(call())
    return runs


def trace(found: Profile) -> dict[str, object]:
    """The events of one run in Chrome's Trace Event Format, times in microseconds."""
    told = {"name": "launches"}
    events: list[dict[str, object]] = [{"ph": "M", "pid": 1, "tid": 1, "name": "thread_name", "args": told}]
    begin = found.events[0].start if found.events else 0.0
    for number, start, stop in found.events:
        launch = found.launches[number]
        args = {"nodes": list(launch.nodes), "flops": launch.flops}
        at = {"ts": (start - begin) * 1e6, "dur": (stop - start) * 1e6}
        events.append({"ph": "X", "pid": 1, "tid": 1, "name": launch.kernel, "cat": "launch", **at, "args": args})
    return {"schema": "aic.timeline/1", "displayTimeUnit": "ms", "traceEvents": events}
