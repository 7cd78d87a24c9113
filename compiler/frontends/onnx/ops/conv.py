"""Importers of convolutions."""

from xdsl.ir import SSAValue

from .....dialects.graph.conv import ConvIntegerOp, ConvOp, ConvTransposeOp
from ..node import Node
from ..registry import onnx_op
from ._pads import auto_pad, padding, per_dim, sliding, split

Dims = tuple[int, ...]


def optional(n: Node, index: int) -> SSAValue | None:
    """An input, or None if it is absent."""
    return n.input(index) if n.has(index) else None


def convolution(n: Node, op: type[ConvOp | ConvIntegerOp], x: int, w: int, *more: SSAValue | None) -> SSAValue:
    """A convolution of input `x` with the filters of input `w`; `more` are its other operands."""
    if n.rank(x) < 3 or n.rank(w) != n.rank(x):
        raise ValueError(
            f"expected input and filters of one rank of 3 or more, found {list(n.shape(x))} and {list(n.shape(w))}"
        )
    found = sliding(n, n.shape(x)[2:], n.shape(w)[2:])
    return n.emit(
        op,
        *(n.input(x), n.input(w), *more),
        strides=found.strides,
        dilations=found.dilations,
        pads=found.pads,
        group=n.int("group", 1),
    )


@onnx_op("Conv")
def conv(n: Node) -> SSAValue:
    """Cross-correlation with an optional bias."""
    return convolution(n, ConvOp, 0, 1, optional(n, 2))


@onnx_op("ConvInteger")
def conv_integer(n: Node) -> SSAValue:
    """Cross-correlation of integers less their zero points."""
    return convolution(n, ConvIntegerOp, 0, 1, optional(n, 2), optional(n, 3))


@onnx_op("ConvTranspose")
def conv_transpose(n: Node) -> SSAValue:
    """The pads follow from `output_shape`, or from `auto_pad` SAME, which makes the output stride times the input."""
    x, w = n.shape(0), n.shape(1)
    rank = len(x) - 2
    if rank < 1 or len(w) != len(x):
        raise ValueError(f"expected input and filters of one rank of 3 or more, found {list(x)} and {list(w)}")
    if (kernel := n.ints("kernel_shape", w[2:])) != w[2:]:
        raise ValueError(f"kernel_shape: expected that of the filters {list(w[2:])}, found {list(kernel)}")
    strides, dilations = per_dim(n, "strides", rank, 1), per_dim(n, "dilations", rank, 1)
    extra = n.ints("output_padding", None) or (0,) * rank
    if len(extra) != rank or min(extra) < 0:
        raise ValueError(f"output_padding: expected {rank} numbers of at least 0, found {list(extra)}")
    word, pads, wanted = auto_pad(n), (0,) * (2 * rank), n.ints("output_shape", None)
    if not wanted and word.startswith("SAME"):
        wanted = tuple(size * stride for size, stride in zip(x[2:], strides, strict=True))
    if wanted:
        rows = zip(x[2:], w[2:], strides, dilations, extra, wanted[-rank:], strict=True)
        total = [s * (size - 1) + e + d * (k - 1) + 1 - out for size, k, s, d, e, out in rows]
        pads = split([max(0, t) for t in total], upper=word == "SAME_UPPER")
        extra = tuple(e + max(0, -t) for e, t in zip(extra, total, strict=True))
    elif word == "NOTSET":
        pads = padding(n, rank)
    group = n.int("group", 1)
    return n.emit(
        ConvTransposeOp,
        *(n.input(0), n.input(1), optional(n, 2)),
        strides=strides,
        dilations=dilations,
        pads=pads,
        group=group,
        output_padding=extra,
    )
