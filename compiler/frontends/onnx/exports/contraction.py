"""Exporters of matrix products, convolutions and pools."""

from .....dialects._shape import shape
from .....dialects.graph._base import ints
from .....dialects.graph.contraction import EinsumOp, GemmOp, MatmulIntegerOp, MatmulOp
from .....dialects.graph.conv import ConvIntegerOp, ConvOp, ConvTransposeOp
from .....dialects.graph.pool import AveragePoolOp, LpPoolOp, MaxPoolIndicesOp, MaxPoolOp, PoolOp
from ..export_registry import exports
from ..writer import Attribute, Writer


@exports(MatmulOp)
def matmul(w: Writer, op: MatmulOp) -> None:
    """One node."""
    w.node("MatMul", op, op.lhs, op.rhs)


@exports(MatmulIntegerOp)
def matmul_integer(w: Writer, op: MatmulIntegerOp) -> None:
    """One node."""
    w.node("MatMulInteger", op, op.lhs, op.rhs, op.lhs_zero, op.rhs_zero)


@exports(GemmOp)
def gemm(w: Writer, op: GemmOp) -> None:
    """One node."""
    (left, right), (alpha, beta) = op.transposed, op.scales
    w.node(
        "Gemm",
        op,
        *(op.a, op.b, op.c),
        transA=int(left) or None,
        transB=int(right) or None,
        alpha=alpha if alpha != 1 else None,
        beta=beta if beta != 1 else None,
    )


@exports(EinsumOp)
def einsum(w: Writer, op: EinsumOp) -> None:
    """One node."""
    w.node("Einsum", op, *op.inputs, equation=op.equation.data)


def sliding(op: ConvOp | ConvTransposeOp | ConvIntegerOp | PoolOp, kernel: tuple[int, ...]) -> dict[str, Attribute]:
    """The attributes of what slides a window, where they are not the defaults."""
    strides, dilations, pads = ints(op.strides), ints(op.dilations), ints(op.pads)
    return {
        "kernel_shape": kernel,
        "strides": strides if set(strides) - {1} or (strides and isinstance(op, PoolOp)) else None,
        "dilations": dilations if set(dilations) - {1} else None,
        "pads": pads if any(pads) else None,
    }


@exports(ConvOp, ConvTransposeOp)
def conv(w: Writer, op: ConvOp | ConvTransposeOp) -> None:
    """One node; of a transposed one with the rows and columns that are added."""
    name, extra = "Conv", ()
    if isinstance(op, ConvTransposeOp):
        name, extra = "ConvTranspose", ints(op.output_padding)
    w.node(
        name,
        op,
        *(op.x, op.w, op.bias),
        group=op.groups if op.groups != 1 else None,
        output_padding=extra if any(extra) else None,
        **sliding(op, shape(op.w)[2:]),
    )


@exports(ConvIntegerOp)
def conv_integer(w: Writer, op: ConvIntegerOp) -> None:
    """One node."""
    group = op.groups if op.groups != 1 else None
    w.node("ConvInteger", op, op.x, op.w, op.x_zero, op.w_zero, group=group, **sliding(op, shape(op.w)[2:]))


def pool(w: Writer, name: str, op: PoolOp, **more: Attribute) -> None:
    """One node, with the attributes that all pools have; before opset 22 a last window in the padding counted."""
    if op.ceil:
        w.need(22)
    w.node(name, op, op.x, ceil_mode=1 if op.ceil else None, **more, **sliding(op, ints(op.kernel)))


@exports(MaxPoolOp)
def max_pool(w: Writer, op: MaxPoolOp) -> None:
    """One node."""
    pool(w, "MaxPool", op)


@exports(MaxPoolIndicesOp)
def max_pool_indices(w: Writer, op: MaxPoolIndicesOp) -> None:
    """One node of two outputs."""
    pool(w, "MaxPool", op, storage_order=1 if op.column_major else None)


@exports(AveragePoolOp)
def average_pool(w: Writer, op: AveragePoolOp) -> None:
    """One node."""
    pool(w, "AveragePool", op, count_include_pad=1 if op.count_pads else None)


@exports(LpPoolOp)
def lp_pool(w: Writer, op: LpPoolOp) -> None:
    """One node."""
    pool(w, "LpPool", op, p=op.p.value.data)
