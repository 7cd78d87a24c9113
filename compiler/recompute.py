"""What it would cost to run in less memory by computing values again: dynamic tensor rematerialization, simulated.

    mem 20 MB    peak 19.8 MB    evicted 31    recomputed 1.2 of 4.1 GFLOP    time 1.28 x

Whenever a value has no room, of the values that lie there and are not in use the one goes that has the least

    h = compute / (size * staleness)

compute: the time to have it again, with those it needs that are gone too; staleness: the time since it was last used. A
value that nothing reads any more goes at once, and comes again if another needs it. Kirisame et al., Dynamic Tensor
Rematerialization, ICLR 2021, sections 3 and 4. Views share what they show; inputs, outputs, weights are the caller's.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Operation, SSAValue

from ..dialects import kernel
from ..dialects.graph.weight import WeightOp
from ..passes.tensor._view import root, source
from .inspect import main_of
from .work import Work, kernel_work, launches, size

PATIENCE = 50
"""So many times the time of a run without eviction: who needs more does not get anywhere."""
COPIES = (tensor.ConcatOp, tensor.PadOp, tensor.InsertSliceOp)


@dataclass(frozen=True)
class Task:
    """An op of the program: values read and made by number, operations and seconds."""

    reads: tuple[int, ...]
    makes: tuple[int, ...]
    flops: int
    seconds: float


@dataclass(frozen=True)
class Program:
    """The tasks in order, and the bytes of each value."""

    tasks: tuple[Task, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Outcome:
    """A run within `budget` bytes: the most that were in use, values evicted, operations and seconds in all, and what a
    run without eviction takes of these. `fits` is False if some op's own values have no room, or nothing gets done."""

    budget: float
    fits: bool
    peak: int
    evicted: int
    flops: int
    seconds: float
    plain: tuple[int, float]

    @property
    def recomputed(self) -> int:
        """Operations that are done once more."""
        return self.flops - self.plain[0]

    @property
    def factor(self) -> float:
        """The time over that of a run without eviction."""
        return self.seconds / self.plain[1] if self.plain[1] else 1.0


def program_of(module: ModuleOp, seconds: Callable[[Work], float]) -> Program:
    """The program of a module at the tensor level; `seconds` tells what work takes."""
    block = main_of(module).body.block
    works = {o.sym_name.data: kernel_work(o) for o in module.ops if isinstance(o, kernel.FuncOp)}
    last = block.last_op
    given = {root(v) for v in last.operands} if isinstance(last, func.ReturnOp) else set[SSAValue]()
    numbers: dict[SSAValue, int] = {}
    sizes: list[int] = []
    tasks: list[Task] = []
    for op in block.ops:
        made = [v for v in op.results if isinstance(v.type, TensorType)]
        if op is last or not made or isinstance(op, WeightOp | tensor.EmptyOp) or source(op) is not None:
            continue
        inner = {v for part in op.walk() for v in part.operands if isinstance(v.type, TensorType)}
        reads = dict.fromkeys(numbers[r] for v in inner if (r := root(v)) in numbers)
        for value in made:
            numbers[value] = len(sizes)
            sizes.append(0 if value in given else size(value.type))
        flops, needed = spent(op, works, seconds)
        tasks.append(Task(tuple(sorted(reads)), tuple(numbers[v] for v in made), flops, needed))
    return Program(tuple(tasks), tuple(sizes))


def spent(op: Operation, works: dict[str, Work], seconds: Callable[[Work], float]) -> tuple[int, float]:
    """Operations and seconds of an op of the host, with all that it launches."""
    if isinstance(op, kernel.LaunchOp):
        return works[op.kernel].flops, seconds(works[op.kernel])
    found = [(works[o.kernel], n) for region in op.regions for b in region.blocks for o, n, _ in launches(b)]
    if found:
        return sum(w.flops * n for w, n in found), sum(seconds(w) * n for w, n in found)
    moved = sum(size(v.type) for v in op.results) if isinstance(op, COPIES) else 0
    return 0, seconds(Work(0, op.name, (), 1, 0, 0, moved, moved))


def simulate(program: Program, budget: float = inf) -> Outcome:
    """A run of the program within so many bytes."""
    plain = sum(t.flops for t in program.tasks), sum(t.seconds for t in program.tasks)
    run = Run(program, budget, PATIENCE * plain[1])
    fits = run.all()
    return Outcome(budget, fits, run.peak, run.evicted, run.flops, run.clock, plain)


@dataclass
class Run:
    """The state of a simulated run: what lies in memory, and when each value was last touched."""

    program: Program
    budget: float
    patience: float
    clock: float = 0.0
    flops: int = 0
    used: int = 0
    peak: int = 0
    evicted: int = 0
    touched: dict[int, float] = field(default_factory=dict[int, float])
    """By value in memory."""
    pins: dict[int, int] = field(default_factory=dict[int, int])

    def __post_init__(self) -> None:
        self.maker = {v: task for task in self.program.tasks for v in task.makes}
        self.last = {v: n for n, task in enumerate(self.program.tasks) for v in (*task.makes, *task.reads)}

    def all(self) -> bool:
        """Run every task; whether that went."""
        try:
            for n, task in enumerate(self.program.tasks):
                self.now = n
                self.do(task)
                self.drop(v for v in (*task.reads, *task.makes) if self.last[v] == n)
        except MemoryError:
            return False
        return True

    def do(self, task: Task) -> None:
        """Run a task, after what it reads and is gone; MemoryError if there is no room or no end."""
        held: list[int] = []
        for value in task.reads:
            if value not in self.touched:
                self.do(self.maker[value])
            self.pin(value, 1)
            held.append(value)
        missing = [v for v in task.makes if v not in self.touched]
        for value in missing:
            self.room(self.program.sizes[value])
            self.touched[value] = self.clock
            self.pin(value, 1)
            held.append(value)
        self.clock += task.seconds
        self.flops += task.flops
        if self.clock > self.patience:
            raise MemoryError
        for value in held:
            self.touched[value] = self.clock
            self.pin(value, -1)
        self.drop(v for v in held if self.last[v] < self.now and v not in task.makes)

    def pin(self, value: int, by: int) -> None:
        """In use once more, or once less."""
        self.pins[value] = self.pins.get(value, 0) + by

    def room(self, size: int) -> None:
        """Make room, and take it."""
        while self.used + size > self.budget:
            free = [v for v in self.touched if not self.pins.get(v) and self.program.sizes[v]]
            if not free:
                raise MemoryError
            self.drop([min(free, key=lambda v: (self.score(v), v))])
            self.evicted += 1
        self.used += size
        self.peak = max(self.peak, self.used)

    def score(self, value: int) -> float:
        """h, of the least value first."""
        staleness = max(self.clock - self.touched[value], 1e-12)
        return self.again(value) / (self.program.sizes[value] * staleness)

    def again(self, value: int) -> float:
        """Seconds to have a value once more, with what it needs and is gone."""
        seen, todo, total = set[int](), [value], 0.0
        while todo:
            task = self.maker[todo.pop()]
            if task.makes[0] in seen:
                continue
            seen.add(task.makes[0])
            total += task.seconds
            todo += [v for v in task.reads if v not in self.touched]
        return total

    def drop(self, values: Iterable[int]) -> None:
        """Out of memory."""
        for value in values:
            if value in self.touched and not self.pins.get(value):
                del self.touched[value]
                self.used -= self.program.sizes[value]


def outcomes(program: Program, budgets: Sequence[float]) -> list[Outcome]:
    """One for each budget."""
    return [simulate(program, budget) for budget in budgets]
