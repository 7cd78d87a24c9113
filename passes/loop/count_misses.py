"""Tell how many cache lines each nest fetches; nothing is changed.

    scf.for %i = 0 to 64 { scf.for %j = 0 to 64 { load %x[64 * %j + %i] } }
-->
    remark: 4096 accesses; 32 KiB: 256 misses (16 KiB fetched), %x 256

`aic opt F.mlir -p count-misses --remarks`, for caches of 32 KiB and 512 KiB with lines of 64 bytes, or
`count-misses{caches=1024 line=32}`. The caches drop the line that was used least recently, whatever its address; what
lay in them before a nest is gone. Bounds must be constants or each other's variables.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects._refusal import Refused
from ...dialects._report import missed, rewriting
from ._locality import Locality, capacities, locality_of
from ._naming import named
from ._statements import NotAffine, nest_of


@dataclass(frozen=True)
class CountMisses(ModulePass):
    """Options: the caches' sizes and that of a line, in bytes."""

    name = "count-misses"
    caches: tuple[int, ...] = (32 * 1024, 512 * 1024)
    line: int = 64

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.line < 1 or min(self.caches) < self.line:
            raise Refused(f"{self.name}: expected caches of one line at least, found {self.caches} and {self.line}")
        for each in named(op):
            if not isinstance(each.loop.parent_op(), scf.ForOp):
                try:
                    found = locality_of(nest_of([each.loop]), self.line)
                except NotAffine as error:
                    missed(each.loop, "count", f"{each} in @{each.function}: {error}")
                    continue
                rewriting(each.loop, "count", f"{each} in @{each.function}: {self.told(found)}", required=True)

    def told(self, found: Locality) -> str:
        """The numbers as a person reads them."""
        parts = [f"{found.accesses} accesses"]
        for size, lines in zip(self.caches, capacities(self.caches, self.line), strict=True):
            by = ", ".join(f"%{v.name_hint or '..'} {n}" for v, n in found.by_buffer(lines).items() if n)
            total = found.misses(lines)
            parts.append(f"{_size(size)}: {total} misses ({_size(total * self.line)} fetched), {by}")
        return "; ".join(parts)


def _size(count: int) -> str:
    return f"{count / 1024:g} KiB" if count >= 1024 else f"{count} bytes"
