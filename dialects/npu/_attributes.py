"""Attributes that instructions share: equal ones are one object, which a program of 100,000 instructions needs."""

from functools import cache

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, StringAttr, i64


@cache
def text(data: str) -> StringAttr:
    """A string."""
    return StringAttr(data)


@cache
def whole(data: int) -> IntegerAttr:
    """A 64-bit integer."""
    return IntegerAttr(data, i64)


@cache
def wholes(data: tuple[int, ...]) -> DenseArrayBase:
    """An array of 64-bit integers."""
    return DenseArrayBase.from_list(i64, data)
