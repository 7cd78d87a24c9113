"""Sums of products: matrix products of all ranks, and einsum.

%1 = graph.matmul %a, %b : (tensor<8x4x16xf32>, tensor<16x32xf32>) -> tensor<8x4x32xf32>
%2 = graph.gemm %a, %b, %c {trans_b = true, alpha = 0.5 : f64} : ...
%3 = graph.einsum %q, %k {equation = "bqhd,bkhd->bhqk"} : ...
"""

from abc import ABC

import numpy as np
from xdsl.dialects.builtin import BoolAttr, FloatAttr, StringAttr, TensorType, i32
from xdsl.irdl import (
    AttrSizedOperandSegments,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    var_operand_def,
)
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, element, shape, tensor
from ._base import Fusion, GraphOp, Types
from ._einsum import Equation, parse
from ._numbers import Numbers, expect_byte, expect_same, expect_zero, present, rounded

Dims = tuple[int, ...]


class _ProductOp(GraphOp, ABC):
    """numpy.matmul: the last two dimensions multiply, the ones before broadcast; a 1-D operand is a row on the left and
    a column on the right, and its dimension is absent from the result."""

    fusion = Fusion.CONTRACTION
    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)
    res = result_def(TensorType)

    def _shape(self) -> Dims:
        lhs, rhs = shape(self.lhs), shape(self.rhs)
        if not lhs or not rhs:
            raise VerifyException(
                f"{self.name}: expected operands of rank 1 or more, found {list(lhs)} and {list(rhs)}"
            )
        inner = rhs[max(0, len(rhs) - 2)]
        if lhs[-1] != inner:
            raise VerifyException(
                f"{self.name}: expected equal inner dimensions, "
                f"found {lhs[-1]} of {list(lhs)} and {inner} of {list(rhs)}"
            )
        try:
            batch = np.broadcast_shapes(lhs[:-2], rhs[:-2])
        except ValueError:
            raise VerifyException(
                f"{self.name}: expected batch dimensions that broadcast, found {list(lhs[:-2])} and {list(rhs[:-2])}"
            ) from None
        return (*batch, *lhs[-2:-1], *(rhs[-1:] if len(rhs) > 1 else ()))


