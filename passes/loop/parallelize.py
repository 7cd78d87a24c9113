"""Split loops among threads: the outermost one whose rounds are independent, unless splitting loops inside pays more.

    scf.for %n = 0 to 768 step 48 { .. }
-->
    loop.parallel 2 {
    ^bb0(%part: index, %parts: index):
      // from round 16 * %part / %parts on, up to round 16 * (%part + 1) / %parts
      scf.for %n = %low to %high step 48 { .. }
    }

What is split are whole rounds, so tiles stay as they are and sums in their order: results are the same bit for bit.
A buffer that every round fills anew becomes each thread's own: on its stack, or as its share of more scratch memory.
That rounds are independent is proved by their addresses (`_races.py`). Work of less than a few microseconds stays as it
is. After join-launches, because that looks for kernels that only move; after all passes that tile.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import memref, scf
from xdsl.dialects.builtin import FunctionType, MemRefType, ModuleOp, i8
from xdsl.ir import BlockArgument, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import kernel
from ...dialects._report import missed, rewriting
from ._parts import SUNK, split
from ._races import Verdict, judge
from ._work import cycles, trips

REGION = 7500.0
"""Cycles that must be saved for a split to pay: 2.5 microseconds at 3 GHz, so that work of 5 is not split in two."""


@dataclass(frozen=True)
class Parallelize(ModulePass):
    """Options: how many threads there will be at most; the least cycles that a split must save."""

    name = "parallelize"
    threads: int = 1
    least: int = int(REGION)

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.threads < 2:
            return
        launches: dict[str, list[kernel.LaunchOp]] = {}
        for launch in [o for o in op.walk() if isinstance(o, kernel.LaunchOp)]:
            launches.setdefault(launch.kernel, []).append(launch)
        for func in [o for o in op.ops if isinstance(o, kernel.FuncOp)]:
            self._on(func, launches.get(func.sym_name.data, []))

    def _on(self, func: kernel.FuncOp, launches: list[kernel.LaunchOp]) -> None:
        splitter = _Splitter(func, self.threads, float(self.least), frozenset(rooms(func, launches)))
        widened = set[SSAValue]()
        for outer in [o for o in func.body.block.ops if isinstance(o, scf.ForOp)]:
            for chosen in splitter.plan(outer, ()).loops:
                found = splitter.verdict(chosen)
                text = f"{len(trips(chosen) or ())} rounds among {self.threads} threads"
                if rewriting(chosen, "split", text):
                    widened |= split(chosen, self.threads, found.private)
        for unused in reversed([o for o in func.walk() if isinstance(o, SUNK)]):
            if not unused.results[0].uses:
                Rewriter.erase_op(unused)
        for room in widened:
            widen(func, launches, room, self.threads)


def rooms(func: kernel.FuncOp, launches: list[kernel.LaunchOp]) -> Iterator[SSAValue]:
    """The arguments for which each launch has an allocation of its own, of bytes."""
    for arg in func.body.block.args:
        if not isinstance(arg.type, MemRefType) or arg.type.element_type != i8 or not launches:
            continue
        given = [launch.arguments[arg.index] for launch in launches]
        if all(isinstance(value.owner, memref.AllocOp) and value.has_one_use() for value in given):
            yield arg


def widen(func: kernel.FuncOp, launches: list[kernel.LaunchOp], room: SSAValue, threads: int) -> None:
    """Let an argument have room for all threads."""
    assert isinstance(room.type, MemRefType) and isinstance(room, BlockArgument)
    type = MemRefType(i8, [threads * room.type.get_shape()[0]])
    for launch in launches:
        Rewriter.replace_value_with_new_type(launch.arguments[room.index], type)
    Rewriter.replace_value_with_new_type(room, type)
    func.function_type = FunctionType.from_lists(func.body.block.arg_types, [])


@dataclass(frozen=True)
class Plan:
    """The loops to split of a nest, and the cycles that it then takes."""

    cycles: float
    loops: tuple[scf.ForOp, ...] = ()


class _Splitter:
    def __init__(self, func: kernel.FuncOp, threads: int, least: float, rooms: frozenset[SSAValue]):
        self.func, self.threads, self.least, self.rooms = func, threads, least, rooms
        self.known: dict[scf.ForOp, Verdict] = {}

    def verdict(self, op: scf.ForOp) -> Verdict:
        """Whether a loop may be split."""
        if op not in self.known:
            found = judge(op, self.func)
            if any(isinstance(p, memref.ViewOp) and p.source not in self.rooms for p in found.private):
                found = Verdict("its scratch memory cannot be made larger")
            self.known[op] = found
        return self.known[op]

    def plan(self, op: scf.ForOp, around: tuple[scf.ForOp, ...]) -> Plan:
        """The best of: as it is, its rounds split, loops in its body split."""
        best, rounds = Plan(cycles(op, around)), trips(op)
        if rounds is None or not len(rounds) or best.cycles <= self.least or op.iter_args:
            return best
        inner = self.inside(op, (*around, op), len(rounds))
        each = best.cycles / len(rounds)
        here = -(-len(rounds) // self.threads) * each + self.least
        best = min(best, inner, key=lambda p: p.cycles)
        if here >= best.cycles:
            return best
        if reason := self.verdict(op).reason:
            missed(op, "split", reason)
            return best
        return Plan(here, (op,))

    def inside(self, op: scf.ForOp, around: tuple[scf.ForOp, ...], rounds: int) -> Plan:
        """The body's loops split, each as pays best."""
        total, chosen = 0.0, tuple[scf.ForOp, ...]()
        for inner in op.body.block.ops:
            found = self.plan(inner, around) if isinstance(inner, scf.ForOp) else Plan(cycles(inner, around))
            total += found.cycles
            chosen += found.loops
        return Plan(rounds * total, chosen)
