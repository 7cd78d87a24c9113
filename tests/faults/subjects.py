"""Small programs, as IR text, on which a fault in a pass shows: every guard that a mutant drops is needed in one."""

from collections.abc import Callable

import numpy as np
from aic.compiler.ir_text import ir_text
from aic.dialects._shape import Array
from aic.dialects.graph.contraction import GemmOp, MatmulOp
from aic.dialects.graph.conv import ConvOp
from aic.dialects.graph.elementwise import AddOp, DivOp, MulOp, NegOp, SqrtOp, SubOp
from aic.dialects.graph.normalization import BatchNormOp
from aic.dialects.graph.recurrent import GRUOp, LSTMOp
from aic.dialects.graph.reduction import ReduceMeanOp
from aic.dialects.graph.softmax import SoftmaxOp
from aic.dialects.graph.view import ConcatOp, PadOp, SliceOp, TransposeOp
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp, f64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Region, SSAValue

from ..passes.graph.programs import Program

SUBJECTS: dict[str, Callable[[], str]] = {}
rng = np.random.default_rng(0)


def normal(*dims: int) -> Array:
    return rng.standard_normal(dims).astype(np.float32)


def positive(*dims: int) -> Array:
    return np.abs(normal(*dims)) + np.float32(0.5)


def subject(*dims: int) -> Callable[[Callable[[Program, SSAValue], list[SSAValue]]], None]:
    """A program of one input of these dimensions, by the name of the function that builds it."""

    def keep(build: Callable[[Program, SSAValue], list[SSAValue]]) -> None:
        def text() -> str:
            p = Program(normal(*dims))
            results = build(p, p.args[0])
            p.block.add_op(ReturnOp(*results))
            main = FuncOp("main", (p.block.arg_types, [r.type for r in results]), Region(p.block))
            return ir_text(ModuleOp([main])) + "\n"

        SUBJECTS[build.__name__] = text

    return keep


def conv(p: Program, x: SSAValue, filters: int, *kernel: int, bias: bool = True, **fields: object) -> SSAValue:
    channels, rank = x.type.get_shape()[1], len(kernel)
    plain = {"strides": [1] * rank, "dilations": [1] * rank, "pads": [0] * 2 * rank, "group": 1}
    b = p.weight(normal(filters)) if bias else None
    return p.op(ConvOp, x, p.weight(normal(filters, channels, *kernel)), b, **(plain | fields))


def batch_norm(p: Program, x: SSAValue) -> SSAValue:
    channels = x.type.get_shape()[1]
    known = [p.constant(make(channels)) for make in (normal, normal, normal, positive)]
    return p.op(BatchNormOp, x, *known, epsilon=1e-3)


@subject(1, 3, 6, 6)
def convolutions(p: Program, x: SSAValue) -> list[SSAValue]:
    """Batch norms, factors and offsets behind convolutions; one convolution is read twice."""
    y = batch_norm(p, conv(p, x, 4, 3, 3))
    y = p.op(MulOp, conv(p, y, 4, 1, 1, pads=[1, 0, 0, 1]), p.constant(normal(1, 4, 1, 1)))
    twice = conv(p, y, 4, 1, 1)
    return [p.op(AddOp, batch_norm(p, twice), twice)]


@subject(4, 4)
def products(p: Program, x: SSAValue) -> list[SSAValue]:
    """A gemm whose columns are scaled, and one whose weight lies the other way."""
    fields = {"alpha": 1.0, "beta": 0.5, "trans_a": False}
    y = p.op(GemmOp, x, p.weight(normal(4, 4)), p.constant(normal(4)), trans_b=False, **fields)
    y = p.op(MulOp, y, p.constant(normal(1, 4)))
    z = p.op(GemmOp, y, p.weight(normal(4, 4)), p.constant(normal(4)), trans_b=True, **fields)
    return [p.op(MulOp, z, p.constant(normal(1, 4)))]


@subject(2, 3, 4)
def views(p: Program, x: SSAValue) -> list[SSAValue]:
    """Transposes in a row, of all dimensions different; a slice backwards, one of a slice; a pad at the end."""
    y = p.op(TransposeOp, p.op(TransposeOp, x, perm=[1, 2, 0]), perm=[0, 2, 1])
    back = p.op(SliceOp, y, offsets=[2, 1, 3], sizes=[3, 2, 4], strides=[-1, -1, -1])
    low = p.op(PadOp, back, None, low=[0, 0, 0], high=[0, 1, 0], mode="constant")
    even = p.op(SliceOp, x, offsets=[0, 0, 0], sizes=[2, 3, 2], strides=[1, 1, 2])
    one = p.op(SliceOp, even, offsets=[1, 0, 1], sizes=[1, 3, 1], strides=[1, 1, 1])
    return [p.op(NegOp, low), p.op(TransposeOp, x, perm=[2, 0, 1]), one]


