"""A launch that only moves or fills a little joins a neighbour: launching it would cost more than its work.

    kernel.launch @conv(%x, %w, %middle)                  the middle of a padded tensor
    kernel.launch @fill(%above, %below)                   its margin
-->
    kernel.launch @conv_fill(%x, %w, %middle, %above, %below)     one kernel with the loops of both, one after the other

The neighbour is the nearest launch of the block, before it or else behind it, that nothing between keeps apart. Both
may write one buffer where they write different elements of it; the mover may read what the neighbour has just written
if both were given the same first element. Margins join whatever their size, copies of up to `elements` elements.

After lower-kernel-to-loop, because loops follow one another where stages would have to share dims; before plan-memory,
because buffers then live together.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, product
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, FunctionType, MemRefType, ModuleOp, StringAttr
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects import kernel, loop
from ...dialects._location import fused
from ...dialects._report import rewriting
from ...dialects._shape import shape
from ...dialects.graph.weight import WeightOp
from ._accesses import Effects, effects, touched
from ._liveness import CASTS

MOVES = (arith.ConstantOp, loop.LoadOp, loop.StoreOp, loop.SplatOp, memref.LoadOp, memref.StoreOp, kernel.ReturnOp)
"""What a kernel that only moves or fills is made of, within its loops."""
EARLY = (memref.AllocOp, WeightOp, *CASTS)
"""Beside arithmetic, what a launch's operands are made by, if it may go before an earlier launch."""


@dataclass(frozen=True)
class JoinLaunches(ModulePass):
    """Ensures that the numbers stay; launches of equal pairs share a kernel."""

    name = "join-launches"
    elements: int = 1 << 12

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = {o.sym_name.data: o for o in op.ops if isinstance(o, kernel.FuncOp)}
        functions = [o for o in op.ops if isinstance(o, func.FuncOp)]
        launches = [o for function in functions for o in function.walk() if isinstance(o, kernel.LaunchOp)]
        known = {name: effects(found) for name, found in kernels.items()}
        joiner = _Joiner(op, kernels, known, self.elements, Counter(launch.kernel for launch in launches))
        for launch in launches:
            if launch.parent is not None:
                joiner.join(launch)
        for found in [o for o in op.ops if isinstance(o, kernel.FuncOp)]:
            if not joiner.launches[found.sym_name.data]:
                Rewriter.erase_op(found)


@dataclass(frozen=True)
class Part:
    """What a launch's argument shows: elements of a buffer (of an unknown place if `offset` is None)."""

    root: SSAValue
    offset: int | None
    sizes: tuple[int, ...]
    strides: tuple[int, ...]

    def elements(self) -> "np.ndarray[tuple[int, ...], np.dtype[np.int32]]":
        """The numbers of its elements within the buffer."""
        found = np.full((1,) * len(self.sizes), self.offset or 0, np.int32)
        for axis, (size, stride) in enumerate(zip(self.sizes, self.strides, strict=True)):
            steps = np.arange(size, dtype=np.int32) * stride
            found = found + steps.reshape([-1 if d == axis else 1 for d in range(len(self.sizes))])
        return found


