"""Importers of matrix products."""

from xdsl.ir import SSAValue

from .....dialects.graph.contraction import EinsumOp, GemmOp, MatmulIntegerOp, MatmulOp
from ..node import Node
from ..registry import onnx_op


@onnx_op("MatMul")
def matmul(n: Node) -> SSAValue:
    """numpy.matmul."""
    return n.emit(MatmulOp, n.input(0), n.input(1))


@onnx_op("MatMulInteger")
def matmul_integer(n: Node) -> SSAValue:
    """numpy.matmul of integers less their zero points."""
    zeros = (n.input(i) if n.has(i) else None for i in (2, 3))
    return n.emit(MatmulIntegerOp, n.input(0), n.input(1), *zeros)


@onnx_op("Gemm")
def gemm(n: Node) -> SSAValue:
    """alpha A B + beta C; C may be absent since opset 11, and broadcasts without the attribute since 7."""
    alpha, beta = n.float("alpha", 1.0), n.float("beta", 1.0)
    return n.emit(
        GemmOp,
        *(n.input(0), n.input(1), n.input(2) if n.has(2) else None),
        trans_a=n.int("transA", 0) != 0 or None,
        trans_b=n.int("transB", 0) != 0 or None,
        alpha=alpha if alpha != 1 else None,
        beta=beta if beta != 1 else None,
    )


@onnx_op("Einsum")
def einsum(n: Node) -> SSAValue:
    """The sum of products of the attribute `equation`."""
    return n.emit(EinsumOp, [n.input(i) for i in range(n.count)], equation=n.str("equation"))
