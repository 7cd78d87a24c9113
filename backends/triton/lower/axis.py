"""Block axes: dims of a kernel counted through as one, cut into blocks; and indices as sums of their digits.

X = (n, oh, ow) of 2 x 56 x 56 in blocks of 128:   r = 128 * pid + arange(128)
ow = r % 56    oh = r // 56 % 56    n = r // 3136       (n is not reduced: past the end it leaves every view)
a digit that all of a block shares is a scalar: of r // 256 % 9 in blocks of 64 it is start // 256 % 9
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.ir import SSAValue

from ....dialects.tile.index import ArangeOp, ExpandOp
from .code import Code


@dataclass(frozen=True)
class Digit:
    """`index // divisor % modulus` of an axis; not reduced if there is no modulus."""

    axis: str
    divisor: int
    modulus: int | None


@dataclass(frozen=True)
class Form:
    """An index: the sum of coefficient * digit, plus a number."""

    terms: tuple[tuple[int, Digit], ...] = ()
    offset: int = 0

    def plus(self, other: "Form", factor: int = 1) -> "Form":
        """The sum of this form and a multiple of another."""
        found = dict[Digit, int]((d, c) for c, d in self.terms)
        for c, d in other.terms:
            found[d] = found.get(d, 0) + factor * c
        terms = tuple((c, d) for d, c in found.items() if c)
        return Form(terms, self.offset + factor * other.offset)

    @property
    def digit(self) -> Digit | None:
        """The digit that this is, alone and as it stands."""
        return self.terms[0][1] if len(self.terms) == 1 and self.terms[0][0] == 1 and not self.offset else None


@dataclass(eq=False)
class Axis:
    """`total` indices in blocks of `block` (a power of two; 1: a scalar), of which one begins at `start`."""

    name: str
    dims: tuple[int, ...]
    sizes: tuple[int, ...]
    block: int
    start: SSAValue | None = None
    """Where the block begins; None at 0, the only block."""
    programs: int = 0
    """Programs that take a block each, if they are more than there are blocks."""

    @property
    def total(self) -> int:
        """How many indices there are."""
        return prod(self.sizes)

    @property
    def blocks(self) -> int:
        """How many blocks there are, those past the end included."""
        return max(-(-self.total // self.block), self.programs)

    @property
    def is_cut(self) -> bool:
        """Whether the last block reaches past the end."""
        return self.total != self.blocks * self.block

    def forms(self) -> dict[int, Form]:
        """Each dim as a digit."""
        found: dict[int, Form] = {}
        step = self.total
        for i, (dim, size) in enumerate(zip(self.dims, self.sizes, strict=True)):
            step //= size
            found[dim] = Form(((1, Digit(self.name, step, None if i == 0 else size)),)) if size > 1 else Form()
        return found

    def top(self, digit: Digit) -> int:
        """The largest value of a digit."""
        last = (self.blocks * self.block - 1) // digit.divisor
        return last if digit.modulus is None else min(last, digit.modulus - 1)


def axis(name: str, dims: Sequence[int], sizes: Mapping[int, int], block: int) -> Axis:
    """The axis of some dims, outermost first; those of one index are left out."""
    wide = tuple(d for d in dims if sizes[d] > 1)
    return Axis(name, wide, tuple(sizes[d] for d in wide), block)


class Frame:
    """Where the axes lie in a block: (M, K) for a left-hand side, (M, N) for what is summed. Scalars have no place; a
    block of higher `rank` than that has dimensions of size 1 behind."""

    def __init__(self, *axes: Axis, rank: int = 0):
        self.axes = {a.name: a for a in axes}
        self.places = {a.name: i for i, a in enumerate(a for a in axes if a.block > 1)}
        self.rank = max(rank, len(self.places))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a block with all axes."""
        return tuple(self.axes[name].block for name in self.places)

    @property
    def key(self) -> object:
        """What tells frames apart in which values differ."""
        return tuple((name, a.start, a.block) for name, a in self.axes.items())


def span(frame: Frame, form: Form) -> tuple[int, int]:
    """The least and the largest value of a form."""
    low = high = form.offset
    for c, d in form.terms:
        end = c * frame.axes[d.axis].top(d)
        low, high = low + min(0, end), high + max(0, end)
    return low, high


def materialize(code: Code, frame: Frame, form: Form) -> SSAValue:
    """The form as an i32, or as a block of them in its place in the frame."""
    total: SSAValue | None = None
    for c, d in form.terms:
        part = code.times(_digit(code, frame, d), c)
        total = part if total is None else code.add(total, part)
    if total is None:
        return code.number(form.offset)
    return code.add(total, code.number(form.offset)) if form.offset else total


def _digit(code: Code, frame: Frame, digit: Digit) -> SSAValue:
    axis = frame.axes[digit.axis]
    start = axis.start if axis.start is not None else code.number(0)
    if axis.block == 1 or digit.divisor % axis.block == 0:
        found = code.over(start, digit.divisor)
        return found if digit.modulus is None else code.modulo(found, digit.modulus)
    steps = code.emit(ArangeOp(axis.block))
    modulus = digit.modulus
    if digit.divisor == 1 and modulus is not None and modulus % axis.block == 0 and axis.start is not None:
        if modulus == axis.block:
            return _placed(code, frame, digit, steps)
        start, modulus = code.rest(start, modulus), None
    index = steps if axis.start is None else code.add(start, steps)
    index.name_hint = index.name_hint or f"r{axis.name}"
    if axis.start is None and modulus is not None and digit.divisor * modulus >= axis.block:
        modulus = None
    index = code.over(index, digit.divisor)
    return _placed(code, frame, digit, index if modulus is None else code.modulo(index, modulus))


def _placed(code: Code, frame: Frame, digit: Digit, index: SSAValue) -> SSAValue:
    """The indices in their axis' place of a block."""
    for place in range(frame.rank):
        if place != frame.places[digit.axis]:
            index = code.emit(ExpandOp(index, place))
    return index
