"""A kernel as its loops will see it: dims shared by its generics, and the stages in which they run.

    max over j of x[i,j] | e = exp(x[i,j] - m[i]), s = sum over j of e | y[i,j] = e / s[i]
    stage 0: reduce m     stage 1: pre e, reduce s                       stage 2: pre y        common dims: i

A stage is one loop nest: pointwise generics over its whole space (`pre`), reductions of that space, pointwise
generics over what the reductions leave (`post`). The common dims, parallel in every stage, are the outermost loops.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith, bufferization, tensor
from xdsl.dialects.builtin import ArrayAttr, FloatAttr, IntegerAttr, MemRefType
from xdsl.ir import Attribute, Operation, SSAValue

from . import kernel
from ._access import Access, located
from ._generic import Generic, Index, generic
from ._shape import shape
from ._xdsl import FillOp, GenericOp


@dataclass(eq=False)
class Member:
    """One generic with its dims renamed to the kernel's."""

    generic: Generic
    dims: tuple[int, ...]
    space: frozenset[int]
    """Its dims, without those of a single index."""
    stage: int = -1
    role: str = "pre"

    @property
    def results(self) -> Sequence[SSAValue]:
        """The tensors it makes."""
        return self.generic.op.results

    @property
    def reduced(self) -> frozenset[int]:
        """Its reduction dims of more than one index."""
        return frozenset(self.dims[d] for d in self.generic.reduction) & self.space

    def place(self, value: SSAValue) -> list[int | None]:
        """The dim that walks each axis of a tensor it makes; None where nothing moves."""
        indices = self.generic.outputs[list(self.results).index(value)].indices
        return [None if i.dim is None or self.dims[i.dim] not in self.space else self.dims[i.dim] for i in indices]


@dataclass
class Stage:
    """Members that share one loop nest, in order."""

    space: frozenset[int]
    reduced: frozenset[int] = frozenset()
    members: list[Member] = field(default_factory=list[Member])

    def of(self, role: str) -> list[Member]:
        """The members that are `pre`, `reduce` or `post`."""
        return [m for m in self.members if m.role == role]


@dataclass(frozen=True)
class Pad:
    """An argument with a border of one number round it: `low` elements before each axis."""

    source: SSAValue
    low: tuple[int, ...]
    number: IntegerAttr | FloatAttr


@dataclass
class Kernel:
    """A kernel.func read for loop generation; tensors are known by their SSA values."""

    func: kernel.FuncOp
    sizes: dict[int, int]
    members: list[Member]
    stages: list[Stage]
    common: frozenset[int]
    maker: dict[SSAValue, Member]
    """Also of a tensor concatenated from all results of a member."""
    parts: dict[SSAValue, tuple[SSAValue, int]]
    """A result that is a part of a concatenated tensor -> that tensor, and the elements before it along axis 0."""
    inits: dict[SSAValue, SSAValue]
    """A filled tensor -> the scalar it is filled with."""
    places: dict[SSAValue, SSAValue]
    """A tensor read from, or written to, an argument (or returned) -> the argument or returned value."""
    outputs: dict[SSAValue, list[tuple[SSAValue | None, Attribute]]]
    """A tensor that leaves the kernel -> (buffer if there is one yet, type with layout)."""
    pads: dict[SSAValue, Pad]
    """A tensor that is an argument with a border."""

    def access(self, member: Member, operand: int) -> Access:
        """Where `member` reads its input `operand`, which is an argument of the kernel."""
        view = member.generic.inputs[operand]
        buffer = self.places[view.value]
        return located(buffer, buffer.type, view.indices, member.dims)

    def place(self, value: SSAValue) -> list[int | None]:
        """The dim that walks each axis of a tensor made here; None where nothing moves, or parts follow one another."""
        first = next((part for part, (whole, _) in self.parts.items() if whole is value), value)
        return self.maker[value].place(first)

    def crossing(self) -> Iterator[SSAValue]:
        """Tensors made in one stage and read in a later one."""
        for value, maker in self.maker.items():
            readers = {use.operation for use in value.uses}
            stages = {m.stage for m in self.members if m.generic.op in readers}
            if any(stage != maker.stage for stage in stages):
                yield value


