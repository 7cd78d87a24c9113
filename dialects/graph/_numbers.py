"""What operators on numbers share: which element types they take, and in which ones numpy computes."""

from typing import Any

import numpy as np
from xdsl.dialects.builtin import AnyFloat, BFloat16Type, Float16Type, IntegerType
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, dtype, element, shape

Numbers = np.ndarray[tuple[int, ...], np.dtype[Any]]
"""An array that numpy's operators take: `Array` with a type that arithmetic is known of."""


def expect_float(op: Operation, *values: SSAValue) -> None:
    """VerifyException unless the elements of all values are floats."""
    for value in values:
        if not isinstance(element(value), AnyFloat):
            raise VerifyException(f"{op.name}: expected float elements, found {element(value)}")


def expect_integer(op: Operation, *values: SSAValue) -> None:
    """VerifyException unless the elements of all values are integers, bool excluded."""
    for value in values:
        kind = element(value)
        if not isinstance(kind, IntegerType) or kind.width.data == 1:
            raise VerifyException(f"{op.name}: expected integer elements, found {kind}")


def expect_byte(op: Operation, *values: SSAValue) -> None:
    """VerifyException unless the elements of all values are integers of 8 bits."""
    for value in values:
        kind = element(value)
        if not isinstance(kind, IntegerType) or kind.width.data != 8:
            raise VerifyException(f"{op.name}: expected elements of i8 or ui8, found {kind}")


def expect_same(op: Operation, *values: SSAValue) -> None:
    """VerifyException unless all values have one element type."""
    kinds = list(dict.fromkeys(element(value) for value in values))
    if len(kinds) > 1:
        raise VerifyException(f"{op.name}: expected one element type, found {', '.join(map(str, kinds))}")


def is_half(value: SSAValue) -> bool:
    """Whether the elements are f16 or bf16, which are summed in f32."""
    return isinstance(element(value), Float16Type | BFloat16Type)


def present(inputs: tuple[Array | None, ...]) -> tuple[Numbers, ...]:
    """The arrays without the absent ones, f16 and bf16 as f32, in which they are summed."""
    return tuple(
        a.astype(np.float32) if a.dtype.itemsize == 2 and a.dtype.kind in "fV" else a for a in inputs if a is not None
    )


def rounded(x: Numbers, like: SSAValue) -> Array:
    """`x` in the element type of `like`; floats overflow to infinity without a word, integers wrap around."""
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(x, dtype=dtype(like.type)).reshape(x.shape)


def expect_zero(op: Operation, zero: SSAValue | None, of: SSAValue, shapes: tuple[tuple[int, ...], ...]) -> None:
    """VerifyException unless the zero point, if there is one, has the element type of `of` and one of the shapes."""
    if zero is None:
        return
    expect_same(op, of, zero)
    if shape(zero) not in shapes:
        wanted = " or ".join(str(list(s)) for s in shapes)
        raise VerifyException(f"{op.name}: expected a zero point of shape {wanted}, found {list(shape(zero))}")
