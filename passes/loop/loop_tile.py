"""Cut the rounds of a nest into tiles, and run tile after tile.

    scf.for %i = 0 to 64 {                    scf.for %i_o = 0 to 64 step 16 {
      scf.for %j = 0 to 30 {                    scf.for %j_o = 0 to 30 step 8 {
        body                         -->          %end = min(%j_o + 8, 30)
                                                  scf.for %i = %i_o to %i_o + 16 {
                                                    scf.for %j = %j_o to %end { body

`loop-tile{loops=i,j sizes=16,8}`, sizes in rounds. Refused where a dependence leaves a tile and comes back to it (for
some loop its distance is positive, for one further in negative), where a loop hands values from round to round, and
where bounds depend on each other.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects._refusal import Refused
from ...dialects._report import rewriting
from ._bands import band_of, check_box, straighten
from ._dependence import Order, carried, check, order_of
from ._naming import label, loops_named
from ._statements import Times
from ._strips import cut, step_of


@dataclass(frozen=True)
class LoopTile(ModulePass):
    """Options: neighbouring loops of a nest; rounds of a tile of each."""

    name = "loop-tile"
    loops: tuple[str, ...]
    sizes: tuple[int, ...]

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        named = loops_named(op, self.loops, self.name)
        band = band_of(self.name, named)
        if len(band) != len(self.sizes) or len(band) != len(named) or min(self.sizes) < 1:
            told = f"{len(band)} loops ({', '.join(map(label, band))}), sizes {', '.join(map(str, self.sizes))}"
            raise Refused(f"{self.name}: expected a size above 0 for each of a band's loops, found {told}")
        sizes = [self.sizes[named.index(each)] for each in band]
        what = f"{', '.join(map(label, band))} cannot be tiled"
        carried(self.name, what, band, "keep the sum in memory, or tile the loops outside of it")
        check_box(self.name, band, "tiles are boxes")
        order = order_of(self.name, [band[0]])
        do = f"loop-strip-mine{{loop={label(band[-1])} size={sizes[-1]}}} tiles one loop, which is always possible"
        check(self.name, what, order, tiled(order, band, sizes), lambda: do)
        if rewriting(band[0], "tile", f"{' x '.join(map(str, sizes))} of {', '.join(map(label, band))}"):
            straighten(band)
            cut(self.name, band, sizes)


def tiled(order: Order, band: list[scf.ForOp], sizes: list[int]) -> Times:
    """First the numbers of the tiles, then the times as they were."""
    nest = order.nest
    heads: list[str] = []
    for each, size in zip(band, sizes, strict=True):
        start = nest.lower(each).text(nest.variables)
        heads.append(f"floor(({nest.variable(each)} - ({start}))/{size * step_of('loop-tile', each)})")
    return lambda statement: [*heads, *nest.time(statement)]