@dataclass
class _Joiner:
    module: ModuleOp
    kernels: dict[str, kernel.FuncOp]
    known: dict[str, Effects]
    limit: int
    launches: Counter[str]
    """How often each kernel is launched."""
    made: dict[object, str] = field(default_factory=dict[object, str])
    apart: dict[tuple[object, ...], bool] = field(default_factory=dict[tuple[object, ...], bool])

    def join(self, mover: kernel.LaunchOp) -> None:
        """Let a launch that only moves a little join the nearest launch that it can."""
        if not self.is_small(mover):
            return
        for first in (True, False):
            for partner in self.reachable(mover, up=first):
                if (same := self.shared(mover, partner, first)) is not None:
                    if rewriting(mover, "join", f"{mover.kernel} with {partner.kernel}"):
                        self.merge(mover, partner, same, first)
                    return

    def is_small(self, launch: kernel.LaunchOp) -> bool:
        """Whether a launch only moves so few elements, or only fills."""
        found = self.kernels[launch.kernel]
        if found.attributes.get("inplace") or found.attributes.get("updates") or not only_moves(found):
            return False
        read = self.known[launch.kernel].reads
        return not read or sum(prod(shape(launch.arguments[i])) for i in read) <= self.limit

    def reachable(self, mover: kernel.LaunchOp, up: bool) -> Iterator[kernel.LaunchOp]:
        """The launches of the block before (or behind) it, the nearest first, past which it may go."""
        reads, writes = (list(map(part_of, values)) for values in touched(mover, self.known))
        op = mover.prev_op if up else mover.next_op
        while op is not None:
            if isinstance(op, kernel.LaunchOp):
                yield op
            for inner in op.walk():
                theirs = [list(map(part_of, values)) for values in touched(inner, self.known)]
                pairs = chain(product(writes, theirs[0]), product((*reads, *writes), theirs[1]))
                if not all(self.disjoint(a, b) for a, b in pairs):
                    return
            op = op.prev_op if up else op.next_op

    def shared(self, mover: kernel.LaunchOp, partner: kernel.LaunchOp, first: bool) -> dict[int, int] | None:
        """The mover's arguments that are the partner's, by number; None if the two may not be one kernel. `first`: the
        partner runs first."""
        ours, theirs = self.known[mover.kernel], self.known[partner.kernel]
        if first and late(mover, partner) is None:
            return None
        same: dict[int, int] = {}
        for i, mine in enumerate(mover.arguments):
            a = part_of(mine)
            for k, other in enumerate(partner.arguments):
                b = part_of(other)
                if not conflict(i, ours, k, theirs) or self.disjoint(a, b):
                    continue
                if not first or i in ours.writes or a.offset is None or a.offset != b.offset:
                    return None
                same[i] = k
        return same

    def disjoint(self, a: Part, b: Part) -> bool:
        """Whether two parts have no element in common."""
        if a.root is not b.root:
            return True
        if a.offset is None or b.offset is None:
            return False
        key = a.offset, a.sizes, a.strides, b.offset, b.sizes, b.strides
        if key not in self.apart:
            first, second = a.elements(), b.elements()
            held = np.zeros(int(max(first.max(initial=0), second.max(initial=0))) + 1, np.bool_)
            held[first] = True
            self.apart[key] = not held[second].any()
        return self.apart[key]

    def merge(self, mover: kernel.LaunchOp, partner: kernel.LaunchOp, same: dict[int, int], first: bool) -> None:
        """One launch, where the partner stands."""
        place: Operation = partner
        for op in (late(mover, partner) or ()) if first else ():
            op.detach()
            Rewriter.insert_op(op, InsertPoint.before(place))
            place = op
        key = partner.kernel, mover.kernel, first, tuple(sorted(same.items()))
        if key not in self.made:
            self.made[key] = self.enter(partner.kernel, mover.kernel, first, same)
        name = self.made[key]
        self.launches.subtract((partner.kernel, mover.kernel))
        self.launches[name] += 1
        kept = [v for i, v in enumerate(mover.arguments) if i not in same]
        launch = kernel.LaunchOp(name, [*partner.arguments, *kept])
        launch.attributes = dict(partner.attributes)
        launch.location = fused((partner.location, mover.location))
        Rewriter.replace_op(partner, launch, [])
        Rewriter.erase_op(mover)

    def enter(self, partner: str, mover: str, first: bool, same: dict[int, int]) -> str:
        """A kernel that does what the partner does, and then (or before that, unless it is `first`) what the mover
        does: the partner itself grows if nothing else launches it. The new name."""
        stem, count = f"{partner}_{mover}", 0
        while (name := f"{stem}_{count}" if count else stem) in self.kernels:
            count += 1
        made = self.kernels[partner]
        if self.launches[partner] > 1:
            made = made.clone()
            self.module.body.block.insert_op_before(made, self.kernels[partner])
        else:
            self.made = {key: name for key, name in self.made.items() if name != partner}
            del self.kernels[partner], self.known[partner]
        made.sym_name = StringAttr(name)
        extend(made, self.kernels[mover], first, same)
        self.kernels[name], self.known[name] = made, effects(made)
        return name


def extend(made: kernel.FuncOp, mover: kernel.FuncOp, first: bool, same: dict[int, int]) -> None:
    """Let a kernel do what the mover does, after or before what it does. It gets the mover's arguments, but for those
    that are the `same` as its own."""
    block = made.body.block
    values: dict[SSAValue, SSAValue] = {}
    for old in mover.body.block.args:
        if old.index in same:
            values[old] = block.args[same[old.index]]
        else:
            values[old] = block.insert_arg(old.type, len(block.args))
            values[old].name_hint = old.name_hint
    new = [op.clone(values) for op in mover.body.block.ops if not isinstance(op, kernel.ReturnOp)]
    place = block.last_op if first else block.first_op
    assert place is not None
    block.insert_ops_before(new, place)
    made.function_type = FunctionType.from_lists(block.arg_types, [])
    made.location = fused((made.location, mover.location))


def only_moves(found: kernel.FuncOp) -> bool:
    """Whether a kernel computes nothing: loops round loads, stores and constants."""
    return all(isinstance(op, MOVES) or op.name.startswith("scf.") for op in found.body.walk())


def conflict(i: int, ours: Effects, k: int, theirs: Effects) -> bool:
    """Whether one of two arguments is written, the other read or written."""
    return (i in ours.writes and k in theirs.reads | theirs.writes) or (i in ours.reads and k in theirs.writes)


def part_of(value: SSAValue) -> Part:
    """What an argument shows of its buffer."""
    type = value.type
    if isinstance(owner := value.owner, memref.ReinterpretCastOp) and not isinstance(owner.source.owner, CASTS):
        lists = (a.get_values() for a in (owner.static_offsets, owner.static_sizes, owner.static_strides))
        (offset,), sizes, strides = (tuple(map(int, numbers)) for numbers in lists)
        return Part(owner.source, None if offset == DYNAMIC_INDEX else offset, sizes, strides)
    if isinstance(owner, CASTS) or not isinstance(type, MemRefType) or (steps := type.get_strides()) is None:
        return Part(root(value), None, (), ())
    return Part(value, 0, type.get_shape(), tuple(s or 0 for s in steps))


def root(value: SSAValue) -> SSAValue:
    """The buffer that a chain of views shows."""
    while isinstance(value.owner, CASTS):
        value = value.owner.operands[0]
    return value


def late(mover: kernel.LaunchOp, partner: kernel.LaunchOp) -> list[Operation] | None:
    """The ops between the two that the mover's operands are made by, the last first; None if one of them may not go
    before the partner."""
    wanted, found = {value.owner for value in mover.operands}, list[Operation]()
    op = mover.prev_op
    while op is not None and op is not partner:
        if op in wanted:
            if not isinstance(op, EARLY) and not op.name.startswith("arith."):
                return None
            found.append(op)
            wanted.update(value.owner for value in op.operands)
        op = op.prev_op
    return found