def analyse(func: kernel.FuncOp) -> Kernel | None:
    """Read a kernel; None if it holds more than generics, fills and empties (an imperative kernel)."""
    inits: dict[SSAValue, SSAValue] = {}
    places: dict[SSAValue, SSAValue] = {arg: arg for arg in func.body.block.args}
    outputs: dict[SSAValue, list[tuple[SSAValue | None, Attribute]]] = {}
    generics: list[Generic] = []
    joined: dict[SSAValue, tuple[SSAValue, ...]] = {}
    pads: dict[SSAValue, Pad] = {}
    for op in func.body.block.ops:
        match op:
            case GenericOp():
                generics.append(generic(op))
            case FillOp():
                inits[op.results[0]] = op.inputs[0]
            case bufferization.ToTensorOp():
                places[op.tensor] = op.memref
            case bufferization.MaterializeInDestinationOp():
                outputs.setdefault(op.source, []).append((op.dest, op.dest.type))
            case kernel.ReturnOp():
                for value, type in zip(op.values, func.function_type.outputs, strict=True):
                    outputs.setdefault(value, []).append((None, type))
            case tensor.ConcatOp() if is_stack(op):
                joined[op.result] = tuple(op.inputs)
            case tensor.PadOp() if op.source in places and (pad := _pad(op)) is not None:
                pads[op.result] = pad
            case tensor.EmptyOp() | Operation(name="arith.constant"):
                pass
            case _:
                return None
    sizes, members = _renamed(generics, joined)
    maker: dict[SSAValue, Member] = {value: m for m in members for value in m.results}
    maker |= {whole: maker[parts[0]] for whole, parts in joined.items()}
    found = Kernel(func, sizes, members, [], frozenset(), maker, _starts(joined), inits, places, outputs, pads)
    _group(found)
    found.common = _common(found)
    return found


def _pad(op: tensor.PadOp) -> Pad | None:
    """What a pad by a constant adds."""
    last = op.region.block.last_op
    made = last.operands[0].owner if last is not None and last.operands else None
    number = made.value if isinstance(made, arith.ConstantOp) else None
    static = not op.low and not op.high
    return (
        Pad(op.source, tuple(op.static_low.get_values()), number)
        if static and isinstance(number, IntegerAttr | FloatAttr)
        else None
    )


def is_stack(op: tensor.ConcatOp) -> bool:
    """Whether all results of one generic, and nothing else, are laid one after the other along the first axis."""
    owner = op.inputs[0].owner
    if not isinstance(owner, GenericOp) or op.dim.value.data != 0 or tuple(op.inputs) != tuple(owner.results):
        return False
    return all(value.has_one_use() for value in owner.results)


def _starts(joined: dict[SSAValue, tuple[SSAValue, ...]]) -> dict[SSAValue, tuple[SSAValue, int]]:
    found: dict[SSAValue, tuple[SSAValue, int]] = {}
    for whole, parts in joined.items():
        at = 0
        for part in parts:
            found[part] = whole, at
            at += shape(part)[0]
    return found


def is_bufferized(func: kernel.FuncOp) -> bool:
    """Whether the kernel works on memrefs."""
    return all(isinstance(arg.type, MemRefType) for arg in func.body.block.args)


class _Names:
    """The dims of some generics, numbered one after the other, those that were given one name under the first."""

    def __init__(self, generics: Sequence[Generic]):
        counts = [len(g.sizes) for g in generics]
        self.base = [sum(counts[:i]) for i in range(len(counts))]
        self.parent = list(range(sum(counts)))
        self.held = [{i} for i, count in enumerate(counts) for _ in range(count)]
        """The generics that have a dim of this name: no two dims of one have the same."""

    def root(self, generic: int, dim: int) -> int:
        """The name of a generic's dim."""
        d = self.base[generic] + dim
        while self.parent[d] != d:
            d = self.parent[d]
        return d

    def tie(self, first: int, theirs: Sequence[Index], second: int, mine: Sequence[Index]) -> None:
        """Two generics walk the axes of one tensor together: name the dims that they walk them by alike."""
        for there, here in zip(theirs, mine, strict=True):
            if there.dim is None or here.dim is None:
                continue
            a, b = self.root(first, there.dim), self.root(second, here.dim)
            if a != b and not self.held[a] & self.held[b]:
                self.parent[b] = a
                self.held[a] |= self.held[b]


