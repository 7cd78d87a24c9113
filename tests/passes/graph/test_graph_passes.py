"""Graph passes on programs with weights: the same numbers before and after, and what is left of the ops."""

import numpy as np
import pytest
from aic.compiler.pipeline import run_pipeline
from aic.dialects._shape import Array, tensor
from aic.dialects.graph.contraction import GemmOp
from aic.dialects.graph.conv import ConvOp, ConvTransposeOp
from aic.dialects.graph.elementwise import AddOp, MulOp
from aic.dialects.graph.normalization import BatchNormOp
from aic.dialects.graph.reduction import ReduceSumOp
from aic.dialects.graph.view import ExpandOp, ReshapeOp, TransposeOp
from aic.dialects.graph.weight import WeightOp
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Region, SSAValue

from .programs import Program

rng = np.random.default_rng(0)


def normal(*dims: int, kind: type[np.floating] = np.float32) -> Array:
    return rng.standard_normal(dims).astype(kind)


def normalized(p: Program, x: SSAValue, channels: int, kind: type[np.floating] = np.float32) -> SSAValue:
    scale, bias, mean = (p.weight(normal(channels, kind=kind)) for _ in range(3))
    var = p.weight(np.abs(normal(channels, kind=kind)) + kind(0.5))
    return p.op(BatchNormOp, x, scale, bias, mean, var, epsilon=1e-3)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize(("kind", "atol"), [(np.float32, 1e-4), (np.float16, 0.1)])  # sums of 36 products, up to 30
def test_batch_norm_into_conv(bias: bool, group: int, kind: type[np.floating], atol: float) -> None:
    p = Program(normal(2, 4, 5, 5, kind=kind))
    w, b = p.weight(normal(6, 4 // group, 3, 3, kind=kind)), p.weight(normal(6, kind=kind)) if bias else None
    y = p.op(ConvOp, p.args[0], w, b, pads=[1, 1, 1, 1], group=group)
    left = p.check(normalized(p, y, 6, kind), "fold-batch-norm,dce", atol)
    assert left["conv"] == 1 and not left["batch_norm"]


@pytest.mark.parametrize("group", [1, 2])
def test_batch_norm_into_conv_transpose(group: int) -> None:
    p = Program(normal(2, 4, 5, 5))
    y = p.op(ConvTransposeOp, p.args[0], p.weight(normal(4, 6 // group, 3, 3)), None, strides=[2, 2], group=group)
    assert not p.check(normalized(p, y, 6), "fold-batch-norm,dce", 1e-4)["batch_norm"]


@pytest.mark.parametrize("trans_b", [True, False])
@pytest.mark.parametrize("c", [None, (), (6,), (1, 6)])
def test_batch_norm_into_gemm(trans_b: bool, c: tuple[int, ...] | None) -> None:
    p = Program(normal(3, 4))
    b = p.weight(normal(6, 4) if trans_b else normal(4, 6))
    bias = None if c is None else p.weight(normal(*c))
    y = p.op(GemmOp, p.args[0], b, bias, trans_b=trans_b, alpha=0.5, beta=2.0)
    assert not p.check(normalized(p, y, 6), "fold-batch-norm,dce", 1e-4)["batch_norm"]


def test_a_gemm_whose_bias_varies_by_row_stays() -> None:
    p = Program(normal(6, 4))
    y = p.op(GemmOp, p.args[0], p.weight(normal(4, 6)), p.weight(normal(6, 1)))
    assert p.check(normalized(p, y, 6), "fold-batch-norm,dce", 0)["batch_norm"] == 1


def test_factors_and_offsets_into_conv() -> None:
    p = Program(normal(1, 3, 8, 8))
    y = p.op(ConvOp, p.args[0], p.weight(normal(70, 3, 1, 1)), None)
    y = p.op(MulOp, p.weight(normal(1, 70, 1, 1)), y)
    y = p.op(AddOp, y, p.constant(normal(1)))
    y = normalized(p, y, 70)
    left = p.check(y, "fold-batch-norm,dce", 1e-4)
    assert left == {"weight": 2, "conv": 1}


def test_factors_and_offsets_into_batch_norm() -> None:
    p = Program(normal(2, 6, 3, 3))
    y = p.op(MulOp, normalized(p, p.args[0], 6), p.weight(normal(6, 1, 1)))
    y = p.op(AddOp, y, p.weight(normal(6, 1, 1)))
    left = p.check(y, "fold-batch-norm,dce", 1e-4)
    assert left["batch_norm"] == 1 and not left["mul"] and not left["add"]


def test_lazy_weights() -> None:
    p = Program(normal(64, 100))
    w = p.op(TransposeOp, p.weight(normal(100, 90)), perm=[1, 0])
    w = p.op(MulOp, w, p.op(ExpandOp, p.constant(normal(1)), shape=[90, 100]))
    y = p.op(GemmOp, p.args[0], w, None, trans_b=True)
    y = p.op(AddOp, y, p.op(ReduceSumOp, w, axes=[0, 1], keepdims=False))
    left = p.check(y, "fold-constants,dce", 1e-5)  # numpy sums in the order of the strides
    assert left == {"weight": 2, "gemm": 1, "add": 1}


def test_a_weight_is_computed_when_it_is_used() -> None:
    p = Program(normal(2))
    read: list[str] = []
    p.ctx.weights.add("big", lambda: (read.append("big"), np.ones((200, 300), np.float32))[1])
    p.block.add_op(big := WeightOp("big", tensor(np.dtype(np.float32), (200, 300))))
    y = p.op(ReshapeOp, p.op(TransposeOp, big.res, perm=[1, 0]), shape=[60000])
    p.block.add_op(ReturnOp(y))
    module = ModuleOp([FuncOp("main", (p.block.arg_types, [y.type]), Region(p.block))])
    run_pipeline(p.ctx, module, "fold-constants,dce", verify_each=True)
    (weight,) = (op for op in module.walk() if isinstance(op, WeightOp))
    assert weight.weight == "big_transpose_reshape" and not read
    assert p.ctx.weights[weight.weight].shape == (60000,) and read == ["big"]


def test_transposes_and_reshapes() -> None:
    p = Program(normal(2, 3, 4))
    y = p.op(TransposeOp, p.op(TransposeOp, p.args[0], perm=[2, 0, 1]), perm=[0, 2, 1])
    y = p.op(ReshapeOp, p.op(ReshapeOp, y, shape=[12, 2]), shape=[6, 4])
    assert p.check(y, "cancel-inverse", 0) == {"transpose": 1, "reshape": 1}
