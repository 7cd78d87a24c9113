"""Share the rounds of one loop out among threads.

    scf.for %i = 0 to 64 { body }     -->     loop.parallel 4 { ^bb0(%part, %parts):
                                                // from round 64 * %part / %parts on
                                                scf.for %i = %low to %high { body } }

`loop-parallel{loop=i threads=4}`. Refused where one round reads or writes what another one writes, where values are
handed from round to round, and where it is not known how many rounds there are. `parallelize` chooses loops by itself,
and gives each thread buffers of its own.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects._refusal import Refused
from ...dialects._report import rewriting
from ...dialects.loop import ParallelOp
from ._dependence import carried, check, order_of
from ._naming import around, label, loop_named, nodes
from ._parts import split
from ._work import trips


@dataclass(frozen=True)
class LoopParallel(ModulePass):
    """Options: the loop; how many threads there will be at most."""

    name = "loop-parallel"
    loop: str
    threads: int = 2

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        found = loop_named(op, self.loop, self.name)
        if self.threads < 1:
            raise Refused(f"{self.name}: expected 1 thread or more, found {self.threads}")
        if trips(found) is None:
            raise Refused(f"{self.name}: how many rounds {label(found)} has is not known", at=nodes(found))
        if any(isinstance(each, ParallelOp) for each in around(found, op)):
            raise Refused(f"{self.name}: {label(found)} stands in a loop.parallel already", at=nodes(found))
        what = f"rounds of {label(found)} cannot run at the same time"
        carried(self.name, what, [found], "keep the value in memory")
        order = order_of(self.name, [found])
        variable = order.nest.variable(found)
        # what ties one round to another one is just what breaks if they run backwards
        check(self.name, what, order, order.nest.replacing({variable: f"-{variable}"}), str)
        if rewriting(found, "split", f"{label(found)} among {self.threads} threads"):
            split(found, self.threads, ())
