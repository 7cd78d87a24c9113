"""Copies that follow one another and do not depend on each other are one launch.

    kernel.launch @copy(%past, %0)      past keys to their part of the present ones
    kernel.launch @copy_1(%new, %1)     the new key to its part
-->
    kernel.launch @copies(%past, %new, %0, %1)      both generics, side by side

After bufferize, which makes the copies; before choose-tile-schedule.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ....dialects._layout import footprint, strides_of
from ....dialects._location import fused
from ....dialects._report import rewriting
from ....dialects._shape import shape
from ....dialects._stages import analyse
from ....dialects._xdsl import YieldOp
from ....dialects.graph.weight import WeightOp
from ....dialects.kernel import FuncOp, LaunchOp, ReturnOp

MOST = 16
"""Copies of one launch, at most."""
QUIET = (memref.ReinterpretCastOp, memref.AllocOp, arith.ConstantOp, WeightOp)
"""Ops of the host that touch no memory."""


@dataclass(frozen=True)
class JoinCopies(ModulePass):
    """Requires kernels and launches on memrefs. Kernels that nothing launches any more are erased."""

    name = "join-copies"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = {f.sym_name.data: f for f in op.ops if isinstance(f, FuncOp)}
        copies = {name for name, func in kernels.items() if is_copy(func)}
        joined: dict[tuple[str, ...], FuncOp] = {}
        for group in [g for block in _blocks(op) for g in groups(block, copies)]:
            names = tuple(launch.kernel for launch in group)
            if not rewriting(group[-1], "join", f"{len(group)} copies", launches=len(group) - 1):
                continue
            if names not in joined:
                joined[names] = _joined(_fresh(kernels), [kernels[name] for name in names])
                kernels[joined[names].sym_name.data] = joined[names]
                Rewriter.insert_op(joined[names], InsertPoint.before(kernels[names[0]]))
            _replace(group, joined[names])
        used = {launch.kernel for launch in op.walk() if isinstance(launch, LaunchOp)}
        for name in copies - used:
            Rewriter.erase_op(kernels[name])


def is_copy(func: FuncOp) -> bool:
    """Whether a kernel moves the elements of one argument to another, and nothing else."""
    if (found := analyse(func)) is None or len(found.members) != 1:
        return False
    (member,) = found.members
    (*body, last) = member.generic.op.body.block.ops
    moved = isinstance(last, YieldOp) and list(last.operands) == list(member.generic.input_args)
    return moved and not body and len(func.body.block.args) == 2 and not found.pads


def _blocks(module: ModuleOp) -> Iterator[Block]:
    """The blocks that launch something."""
    seen: dict[Block, None] = {}
    for op in module.walk():
        if isinstance(op, LaunchOp) and (block := op.parent_block()) is not None:
            seen[block] = None
    yield from seen


@dataclass
class _Group:
    """Launches that may run at the same time, the bytes that they read, and those that they write."""

    launches: list[LaunchOp] = field(default_factory=list[LaunchOp])
    reads: list["Span"] = field(default_factory=list["Span"])
    writes: list["Span"] = field(default_factory=list["Span"])

    def takes(self, launch: LaunchOp) -> bool:
        """Add a launch, if it may run beside the others."""
        source, target = (Span.of(value) for value in launch.arguments)
        if len(self.launches) == MOST or any(target.meets(s) for s in (*self.reads, *self.writes)):
            return False
        if any(source.meets(s) for s in self.writes):
            return False
        self.launches.append(launch)
        self.reads.append(source)
        self.writes.append(target)
        return True


@dataclass(frozen=True)
class Span:
    """Elements of a memory: from `start` on (None: not known from where), rows of `row` elements, `step` apart;
    `extent` of them from the first row's beginning to the last one's end."""

    memory: SSAValue
    start: int | None
    extent: int
    row: int
    step: int

    @classmethod
    def of(cls, value: SSAValue) -> "Span":
        """What a memref shows; a row is all that lies within its widest stride."""
        assert isinstance(value.type, MemRefType)
        extent, found = footprint(value.type), strides_of(value.type)
        axes = [] if found is None else [(s, n) for s, n in zip(found[1], shape(value.type), strict=True) if n > 1]
        step, count = max(axes, default=(extent, 1))
        start: int | None = 0
        while isinstance(cast := value.owner, memref.ReinterpretCastOp):
            (offset,) = cast.static_offsets.get_values()
            start = None if cast.offsets or start is None else start + offset
            value = cast.source
        return cls(value, start, extent, extent - (count - 1) * step, step)

    def meets(self, other: "Span") -> bool:
        """Whether there may be an element of both; two arguments of the host's are two memories."""
        if self.memory is not other.memory:
            return False
        if self.start is None or other.start is None:
            return True
        if self.start >= other.start + other.extent or other.start >= self.start + self.extent:
            return False
        return self.step != other.step or not self._beside(other, (other.start - self.start) % self.step)

    def _beside(self, other: "Span", shift: int) -> bool:
        """Whether the other's rows lie in the gaps between these, so many elements after their beginnings."""
        return self.row <= shift and shift + other.row <= self.step


def groups(block: Block, copies: set[str]) -> Iterator[list[LaunchOp]]:
    """Launches of copies that may be one."""
    group = _Group()
    for op in block.ops:
        if isinstance(op, QUIET):
            continue
        is_one = isinstance(op, LaunchOp) and op.kernel in copies
        if isinstance(op, LaunchOp) and is_one and group.takes(op):
            continue
        if len(group.launches) > 1:
            yield group.launches
        group = _Group()
        if isinstance(op, LaunchOp) and is_one:
            group.takes(op)
    if len(group.launches) > 1:
        yield group.launches


def _fresh(kernels: dict[str, FuncOp]) -> str:
    number, name = 0, "copies"
    while name in kernels:
        number += 1
        name = f"copies_{number}"
    return name


def _joined(name: str, funcs: list[FuncOp]) -> FuncOp:
    """A kernel that does what these do; sources first, then where they go."""
    types = [func.body.block.args[place].type for place in (0, 1) for func in funcs]
    block = Block(arg_types=types)
    for number, func in enumerate(funcs):
        values: dict[SSAValue, SSAValue] = {}
        for place, arg in enumerate(func.body.block.args):
            values[arg] = block.args[number + place * len(funcs)]
            values[arg].name_hint = arg.name_hint
        block.add_ops([op.clone(values) for op in func.body.block.ops if not isinstance(op, ReturnOp)])
    block.add_op(ReturnOp())
    made = FuncOp(name, types, [], Region(block))
    made.location = fused([func.location for func in funcs])
    return made


def _replace(group: list[LaunchOp], func: FuncOp) -> None:
    """Launch the joined kernel where the last copy was."""
    last: Operation = group[-1]
    launch = LaunchOp(func.sym_name.data, [one.arguments[place] for place in (0, 1) for one in group])
    launch.location = fused([one.location for one in group])
    Rewriter.insert_op(launch, InsertPoint.before(last))
    for one in group:
        Rewriter.erase_op(one)