@subject(3, 4)
def like_norms(p: Program, x: SSAValue) -> list[SSAValue]:
    """What looks like a root mean square norm: over another value's mean, over the other axis, and twice as large."""

    def mean(v: SSAValue, axis: int) -> SSAValue:
        return p.op(ReduceMeanOp, v, axes=[axis], keepdims=True)

    def root(v: SSAValue, axis: int = 1) -> SSAValue:
        square = p.op(MulOp, v, v)
        return p.op(SqrtOp, p.op(AddOp, mean(square, axis), p.constant(np.array(0.01, np.float32))))

    other = p.op(AddOp, x, p.constant(normal(3, 4)))
    two = p.op(DivOp, p.constant(np.array(2.0, np.float32)), root(x))
    return [p.op(DivOp, other, root(x)), p.op(DivOp, x, root(x, 0)), p.op(MulOp, x, two)]


@subject(4, 5, 5)
def slices(p: Program, x: SSAValue) -> list[SSAValue]:
    """Parts of what softmax, a transpose and a product make."""
    soft = p.op(SoftmaxOp, x, axis=2)
    turned = p.op(TransposeOp, p.op(NegOp, x), perm=[1, 2, 0])
    product = p.op(MatmulOp, x, p.weight(normal(4, 5, 5)))
    return [
        p.op(SliceOp, soft, offsets=[0, 0, 1], sizes=[4, 5, 2], strides=[1, 1, 1]),
        p.op(SliceOp, turned, offsets=[1, 0, 0], sizes=[2, 5, 3], strides=[1, 1, 1]),
        p.op(SliceOp, product, offsets=[0, 2, 0], sizes=[4, 3, 4], strides=[1, 1, 1]),
    ]


@subject(1, 2, 12)
def channels(p: Program, x: SSAValue) -> list[SSAValue]:
    """The channels of a convolution in two parts, which are read apart."""
    y = conv(p, x, 6, 3)
    parts = [(0, 2), (2, 4)]
    return [p.op(SliceOp, y, offsets=[0, a, 0], sizes=[1, n, 10], strides=[1, 1, 1]) for a, n in parts]


@subject(1, 1, 400)
def long_kernels(p: Program, x: SSAValue) -> list[SSAValue]:
    """One of stride 2, and a dilated one."""
    return [conv(p, x, 3, 80, strides=[2]), conv(p, x, 2, 70, dilations=[2])]


@subject(1, 3, 8, 8)
def patches(p: Program, x: SSAValue) -> list[SSAValue]:
    """Filters side by side, overlapping ones, and padded ones."""
    side, pads = {"strides": [4, 4]}, {"strides": [4, 4], "pads": [2, 2, 2, 2]}
    return [conv(p, x, 5, 4, 4, **side), conv(p, x, 5, 4, 4, strides=[2, 2]), conv(p, x, 5, 4, 4, **pads)]


@subject(3, 2, 3)
def recurrent(p: Program, x: SSAValue) -> list[SSAValue]:
    """A long short-term memory and a gated recurrent unit with states, of hidden size 4."""

    def layer(kind: type[LSTMOp] | type[GRUOp], rows: int, acts: tuple[str, ...], **rest: object) -> SSAValue:
        known = [p.weight(normal(1, rows, 3)), p.weight(normal(1, rows, 4)), p.weight(normal(1, 2 * rows)), None]
        known += [p.weight(normal(1, 2, 4)), *([p.weight(normal(1, 2, 4)), None] if kind is LSTMOp else [])]
        zeros = DenseArrayBase.from_list(f64, [0.0] * len(acts))
        return p.op(kind, x, *known, direction="forward", activations=acts, alpha=zeros, beta=zeros, **rest)

    lstm = layer(LSTMOp, 16, ("sigmoid", "tanh", "tanh"), coupled=False)
    return [lstm, layer(GRUOp, 12, ("sigmoid", "tanh"), reset_after=False)]


@subject(3, 4)
def algebra(p: Program, x: SSAValue) -> list[SSAValue]:
    """Signs."""
    y = p.constant(normal(3, 4))
    return [
        p.op(AddOp, x, p.op(NegOp, p.op(SqrtOp, p.op(MulOp, x, x)))),
        p.op(SubOp, p.op(MulOp, x, y), p.op(NegOp, x)),
    ]


@subject(4, 3, 5)
def turned(p: Program, x: SSAValue) -> list[SSAValue]:
    """A product of what is turned round, and functions of its result, turned too."""
    product = p.op(MatmulOp, p.op(TransposeOp, x, perm=[2, 0, 1]), p.weight(normal(5, 3, 6)))
    soft = p.op(SoftmaxOp, p.op(TransposeOp, product, perm=[2, 0, 1]), axis=2)
    return [p.op(NegOp, p.op(TransposeOp, p.op(NegOp, soft), perm=[1, 2, 0]))]


@subject(1, 3, 6, 6)
def margins(p: Program, x: SSAValue) -> list[SSAValue]:
    """Padded convolutions in a row."""
    y = conv(p, p.op(NegOp, conv(p, x, 4, 3, 3, pads=[1, 1, 1, 1])), 5, 3, 3, pads=[1, 1, 1, 1])
    return [y, p.op(ConcatOp, x, p.op(NegOp, x), axis=1)]
