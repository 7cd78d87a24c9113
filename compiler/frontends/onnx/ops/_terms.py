"""Compositions of graph ops written as formulas.

x = Term.of(n, n.input(0))
x / (x * x).sum((1,)).sqrt()
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

import numpy as np
from xdsl.dialects.builtin import f32, f64
from xdsl.ir import Attribute, Operation, SSAValue

from .....dialects._shape import Array, dtype, element, shape
from .....dialects.graph.cast import CastOp
from .....dialects.graph.compare import EqualOp, WhereOp
from .....dialects.graph.elementwise import (
    AbsOp,
    AddOp,
    DivOp,
    ExpOp,
    LogOp,
    MaxOp,
    MinOp,
    MulOp,
    NegOp,
    PowOp,
    SqrtOp,
    SubOp,
)
from .....dialects.graph.reduction import ReduceMaxOp, ReduceMeanOp, ReduceSumOp
from .....dialects.graph.view import ReshapeOp
from ..node import Node

Factor = Union["Term", float]


@dataclass(frozen=True)
class Term:
    """A value with the operators of arithmetic; a Python number beside it is a constant of its type."""

    n: Node
    value: SSAValue

    @staticmethod
    def of(n: Node, value: SSAValue) -> "Term":
        """A value as it is."""
        return Term(n, value)

    @staticmethod
    def wide(n: Node, value: SSAValue) -> "Term":
        """A value in the type to compute in: f32 for half floats, f64 for integers."""
        kind = dtype(value.type)
        if kind.kind in "iu":
            return Term(n, value).cast(f64)
        return Term(n, value).cast(f32) if kind.itemsize == 2 else Term(n, value)

    @property
    def shape(self) -> tuple[int, ...]:
        """The value's shape."""
        return shape(self.value)

    def constant(self, number: float | Array) -> "Term":
        """A number or an array in this value's type."""
        return Term(self.n, self.n.const(np.asarray(number, dtype(self.value.type))))

    def cast(self, to: Attribute) -> "Term":
        """The value in another element type."""
        return self if element(self.value) == to else Term(self.n, self.n.emit(CastOp, self.value, to=to))

    def like(self, value: SSAValue) -> SSAValue:
        """What stands for this in the element type of another value."""
        return self.cast(element(value)).value

    def _apply(self, op: type[Operation], *others: Factor) -> "Term":
        values = [o.value if isinstance(o, Term) else self.constant(o).value for o in others]
        return Term(self.n, self.n.emit(op, self.value, *values))

    def __add__(self, other: Factor) -> "Term":
        return self._apply(AddOp, other)

    def __sub__(self, other: Factor) -> "Term":
        return self._apply(SubOp, other)

    def __mul__(self, other: Factor) -> "Term":
        return self._apply(MulOp, other)

    def __truediv__(self, other: Factor) -> "Term":
        return self._apply(DivOp, other)

    def __neg__(self) -> "Term":
        return self._apply(NegOp)

    def __abs__(self) -> "Term":
        return self._apply(AbsOp)

    def __pow__(self, other: Factor) -> "Term":
        return self._apply(PowOp, other)

    def sqrt(self) -> "Term":
        """The square root."""
        return self._apply(SqrtOp)

    def exp(self) -> "Term":
        """e to this power."""
        return self._apply(ExpOp)

    def log(self) -> "Term":
        """The natural logarithm."""
        return self._apply(LogOp)

    def clip(self, low: float, high: float) -> "Term":
        """Between two numbers; NaN stays."""
        return self._apply(MaxOp, low)._apply(MinOp, high)

    def equals(self, other: Factor) -> "Term":
        """Whether the elements are equal."""
        return self._apply(EqualOp, other)

    def choose(self, then: "Term", other: Factor) -> "Term":
        """Elements of `then` where this holds, else of `other`."""
        value = other.value if isinstance(other, Term) else then.constant(other).value
        return Term(self.n, self.n.emit(WhereOp, self.value, then.value, value))

    def sum(self, axes: Sequence[int], keepdims: bool = True) -> "Term":
        """The sum over axes."""
        return Term(self.n, self.n.emit(ReduceSumOp, self.value, axes=list(axes), keepdims=keepdims))

    def mean(self, axes: Sequence[int], keepdims: bool = True) -> "Term":
        """The mean over axes."""
        return Term(self.n, self.n.emit(ReduceMeanOp, self.value, axes=list(axes), keepdims=keepdims))

    def max(self, axes: Sequence[int], keepdims: bool = True) -> "Term":
        """The maximum over axes."""
        return Term(self.n, self.n.emit(ReduceMaxOp, self.value, axes=list(axes), keepdims=keepdims))

    def reshape(self, dims: Sequence[int]) -> "Term":
        """The elements under another shape."""
        return self if self.shape == tuple(dims) else Term(self.n, self.n.emit(ReshapeOp, self.value, shape=list(dims)))
