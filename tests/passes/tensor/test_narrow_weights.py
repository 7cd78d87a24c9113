"""Weights in fewer bits: within the promised error of the exact product, exactly what the stored weights say."""

import ml_dtypes
import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.dialects._shape import tensor
from aic.dialects.graph.contraction import MatmulOp
from aic.dialects.graph.conv import ConvOp
from aic.dialects.graph.weight import WeightOp
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region


def stored(w: np.ndarray, dtype: str, axes: tuple[int, ...]) -> np.ndarray:
    """What a weight is read as."""
    if dtype == "bf16":
        return w.astype(ml_dtypes.bfloat16).astype(np.float32)
    scale = np.abs(w).max(axis=axes, keepdims=True) / np.float32(127)
    return np.rint(w / np.where(scale == 0, 1, scale)) * scale


@pytest.mark.parametrize("dtype", ["bf16", "int8"])
@pytest.mark.parametrize("kind", ["matmul", "batched", "conv"])
def test_the_products_of_the_stored_weights(kind, dtype):
    random, ctx = np.random.default_rng(3), context()
    dims = {
        "matmul": ((3, 256), (256, 260)),
        "batched": ((4, 5, 64), (4, 64, 260)),
        "conv": ((1, 64, 4, 4), (128, 64, 3, 3)),
    }
    x, w = (random.standard_normal(d).astype(np.float32) for d in dims[kind])
    w[..., 0] = 0  # a column, or a line of filters, whose scale is 0
    axes = {"matmul": (0,), "batched": (1,), "conv": (1, 2, 3)}[kind]
    block = Block(arg_types=[tensor(x.dtype, x.shape)])
    block.add_op(weight := WeightOp(ctx.weights.add("w", w), tensor(w.dtype, w.shape)))
    plain = {"strides": (1, 1), "dilations": (1, 1), "pads": (0,) * 4, "group": 1}
    op = (
        ConvOp.make(block.args[0], weight.res, None, **plain)
        if kind == "conv"
        else MatmulOp.make(block.args[0], weight.res)
    )
    block.add_ops([op, ReturnOp(op.res)])
    module = ModuleOp([FuncOp("main", ([tensor(x.dtype, x.shape)], [op.res.type]), Region(block))])
    wanted = op.evaluate(x, stored(w, dtype, axes)) if kind != "conv" else op.evaluate(x, stored(w, dtype, axes), None)
    (exact,) = interpret(ctx, module, [x])
    steps = (
        f"lower-graph-to-tensor,narrow-weights{{dtype={dtype}}}",
        "fold-views,fuse-kernels,assign-layout,choose-schedule",
    )
    for step in (*steps, "bufferize,lower-kernel-to-loop,plan-memory,check-memory"):
        run_pipeline(ctx, module, step, verify_each=True)
        (found,) = interpret(ctx, module, [x])
        np.testing.assert_allclose(found, wanted[0], rtol=1e-4, atol=1e-4)
    size = {"bf16": 2**-9, "int8": 1 / 254}[dtype]
    assert np.abs(found - exact).max() <= size * np.abs(w).max() * np.abs(x).sum() and not np.array_equal(found, exact)
