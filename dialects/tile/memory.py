"""Reads and writes of views, by one logical index for each dimension; a mask is what the view's bounds make of them.

    %a = tile.load %x[%i, %j] other 0.0 : f16 : !tile.view<f16, [M, 768]>[tensor<128x1xi32>, tensor<1x64xi32>] -> ..
    tile.store %v, %y[%i, %j] if %m : tensor<128x1xi1> : tensor<128x64xf16>, !tile.view<f16, [M, 768]>[..]
    %old = tile.atomic add %v, %y[%i] : tensor<128xf32>, !tile.view<f32, [N]>[tensor<128xi32>] -> tensor<128xf32>

An index is an i32 (or i64) scalar or block; the blocks, and an extra mask, broadcast to the shape of what is read or
written. An element outside the view is not touched: a load answers `other` there, and without `other` anything at all.
`bounds ["upper", "none"]` says dimension by dimension what may still have to be checked: both sides (what holds without
it), only `lower`, only `upper`, or `none`: such an index never leaves the view on a side that is not checked.
"""

from collections.abc import Sequence
from enum import auto

from xdsl.dialects.builtin import ArrayAttr, FloatAttr, IntegerAttr, IntegerType, StringAttr
from xdsl.ir import Attribute, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from .._xdsl import EnumAttribute
from ._block import block, broadcast, dims, is_bool, kind
from .index import constant
from .view import ViewType

BOUNDS = ("both", "lower", "upper", "none")
"""What is left to check of an index."""


class Access(IRDLOperation):
    """Elements of a view by their indices."""

    view = operand_def(ViewType)
    indices = var_operand_def()
    mask = opt_operand_def()
    bounds = opt_prop_def(ArrayAttr[StringAttr])
    cache = opt_prop_def(StringAttr)
    evict = opt_prop_def(StringAttr)

    @property
    def type(self) -> ViewType:
        """The view's type."""
        assert isinstance(self.view.type, ViewType)
        return self.view.type

    @property
    def checks(self) -> tuple[str, ...]:
        """What is left to check of each index, one of BOUNDS."""
        if self.bounds is None:
            return ("both",) * len(self.indices)
        return tuple(b.data for b in self.bounds)

    @property
    def is_masked(self) -> bool:
        """Whether some elements may be left out."""
        return self.mask is not None or set(self.checks) != {"none"}

    def shape(self) -> tuple[int, ...]:
        """The shape of what is read or written; VerifyException if indices and mask have none in common."""
        wide = [self.mask] if self.mask is not None else []
        return broadcast(self.name, [dims(v) for v in (*self.indices, *wide)])

    def verify_access(self) -> None:
        """VerifyException if indices, mask and bounds do not fit the view."""
        if len(self.indices) != (rank := len(self.type.sizes)):
            raise VerifyException(f"{self.name}: expected {rank} indices, found {len(self.indices)}")
        for index in self.indices:
            if not isinstance(k := kind(index), IntegerType) or k.width.data not in (32, 64):
                raise VerifyException(f"{self.name}: expected indices of i32 or i64, found {index.type}")
        if self.mask is not None and not is_bool(kind(self.mask)):
            raise VerifyException(f"{self.name}: expected a mask of i1, found {self.mask.type}")
        if len(self.checks) != rank or set(self.checks) - set(BOUNDS):
            raise VerifyException(f"{self.name}: expected {rank} of {', '.join(BOUNDS)}, found {self.checks}")

    def verify_value(self, found: Attribute) -> None:
        """VerifyException if that is not the type of what is read or written."""
        if found != (expected := block(self.type.element, self.shape())):
            raise VerifyException(f"{self.name}: expected {expected}, found {found}")


def _fields(bounds: Sequence[str] | None, cache: str | None, evict: str | None) -> dict[str, Attribute | None]:
    told = None if bounds is None else ArrayAttr([StringAttr(b) for b in bounds])
    words = {n: None if word is None else StringAttr(word) for n, word in (("cache", cache), ("evict", evict))}
    return {"bounds": told, **words}


