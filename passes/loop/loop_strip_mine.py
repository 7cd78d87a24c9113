"""Cut the rounds of a loop into strips: a loop over the strips, and one in it over the rounds of a strip.

    scf.for %i = 0 to 30 { body }     -->     scf.for %i_o = 0 to 30 step 8 {
                                                %end = min(%i_o + 8, 30)
                                                scf.for %i = %i_o to %end { body } }

`loop-strip-mine{loop=i size=8}`. Rounds run in their old order, so it is always possible, but for a loop that hands
values from round to round.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects._refusal import Refused
from ...dialects._report import rewriting
from ._dependence import carried
from ._naming import label, loop_named
from ._strips import cut, step_of


@dataclass(frozen=True)
class LoopStripMine(ModulePass):
    """Options: the loop; rounds of a strip."""

    name = "loop-strip-mine"
    loop: str
    size: int

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        found = loop_named(op, self.loop, self.name)
        if self.size < 1:
            raise Refused(f"{self.name}: expected a size above 0, found {self.size}")
        step_of(self.name, found)
        carried(self.name, f"{label(found)} is not cut", [found], "keep the sum in memory")
        if rewriting(found, "strip-mine", f"{label(found)} by {self.size}"):
            cut(self.name, [found], [self.size])