@irdl_op_definition
class MatmulOp(_ProductOp):
    """The product in the element type of both operands; f16 and bf16 are summed in f32, integers wrap."""

    name = "graph.matmul"

    def infer(self) -> Types:
        expect_same(self, self.lhs, self.rhs)
        return (tensor(element(self.lhs), self._shape()),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        lhs, rhs = present(inputs)
        with np.errstate(all="ignore"):
            return (rounded(np.matmul(lhs, rhs), self.lhs),)


@irdl_op_definition
class MatmulIntegerOp(_ProductOp):
    """(lhs - lhs_zero) @ (rhs - rhs_zero) in wrapping 32-bit integers; absent zero points are 0. A zero point is a
    scalar or one number per row of lhs, per column of rhs, or has the operand's rank and 1 for its summed dimension."""

    name = "graph.matmul_integer"
    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)
    lhs_zero = opt_operand_def(TensorType)
    rhs_zero = opt_operand_def(TensorType)
    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    def zero_shapes(self) -> tuple[Dims, Dims]:
        """What the zero points are to be reshaped to, so that they broadcast against the operands."""
        lhs, rhs = shape(self.lhs), shape(self.rhs)
        left = shape(self.lhs_zero) if self.lhs_zero is not None else ()
        right = shape(self.rhs_zero) if self.rhs_zero is not None else ()
        rows = len(left) == 1 and len(lhs) > 1 and left != (1,)
        return ((*left, 1) if rows else left), (right if len(rhs) > 1 or right in ((), (1,)) else ())

    def infer(self) -> Types:
        expect_byte(self, self.lhs, self.rhs)
        lhs, rhs = shape(self.lhs), shape(self.rhs)
        expect_zero(self, self.lhs_zero, self.lhs, ((), (1,), lhs[-2:-1], (*lhs[:-1], 1)))
        expect_zero(self, self.rhs_zero, self.rhs, ((), (1,), rhs[-1:], (*rhs[:-2], 1, *rhs[-1:])))
        return (tensor(i32, self._shape()),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        arrays = present(inputs)
        lhs, rhs = (a.astype(np.float64) for a in arrays[:2])
        left, right = self.zero_shapes()
        if self.lhs_zero is not None:
            lhs -= arrays[2].reshape(left)
        if self.rhs_zero is not None:
            rhs -= arrays[-1].reshape(right)
        return (np.asarray(np.matmul(lhs, rhs)).astype(np.int64).astype(np.int32),)


@irdl_op_definition
class GemmOp(GraphOp):
    """alpha * op(a) @ op(b) + beta * c, where op transposes if `trans_a`, `trans_b` say so; alpha and beta are 1 where
    absent; c broadcasts to the result."""

    name = "graph.gemm"
    fusion = Fusion.CONTRACTION
    a = operand_def(TensorType)
    b = operand_def(TensorType)
    c = opt_operand_def(TensorType)
    trans_a = opt_prop_def(BoolAttr)
    trans_b = opt_prop_def(BoolAttr)
    alpha = opt_prop_def(FloatAttr)
    beta = opt_prop_def(FloatAttr)
    res = result_def(TensorType)

    @property
    def scales(self) -> tuple[float, float]:
        """alpha and beta."""
        alpha, beta = (1.0 if p is None else p.value.data for p in (self.alpha, self.beta))
        return alpha, beta

    @property
    def transposed(self) -> tuple[bool, bool]:
        """Whether a and b are transposed."""
        return bool(self.trans_a), bool(self.trans_b)

    def infer(self) -> Types:
        expect_same(self, *self.operands)
        a, b = shape(self.a), shape(self.b)
        if len(a) != 2 or len(b) != 2:
            raise VerifyException(f"graph.gemm: expected matrices, found {list(a)} and {list(b)}")
        (m, k), (k2, n) = (a[::-1] if self.trans_a else a), (b[::-1] if self.trans_b else b)
        if k != k2:
            raise VerifyException(
                f"graph.gemm: expected equal inner dimensions, found {k} of {list(a)} and {k2} of {list(b)}"
            )
        if self.c is not None and not _broadcasts(shape(self.c), (m, n)):
            raise VerifyException(f"graph.gemm: expected c to broadcast to [{m}, {n}], found {list(shape(self.c))}")
        return (tensor(element(self.a), (m, n)),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        a, b, *c = present(inputs)
        alpha, beta = (a.dtype.type(s) for s in self.scales)
        with np.errstate(all="ignore"):
            y = np.matmul(a.T if self.trans_a else a, b.T if self.trans_b else b)
            y = y if alpha == 1 else alpha * y
            return (rounded(y + (c[0] if beta == 1 else beta * c[0]) if c else y, self.a),)


@irdl_op_definition
class EinsumOp(GraphOp):
    """The sum of products that the equation says, with ellipses, diagonals and broadcasting of dimensions of size 1."""

    name = "graph.einsum"
    fusion = Fusion.CONTRACTION
    inputs = var_operand_def(TensorType)
    equation = prop_def(StringAttr)
    res = result_def(TensorType)

    @property
    def parsed(self) -> Equation:
        """The labels of operands and result; VerifyException if they do not fit the operands."""
        return parse(self.equation.data, tuple(shape(value) for value in self.inputs))

    def infer(self) -> Types:
        if not self.inputs:
            raise VerifyException("graph.einsum: expected at least one operand, found none")
        expect_same(self, *self.inputs)
        equation = self.parsed
        return (tensor(element(self.inputs[0]), [equation.sizes[label] for label in equation.output]),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        equation = self.parsed
        numbers = {label: i for i, label in enumerate(equation.sizes)}
        arguments: list[Numbers | list[int]] = []
        for array, labels in zip(present(inputs), equation.inputs, strict=True):
            kept = [i for i, label in enumerate(labels) if array.shape[i] == equation.sizes[label]]
            at = tuple(slice(None) if i in kept else 0 for i in range(array.ndim))
            arguments += [array[at], [numbers[labels[i]] for i in kept]]
        output = [numbers[label] for label in equation.output]
        with np.errstate(all="ignore"):
            return (rounded(np.asarray(np.einsum(*arguments, output, optimize="greedy")), self.inputs[0]),)


def _broadcasts(dims: Dims, to: Dims) -> bool:
    return len(dims) <= len(to) and all(d in (1, t) for d, t in zip(dims[::-1], to[::-1], strict=False))
