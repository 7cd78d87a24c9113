"""Writes the host's ops on memrefs: allocations where first needed, a cast for each view, copies, fills, launches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    FloatAttr,
    IndexType,
    IntegerAttr,
    LocationAttr,
    MemRefType,
    TensorType,
    UnknownLoc,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue

from ...dialects._layout import layout_of, strided
from ...dialects._shape import element, shape
from ...dialects.kernel import LaunchOp
from ._copies import copy_kernel, fill_kernel
from ._kernel_buffers import KernelBuffers, Pairs
from ._places import Memory, Place, coalesced
from ._view import Shift

Seen = tuple[Memory, tuple[int, ...], tuple[int, ...], Shift]


class HostBuffers:
    """Appends to the innermost block under construction; `scalars` maps the old function's scalars to the new one's."""

    def __init__(self, kernels: KernelBuffers, block: Block):
        self.kernels = kernels
        self.location: LocationAttr = UnknownLoc()
        self.scalars: dict[SSAValue, SSAValue] = {}
        self._blocks: list[Block] = [block]
        self._casts: list[dict[Seen, SSAValue]] = [{}]
        self._homes: dict[Block, Block] = {}

    @contextmanager
    def into(self, old: Block, new: Block) -> Iterator[Block]:
        """Append meanwhile to `new`, which stands for the block `old`."""
        self._homes[old] = new
        self._blocks.append(new)
        self._casts.append({})
        try:
            yield new
        finally:
            self._blocks.pop()
            self._casts.pop()

    def stand_for(self, old: Block) -> None:
        """Let the innermost block stand for `old`."""
        self._homes[old] = self._blocks[-1]

    def add(self, op: Operation) -> Sequence[SSAValue]:
        """Append an op."""
        op.location = self.location
        self._blocks[-1].add_op(op)
        return op.results

    def index(self, value: int) -> SSAValue:
        """A constant."""
        return self.add(arith.ConstantOp.from_int_and_width(value, IndexType()))[0]

    def memref(self, place: Place, dims: Sequence[int]) -> SSAValue:
        """The tensor of these dimensions at a place, as a memref: the memory itself, or a cast of it."""
        memory = place.memory
        base = self._base(memory)
        if place == Place(memory, memory.strides) and memory.type.get_shape() == tuple(dims):
            return base
        key = memory, tuple(dims), place.strides, place.shift
        for casts in self._casts:
            if key in casts:
                return casts[key]
        layout = strided(dims, place.strides)
        cast = memref.ReinterpretCastOp(
            base,
            [] if not place.shift.terms else [self._offset(place.shift)],
            [],
            [],
            [DYNAMIC_INDEX if place.shift.terms else place.shift.constant],
            list(dims),
            list(place.strides),
            MemRefType(memory.type.element_type, dims, layout),
        )
        self._casts[-1][key] = self.add(cast)[0]
        return self._casts[-1][key]

    def _base(self, memory: Memory) -> SSAValue:
        if memory.memref is None:
            if memory.home is None:
                raise ValueError(f"expected a home for an allocation of {memory.type}")
            alloc = memref.AllocOp.get(memory.type.element_type, 64, memory.type.get_shape())
            alloc.location = self.location
            self._homes[memory.home].add_op(alloc)
            memory.memref = alloc.memref
        return memory.memref

    def _offset(self, shift: Shift) -> SSAValue:
        total = self.index(shift.constant) if shift.constant else None
        for value, factor in shift.terms:
            term = self.scalars[value]
            if factor != 1:
                term = self.add(arith.MuliOp(term, self.index(factor)))[0]
            total = term if total is None else self.add(arith.AddiOp(total, term))[0]
        assert total is not None
        return total

    def launch(self, name: str, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue], inplace: Pairs = ()) -> None:
        """Run what the kernel @name on tensors does."""
        callee = self.kernels.get(name, [v.type for v in inputs], [v.type for v in outputs], inplace)
        self.add(LaunchOp(callee, [*inputs, *outputs]))

    def copy(self, source: Place, target: Place, dims: Sequence[int]) -> None:
        """Copy a tensor, unless it lies there already or has no elements."""
        if source.is_same(target, dims) or 0 in dims:
            return
        sizes, (read, written) = coalesced(dims, source.strides, target.strides)
        kind = source.memory.type.element_type
        given, made = (TensorType(kind, sizes, strided(sizes, s)) for s in (read, written))
        key = f"copy {kind} {sizes} {read} {written}"
        name = self.kernels.enter(key, lambda: copy_kernel(given, made))
        views = (Place(p.memory, tuple(s), p.shift) for p, s in ((source, read), (target, written)))
        read_from, write_to = (self.memref(view, sizes) for view in views)
        self.launch(name, [read_from], [write_to])

    def fill(self, number: Attribute, targets: Sequence[tuple[Place, Sequence[int]]]) -> None:
        """Write a number everywhere in some places, with one launch."""
        if not isinstance(number, IntegerAttr | FloatAttr):
            raise TypeError(f"expected a number to fill with, found {number}")
        outputs: list[SSAValue] = []
        for place, dims in targets:
            if 0 not in dims:
                sizes, (steps,) = coalesced(dims, place.strides)
                outputs.append(self.memref(Place(place.memory, tuple(steps), place.shift), sizes))
        if outputs:
            types = [TensorType(element(v), shape(v), layout_of(v.type)) for v in outputs]
            layouts = [(shape(v), layout_of(v.type)) for v in outputs]
            name = self.kernels.enter(f"fill {number} {layouts}", lambda: fill_kernel(number, types))
            self.launch(name, [], outputs)

    def store(self, scalar: SSAValue, place: Place, dims: Sequence[int], indices: Sequence[SSAValue]) -> None:
        """Write one element."""
        self.add(memref.StoreOp.get(scalar, self.memref(place, dims), indices))


def borders(
    place: Place, dims: Sequence[int], low: Sequence[int], high: Sequence[int]
) -> list[tuple[Place, list[int]]]:
    """What lies round the middle of a padded tensor, as boxes that do not overlap, the most contiguous first."""
    found: list[tuple[Place, list[int]]] = []
    starts, sizes = [0] * len(dims), list(dims)
    for d in sorted(range(len(dims)), key=lambda d: -place.strides[d]):
        for start, size in ((0, low[d]), (dims[d] - high[d], high[d])):
            if size:
                begin = [start if i == d else s for i, s in enumerate(starts)]
                found.append((place.part(begin), [size if i == d else s for i, s in enumerate(sizes)]))
        starts[d], sizes[d] = low[d], dims[d] - low[d] - high[d]
    return found


def elements(dims: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All positions of a small tensor, in row-major order."""
    if not dims:
        yield ()
        return
    yield from chain.from_iterable(((i, *rest) for rest in elements(dims[1:])) for i in range(dims[0]))
