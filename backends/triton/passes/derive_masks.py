"""Loads and stores are told which of their indices may leave the view, so that no mask is made for the others.

    %i = ..  // 0 .. 1023
    %j = ..  // 0 .. 767
    %v = tile.load %x[%i, %j] other 0.0 : f16 : !tile.view<f16, [1000, 768]>[..] -> tensor<128x64xf16>
-->
    %v = tile.load %x[%i, %j] other 0.0 : f16 bounds ["upper", "none"] : !tile.view<f16, [1000, 768]>[..] -> ..

What an access says already stands. After all passes that change indices or the grid.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.passes import ModulePass

from ....dialects._report import rewriting
from ....dialects.tile.kernel import KernelOp
from ....dialects.tile.memory import Access
from ....dialects.tile.view import Extent
from ._ranges import Range, Ranges


@dataclass(frozen=True)
class DeriveMasks(ModulePass):
    """Requires tile kernels. Ensures that each access has `bounds`."""

    name = "derive-masks"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for func in op.ops:
            if isinstance(func, KernelOp):
                ranges = Ranges(func)
                for access in func.walk():
                    if isinstance(access, Access) and access.bounds is None:
                        derive(access, ranges)


def derive(access: Access, ranges: Ranges) -> None:
    """Say what is left to check of each index."""
    found = [left(ranges.of(i), size) for i, size in zip(access.indices, access.type.sizes, strict=True)]
    if rewriting(access, "bounds", ", ".join(found) or "a scalar"):
        access.bounds = ArrayAttr([StringAttr(b) for b in found])


def left(found: Range, size: Extent) -> str:
    """What is left to check of an index in this range; a size that is an argument may be 0."""
    low, high = found
    most = -1 if size.static is None else size.static - 1
    match low < 0, high > most:
        case True, True:
            return "both"
        case True, False:
            return "lower"
        case False, True:
            return "upper"
        case _:
            return "none"
