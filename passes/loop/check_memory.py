"""Proves a memory plan by running the host in thought: no buffer that is still to be read is ever written over.

For each part of each buffer it keeps who spoiled it: nobody, once the buffer itself has written it; another buffer that
shares bytes with it, once that is written. A read of a spoiled part is an error. Loops run twice, so that what one
round spoils the next one sees; of a branch both sides run. Nothing is taken from the planner: no lifetimes, no order.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ...dialects import kernel
from ...dialects.tile.kernel import KernelOp
from ._accesses import Effects, Part, Places, Region, effects, regions, touched

Atom = tuple[Region, int]
Spoiler = tuple[Region, Operation] | None
"""The buffer and the op that wrote over an atom; None if nothing was ever written to it."""


@dataclass(frozen=True)
class CheckMemory(ModulePass):
    """Changes nothing. PassFailedException names both buffers, the op that spoils and the one that reads."""

    name = "check-memory"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        known = {o.sym_name.data: effects(o) for o in op.ops if isinstance(o, kernel.FuncOp | KernelOp)}
        for function in op.ops:
            if isinstance(function, func.FuncOp) and "arena_bytes" in function.attributes:
                arena = function.body.block.args[-1]
                _Run(regions(arena), known).block(function.body.block)


class _Run:
    """`spoiled` holds the atoms that may not be read now."""

    def __init__(self, places: Places, known: dict[str, Effects]):
        self.places = places
        self.known = known
        found = dict.fromkeys(region for region, _ in places.values())
        self.sharing = {r: [o for o in found if o is not r and r.start < o.end and o.start < r.end] for r in found}
        self.atoms = {r: [(r, atom) for atom in set[int]().union(*r.parts.values())] for r in found}
        self.spoiled: dict[Atom, Spoiler] = {atom: None for r in found for atom in self.atoms[r]}

    def block(self, block: Block) -> None:
        """Run a block once."""
        for op in block.ops:
            match op:
                case scf.IfOp():
                    self.branch(op)
                case scf.ForOp() | scf.WhileOp():
                    for region in (*op.regions, *op.regions):
                        self.block(region.block)
                    if isinstance(op, scf.WhileOp):
                        self.block(op.before_region.block)
                case _:
                    self.op(op)

    def branch(self, op: scf.IfOp) -> None:
        """What either side spoils is spoiled after it."""
        before = dict(self.spoiled)
        for region in op.regions:
            after, self.spoiled = self.spoiled, dict(before)
            if region.blocks:
                self.block(region.block)
            self.spoiled |= after if region is not op.regions[0] else {}

    def op(self, op: Operation) -> None:
        """Check what an op reads, then note what it writes."""
        reads, writes = ([self.places[v] for v in side if v in self.places] for side in touched(op, self.known))
        for region, part in reads:
            self.read(op, region, part)
        for region, part in writes:
            self.write(op, region, part)
            for other, _ in reads:
                if other in self.sharing[region]:
                    raise PassFailedException(f"check-memory: {name(op)} reads {other} while it writes {region}")

    def read(self, op: Operation, region: Region, part: Part) -> None:
        """PassFailedException if some of the part does not hold what was last written to it."""
        for atom in region.parts[part]:
            if (region, atom) in self.spoiled:
                by = self.spoiled[region, atom]
                if by is None:
                    told = "which nothing has written"
                else:
                    told = f"over which {name(by[1])} has written {by[0]}"
                raise PassFailedException(f"check-memory: {name(op)} reads {region}, {told}")

    def write(self, op: Operation, region: Region, part: Part) -> None:
        """The part is good, and all that shares bytes with its buffer is spoiled."""
        for atom in region.parts[part]:
            self.spoiled.pop((region, atom), None)
        for other in self.sharing[region]:
            for atom in self.atoms[other]:
                self.spoiled.setdefault(atom, (region, op))


def name(op: Operation) -> str:
    """An op for the reader: what it runs, and where it came from."""
    what = f"kernel.launch @{op.kernel}" if isinstance(op, kernel.LaunchOp) else op.name
    return f"{what} {op.location}"