@irdl_op_definition
class LoadOp(Access):
    """The elements at the indices. `other` is what their consumer ignores: 0 for a dot or a sum, -inf for a max."""

    name = "tile.load"
    other = opt_prop_def(IntegerAttr | FloatAttr)
    res = result_def()
    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(MemoryReadEffect())
    assembly_format = (
        "$view `[` $indices `]` (`if` $mask^ `:` type($mask))? (`other` $other^)? (`bounds` $bounds^)? "
        "(`cache` $cache^)? (`evict` $evict^)? attr-dict `:` type($view) `[` type($indices) `]` `->` type($res)"
    )

    def __init__(
        self,
        view: SSAValue,
        indices: Sequence[SSAValue],
        *,
        mask: SSAValue | None = None,
        other: float | None = None,
        bounds: Sequence[str] | None = None,
        cache: str | None = None,
        evict: str | None = None,
    ):
        assert isinstance(view.type, ViewType)
        shape = broadcast(self.name, [dims(v) for v in (*indices, *([mask] if mask is not None else []))])
        value = None if other is None else constant(other, view.type.element)
        super().__init__(
            operands=[view, indices, mask],
            properties={"other": value, **_fields(bounds, cache, evict)},
            result_types=[block(view.type.element, shape)],
        )

    def verify_(self) -> None:
        self.verify_access()
        self.verify_value(self.res.type)
        if self.other is not None and self.other.type != self.type.element:
            raise VerifyException(f"tile.load: expected other of {self.type.element}, found {self.other.type}")


@irdl_op_definition
class StoreOp(Access):
    """Writes a block, each element at its indices; no element twice."""

    name = "tile.store"
    value = operand_def()
    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(MemoryWriteEffect())
    assembly_format = (
        "$value `,` $view `[` $indices `]` (`if` $mask^ `:` type($mask))? (`bounds` $bounds^)? (`cache` $cache^)? "
        "(`evict` $evict^)? attr-dict `:` type($value) `,` type($view) `[` type($indices) `]`"
    )

    def __init__(
        self,
        value: SSAValue,
        view: SSAValue,
        indices: Sequence[SSAValue],
        *,
        mask: SSAValue | None = None,
        bounds: Sequence[str] | None = None,
        cache: str | None = None,
        evict: str | None = None,
    ):
        super().__init__(operands=[value, view, indices, mask], properties=_fields(bounds, cache, evict))

    def verify_(self) -> None:
        self.verify_access()
        self.verify_value(self.value.type)


class Update(StrEnum):
    """What an atomic makes of the old element and the new one."""

    ADD = auto()
    MAX = auto()
    MIN = auto()


@irdl_attr_definition
class UpdateAttr(EnumAttribute[Update], SpacedOpaqueSyntaxAttribute):
    """An Update, as an attribute."""

    name = "tile.update"


@irdl_op_definition
class AtomicOp(Access):
    """Updates elements of memory in one go each, in any order; answers what they were before."""

    name = "tile.atomic"
    update = prop_def(UpdateAttr)
    value = operand_def()
    res = result_def()
    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())
    assembly_format = (
        "$update $value `,` $view `[` $indices `]` (`if` $mask^ `:` type($mask))? (`bounds` $bounds^)? "
        "(`cache` $cache^)? (`evict` $evict^)? attr-dict "
        "`:` type($value) `,` type($view) `[` type($indices) `]` `->` type($res)"
    )

    def __init__(
        self,
        update: Update,
        value: SSAValue,
        view: SSAValue,
        indices: Sequence[SSAValue],
        *,
        mask: SSAValue | None = None,
        bounds: Sequence[str] | None = None,
    ):
        super().__init__(
            operands=[value, view, indices, mask],
            properties={"update": UpdateAttr(update), **_fields(bounds, None, None)},
            result_types=[value.type],
        )

    def verify_(self) -> None:
        self.verify_access()
        self.verify_value(self.value.type)
        if self.res.type != self.value.type:
            raise VerifyException(f"tile.atomic: expected {self.value.type}, found {self.res.type}")
