"""Gives all allocations of the host a place in one arena; those that never live together may share bytes.

    func.func @main(%x: memref<8xf32>, %y: memref<8xf32>) {
      %0 = memref.alloc() : memref<8xf32>
      ...
-->
    func.func @main(%x: memref<8xf32>, %y: memref<8xf32>, %arena: memref<64xi8>)
        attributes {arena_bytes = 64, lower_bound_bytes = 64} {
      %at = arith.constant 0 : index
      %0 = memref.view %arena[%at][] : memref<64xi8> to memref<8xf32>
      ...

`lower_bound_bytes` is the most that is alive at one time. `algo` says how offsets are found: `search` takes the best of
all others, `first-fit`, `best-fit`, `free-lists`, `lowest-floor`. After all passes that allocate.
"""

from dataclasses import dataclass
from math import prod
from typing import Literal

from xdsl.context import Context
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import FunctionType, IndexType, IntegerAttr, MemRefType, ModuleOp, i8, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from ...dialects._layout import ROW_MAJOR
from ...dialects._report import rewriting
from ...dialects._shape import dtype
from ._arena import Buffer, aligned, lower_bound
from ._liveness import lives
from ._planners import PLANNERS


@dataclass(frozen=True)
class PlanMemory(ModulePass):
    """Requires memrefs. Ensures that @main allocates nothing and takes the arena as its last argument."""

    name = "plan-memory"

    algo: Literal["search", "first-fit", "best-fit", "free-lists", "lowest-floor"] = "search"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if not isinstance(function, func.FuncOp) or function.is_declaration:
                continue
            if rewriting(function, "arena", required=True):
                place(function, self.algo)


def place(function: func.FuncOp, algo: str) -> None:
    """Plan a function's allocations and carry the plan out."""
    found = lives(function)
    buffers = [Buffer(aligned(size(life.alloc)), life.first, life.last) for life in found]
    made = PLANNERS[algo](buffers)
    block = function.body.block
    arena = block.insert_arg(MemRefType(i8, [made.peak]), len(block.args))
    arena.name_hint = "arena"
    for life, offset in zip(found, made.offsets, strict=True):
        if rewriting(life.alloc, "place", f"at {offset}", required=True):
            view(life.alloc, arena, offset)
    function.function_type = FunctionType.from_lists(block.arg_types, function.function_type.outputs.data)
    function.attributes["arena_bytes"] = IntegerAttr(made.peak, i64)
    function.attributes["lower_bound_bytes"] = IntegerAttr(lower_bound(buffers), i64)


def size(alloc: memref.AllocOp) -> int:
    """Bytes of a row-major allocation; PassFailedException for any other."""
    type = alloc.memref.type
    if not isinstance(type, MemRefType) or type.layout != ROW_MAJOR:
        raise PassFailedException(f"plan-memory: expected a row-major allocation, found {type}")
    return prod(type.get_shape()) * dtype(type).itemsize


def view(alloc: memref.AllocOp, arena: SSAValue, offset: int) -> None:
    """Put a view of the arena in the place of an allocation."""
    at = arith.ConstantOp.from_int_and_width(offset, IndexType())
    type = alloc.memref.type
    assert isinstance(type, MemRefType)
    shown = memref.ViewOp(arena, at, [], type)
    shown.result.name_hint = alloc.memref.name_hint
    at.location = shown.location = alloc.location
    Rewriter.insert_op([at, shown], InsertPoint.before(alloc))
    alloc.memref.replace_all_uses_with(shown.result)
    Rewriter.erase_op(alloc)
