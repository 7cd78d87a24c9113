"""An operand's address as a linear form in the dims of its kernel.

    %w[oc, ic, kh, kw] packed (oc floordiv 16, ic, kh, kw, oc mod 16)    per dim: outer (tile base) and inner step
    oc: (ic*kh*kw, 1)    ic: (kh*kw*16, ...)    kh: (kw*16, ...)    kw: (16, 16)

A dim split by a packed layout has two steps: `outer` for a tile's base, which is a multiple of the panel's width,
and `inner` within the tile. Any other dim has the same step twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xdsl.dialects.builtin import AffineMapAttr
from xdsl.ir import Attribute, SSAValue

from ._generic import Index
from ._layout import _digits, layout_of, physical_shape, row_major, strides_of
from ._shape import shape

Step = tuple[int, int]


@dataclass(frozen=True)
class Access:
    """Elements of `buffer` at offset + sum over dims of step * index. `buffer` None: a value not yet given a place."""

    buffer: SSAValue | None
    steps: Mapping[int, Step]
    offset: int = 0
    fixed: bool = False
    """Written before it is read within one run of the kernel: a load must not move out of its stage."""

    @property
    def dims(self) -> frozenset[int]:
        """The dims that the address depends on."""
        return frozenset(self.steps)

    def inner(self, dim: int) -> int:
        """Elements between neighbours along `dim` within a tile; 0 if it plays no part."""
        return self.steps.get(dim, (0, 0))[1]

    def without(self, dim: int) -> "Access":
        """The address with `dim` taken over by another dim, whose range grows to hold both."""
        return replace(self, steps={d: s for d, s in self.steps.items() if d != dim})


def axis_steps(type: Attribute) -> tuple[Step, ...]:
    """(outer, inner) elements per logical axis of a tensor or memref; an offset in the type is the caller's."""
    if isinstance(layout := layout_of(type), AffineMapAttr):
        return _packed_steps(layout, shape(type))
    if (found := strides_of(type)) is None:
        raise ValueError(f"expected a static layout, found {type}")
    return tuple((s, s) for s in found[1])


def panel(type: Attribute, axis: int) -> int | None:
    """The width in which a packed layout splits `axis`; None if it does not."""
    if not isinstance(layout := layout_of(type), AffineMapAttr) or (digits := _digits(layout.data)) is None:
        return None
    return next((modulus for dim, _, modulus in digits if dim == axis and modulus is not None), None)


def _packed_steps(layout: AffineMapAttr, dims: Sequence[int]) -> tuple[Step, ...]:
    if (digits := _digits(layout.data)) is None:
        raise ValueError(f"expected a packed layout of floordiv and mod, found {layout}")
    places = row_major(physical_shape(layout.data, dims))
    steps: list[Step] = []
    for axis in range(len(dims)):
        mine = sorted((divisor, place) for (dim, divisor, _), place in zip(digits, places, strict=True) if dim == axis)
        match mine:
            case [(1, step)]:
                steps.append((step, step))
            case [(1, inner), (width, outer)] if outer % width == 0:
                steps.append((outer // width, inner))
            case _:
                raise ValueError(f"expected at most one panel per axis, found {layout}")
    return tuple(steps)


def located(buffer: SSAValue | None, type: Attribute, indices: Sequence[Index], dims: Sequence[int]) -> Access:
    """The address of a generic's operand: `indices` per axis in the generic's dims, `dims[i]` the kernel's dim i."""
    steps: dict[int, Step] = {}
    offset = 0
    for (outer, inner), index in zip(axis_steps(type), indices, strict=True):
        offset += index.offset * inner
        for local, coefficient in index.terms:
            before = steps.get(dims[local], (0, 0))
            steps[dims[local]] = (before[0] + outer * coefficient, before[1] + inner * coefficient)
    return Access(buffer, {d: s for d, s in steps.items() if s != (0, 0)}, offset)
