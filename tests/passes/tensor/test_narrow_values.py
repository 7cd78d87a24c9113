"""16 bits between kernels: close to the exact network, exact where nothing is rounded; sums and small values stay."""

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import parse_pipeline, run_pipeline
from aic.dialects._shape import tensor
from aic.dialects.graph.contraction import MatmulOp
from aic.dialects.graph.softmax import SoftmaxOp
from aic.dialects.graph.weight import WeightOp
from aic.dialects.kernel import LaunchOp
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region
from xdsl.utils.exceptions import PassFailedException

LOWER = "lower-graph-to-tensor,fold-views,fuse-kernels"
TOLERANCE = {"f16": 2e-3, "bf16": 2e-2}
"""Four roundings in a row, of values up to 1: 2^-11 each, and 2^-8."""


def attention(ctx, weight: np.ndarray) -> ModuleOp:
    """x -> softmax(x w) x, of 64 rows."""
    x = np.dtype(np.float32)
    block = Block(arg_types=[tensor(x, (64, 128))])
    w = WeightOp(ctx.weights.add("w", weight), tensor(x, weight.shape))
    scores = MatmulOp.make(block.args[0], w.res)
    parts = SoftmaxOp.make(scores.results[0], axis=1)
    made = MatmulOp.make(parts.results[0], block.args[0])
    block.add_ops([w, scores, parts, made, ReturnOp(made.results[0])])
    types = [tensor(x, (64, 128))], [made.results[0].type]
    return ModuleOp([FuncOp("main", types, Region(block))])


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_a_network_computes_nearly_the_same(dtype):
    random, ctx = np.random.default_rng(0), context()
    module = attention(ctx, (random.standard_normal((128, 64)) / 11).astype(np.float32))
    x = random.standard_normal((64, 128)).astype(np.float32)
    run_pipeline(ctx, module, parse_pipeline(LOWER))
    (exact,) = interpret(ctx, module, [x])
    run_pipeline(ctx, module, parse_pipeline(f"narrow-values{{dtype={dtype}}},assign-layout,dce"))
    (found,) = interpret(ctx, module, [x])
    launches = [op for op in module.walk() if isinstance(op, LaunchOp)]
    assert [str(v.type) for v in launches[0].res] == [f"tensor<64x64x{dtype}>"]
    assert found.dtype == np.float32
    assert 0 < np.abs(found - exact).max() < TOLERANCE[dtype]


def test_weights_that_f16_cannot_hold_become_its_largest():
    ctx = context()
    weight = np.zeros((128, 64), np.float32)
    weight[0, 0], weight[1, 1] = 1e9, -np.inf
    module = attention(ctx, weight)
    run_pipeline(ctx, module, parse_pipeline(f"{LOWER},narrow-values"))
    stored = ctx.weights["w.f16"]
    assert (stored[0, 0], stored[1, 1]) == (65504, -65504)


def test_another_type_is_refused():
    ctx = context()
    with pytest.raises(PassFailedException, match="f16 or bf16, found 'f8'"):
        run_pipeline(ctx, attention(ctx, np.zeros((128, 64), np.float32)), parse_pipeline("narrow-values{dtype=f8}"))
