"""What the choice of a stage's tiles works with: the machine, the stage by its addresses, a tile asked for or found."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...dialects._access import Access


@dataclass(frozen=True)
class Machine:
    """What a tile is chosen by."""

    vector_bytes: int = 32
    registers: int = 16
    l1: int = 32 * 1024
    l2: int = 512 * 1024


@dataclass(frozen=True)
class Load:
    """An input of the stage: address, bytes of an element, whether each reduction step reads it."""

    access: Access
    bytes: int
    inside: bool
    free: bool = False
    """A weight that has no layout yet: it will be laid out as the vector dim wants it."""

    def step(self, dim: int) -> int:
        """Elements between neighbours along `dim`, as they will be."""
        found = self.access.inner(dim)
        return 1 if self.free and found else found


@dataclass(frozen=True)
class Tile:
    """A register tile that was asked for: dims by the kernel's numbers."""

    vector: int
    vectors: int
    row: int | None = None
    rows: int = 1
    outside: int | None = None
    """Loops outside that of the vector's tiles; None: as many as cost least."""
    join: int | None = None
    """A dim that is walked as one with the rows', outside it: a tile's rows go on from the end of a line of an image to
    the next line. None: where it costs less; -1: none."""
    chunk: int | None = None
    """Steps of the innermost reduction loop that all rows do before the next; 0: all; None: as the caches have it."""


@dataclass(frozen=True)
class Problem:
    """A stage seen by its addresses: sizes by dim, reduced dims, loads, stores, sums kept, ops in the bodies."""

    sizes: dict[int, int]
    reduced: frozenset[int]
    loads: tuple[Load, ...]
    stores: tuple[Access, ...]
    sums: int
    ops: int
    lanes: int
    barred: frozenset[int]
    """Dims along which no vector may lie: a gathered address depends on them."""
    panels: Mapping[int, int]
    """Dims that a packed layout splits -> the width of its panels, which a tile must have."""
    joinable: bool
    """Whether the sums are made by ops whose partial results can be joined."""
    whole: frozenset[int] = frozenset()
    """Dims whose loops must stay as they are: an address or a body asks for their index."""

    @property
    def parallel(self) -> tuple[int, ...]:
        """The parallel dims."""
        return tuple(d for d in self.sizes if d not in self.reduced)

    def joined(self, outer: int, inner: int) -> "Problem":
        """The stage with two dims walked as one, under the number of the inner."""
        sizes = {d: n for d, n in self.sizes.items() if d != outer} | {inner: self.sizes[outer] * self.sizes[inner]}
        loads = tuple(replace(load, access=load.access.without(outer)) for load in self.loads)
        return replace(self, sizes=sizes, loads=loads, stores=tuple(a.without(outer) for a in self.stores))


@dataclass(frozen=True)
class Tiling:
    """How a stage's loops run. `vectors` vectors along `vector` times `rows` along `row` are straight-line code."""

    vector: int | None
    lanes: int
    vectors: int
    row: int | None
    rows: int
    order: tuple[int, ...]
    """Parallel dims from the outermost loop inwards."""
    reduction: tuple[int, ...]
    flat: int
    """So many of the innermost reduction loops are unrolled."""
    ahead: bool = False
    """While one panel of the operand that the vectors come from is used, the next is asked for, little by little."""
    join: int | None = None
    """The dim walked as one with the rows', which then runs over both."""
    chunk: int = 0
    """Steps of the innermost reduction loop that all rows of a panel run before the next ones; 0: all steps."""
    hoisted: tuple[int, ...] = ()
    """The reduction loops outside those of the rows, where it goes in chunks."""

    @property
    def width(self) -> int:
        """Elements of a tile along the vector dim."""
        return self.lanes * self.vectors