def _renamed(
    generics: list[Generic], joined: dict[SSAValue, tuple[SSAValue, ...]]
) -> tuple[dict[int, int], list[Member]]:
    """Give equal names to dims of a producer and a consumer that walk the same axis of the tensor between them, and of
    siblings with no such tensor that walk the same axis of an operand."""
    names = _Names(generics)
    made: dict[SSAValue, tuple[int, int]] = {
        value: (i, k) for i, g in enumerate(generics) for k, value in enumerate(g.op.results)
    }
    made |= {whole: made[parts[0]] for whole, parts in joined.items()}
    piece = list(range(len(generics)))
    for i, g in enumerate(generics):
        for view in g.inputs:
            if view.value in made:
                p, k = made[view.value]
                within = slice(1 if view.value in joined else 0, None)
                names.tie(p, generics[p].outputs[k].indices[within], i, view.indices[within])
                piece = [piece[p] if other == piece[i] else other for other in piece]
    first: dict[SSAValue, tuple[int, Sequence[Index]]] = {}
    for i, g in enumerate(generics):
        for view in g.inputs:
            p, theirs = first.setdefault(view.value, (i, view.indices))
            if view.value not in made and piece[p] != piece[i] and all(index.dim is not None for index in view.indices):
                names.tie(p, theirs, i, view.indices)
                piece = [piece[p] if other == piece[i] else other for other in piece]
    sizes: dict[int, int] = {}
    members: list[Member] = []
    for i, g in enumerate(generics):
        dims = tuple(names.root(i, d) for d in range(len(g.sizes)))
        sizes |= dict(zip(dims, g.sizes, strict=True))
        members.append(Member(g, dims, frozenset(d for d, n in zip(dims, g.sizes, strict=True) if n != 1)))
    return sizes, members


def _same_point(found: Kernel, member: Member, stage: int) -> bool:
    """Whether what `member` reads from the stage's members is, for each of them, the element of the same point."""
    for view in member.generic.inputs:
        maker = found.maker.get(view.value)
        if maker is None or maker.stage != stage:
            continue
        mine = [None if i.dim is None else member.dims[i.dim] for i in view.indices]
        sizes = shape(view.value)
        if any(t != m and size != 1 for t, m, size in zip(found.place(view.value), mine, sizes, strict=True)):
            return False
    return True


def _role(found: Kernel, member: Member, index: int) -> str | None:
    """How `member` may join stage `index`, or None."""
    stage = found.stages[index]
    reads = {found.maker[v.value] for v in member.generic.inputs if v.value in found.maker}
    mine = [m for m in reads if m.stage == index]
    captured = {found.maker[v] for v in member.generic.captures if v in found.maker}
    if captured or not _same_point(found, member, index):
        return None
    if member.reduced:
        if member.space != stage.space or stage.reduced not in (frozenset(), member.reduced):
            return None
        return "reduce" if all(m.role == "pre" for m in mine) else None
    if member.space == stage.space and not member.reduced:
        if not stage.reduced or all(m.role == "pre" for m in mine):
            return "pre"
        return None
    if stage.reduced and member.space == stage.space - stage.reduced:
        return "post"
    return None


def _group(found: Kernel) -> None:
    for member in found.members:
        reads = [found.maker[v.value] for v in member.generic.inputs if v.value in found.maker]
        captured = [found.maker[v] for v in member.generic.captures if v in found.maker]
        earliest = max((m.stage for m in reads + captured), default=0)
        if any(m.role != "pre" and member.reduced and m.stage == earliest for m in reads):
            earliest += 1
        for index in range(earliest, len(found.stages)):
            if (role := _role(found, member, index)) is not None:
                break
        else:
            found.stages.append(Stage(member.space))
            index, role = len(found.stages) - 1, "reduce" if member.reduced else "pre"
        member.stage, member.role = index, role
        found.stages[index].members.append(member)
        found.stages[index].reduced |= member.reduced


def _common(found: Kernel) -> frozenset[int]:
    """Dims parallel in every stage, and walked in step by all that passes between stages; none for a single stage. Of
    these, those that the kernel's attribute `common` names, if it has one."""
    if len(found.stages) < 2:
        return frozenset()
    dims = frozenset.intersection(*(s.space - s.reduced for s in found.stages))
    if isinstance(named := found.func.attributes.get("common"), ArrayAttr):
        dims &= {number.value.data for number in named.data if isinstance(number, IntegerAttr)}
    for value in found.crossing():
        maker = found.maker[value]
        for reader in found.members:
            if reader.stage == maker.stage:
                continue
            if value in reader.generic.captures:
                return frozenset()
            for view in (v for v in reader.generic.inputs if v.value is value):
                for t, index in zip(found.place(value), view.indices, strict=True):
                    mine = None if index.dim is None else reader.dims[index.dim]
                    if t != mine and t is not None:
                        dims -= {t}
    return dims
