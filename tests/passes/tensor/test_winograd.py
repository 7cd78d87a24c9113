"""Winograd's filtering: the transforms in exact numbers, whole convolutions with what follows them on each level."""

from fractions import Fraction

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.dialects import kernel
from aic.dialects._report import Report, collecting
from aic.dialects._shape import tensor
from aic.dialects.graph.activation import ReluOp, SigmoidOp
from aic.dialects.graph.conv import ConvOp
from aic.dialects.graph.elementwise import AddOp, MulOp
from aic.dialects.graph.weight import AicContext, WeightOp
from aic.passes.tensor._winograd import FILTERINGS, Arithmetic, transformed
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.utils.exceptions import PassFailedException

EXACT = Arithmetic[Fraction](lambda a, b: a + b, lambda a, b: a - b, lambda a, factor: a * factor)


@pytest.mark.parametrize("m", FILTERINGS)
def test_transforms_are_exact(m):
    """Every product of a pixel and a filter's point counts once, at its place."""
    by, size = FILTERINGS[m], m + 2
    for pixel in np.ndindex(size, size):
        for point in np.ndindex(3, 3):
            x = [[Fraction(int((i, j) == pixel)) for j in range(size)] for i in range(size)]
            v = transformed(by.inputs, x, EXACT)
            g = by.filters
            u = [[g[a][point[0]] * g[b][point[1]] for b in range(size)] for a in range(size)]
            products = [[u[a][b] * v[a][b] for b in range(size)] for a in range(size)]
            y = transformed(by.outputs, products, EXACT)
            place = pixel[0] - point[0], pixel[1] - point[1]
            assert [[int(v) for v in row] for row in y] == [[int((i, j) == place) for j in range(m)] for i in range(m)]


def network(dims, filters: int, pads: int, follow: str) -> tuple[AicContext, ModuleOp, np.ndarray]:
    """A convolution and what follows it, on the graph level."""
    random, ctx = np.random.default_rng(sum(dims)), context()
    x = random.standard_normal(dims).astype(np.float32)
    block = Block(arg_types=[tensor(x.dtype, x.shape)])

    def known(name: str, *shape: int) -> SSAValue:
        array = random.standard_normal(shape).astype(np.float32)
        block.add_op(op := WeightOp(ctx.weights.add(name, array), tensor(array.dtype, array.shape)))
        return op.res

    def add(op) -> SSAValue:
        block.add_op(op)
        return op.results[0]

    w, b = known("w", filters, dims[1], 3, 3), known("b", filters)
    y = add(ConvOp.make(block.args[0], w, b, strides=(1, 1), dilations=(1, 1), pads=(pads,) * 4, group=1))
    match follow:
        case "relu":
            y = add(ReluOp.make(y))
        case "silu":
            y = add(MulOp.make(y, add(SigmoidOp.make(y))))
        case "residual":
            y = add(ReluOp.make(add(AddOp.make(y, block.args[0]))))
        case "both":
            y = add(AddOp.make(add(ReluOp.make(y)), y))
        case _:
            pass
    block.add_op(ReturnOp(y))
    return ctx, ModuleOp([FuncOp("main", (list(block.arg_types), [y.type]), Region(block))]), x


CASES = [
    ((1, 3, 8, 8), 5, 1, ""),
    ((2, 4, 7, 10), 3, 0, "relu"),
    ((1, 8, 9, 5), 8, 1, "silu"),
    ((1, 8, 8, 4), 8, 1, "residual"),
    ((1, 8, 7, 7), 8, 1, "residual"),
    ((1, 2, 16, 8), 4, 1, "both"),
]


@pytest.mark.parametrize("tile", FILTERINGS)
@pytest.mark.parametrize(("dims", "filters", "pads", "follow"), CASES)
def test_the_numbers_stay_on_each_level(dims, filters, pads, follow, tile):
    ctx, module, x = network(dims, filters, pads, follow)
    (meant,) = interpret(ctx, module, [x])
    steps = (
        f"lower-graph-to-tensor,winograd{{tile={tile} l2=1024}}",
        "fold-views,fuse-kernels,assign-layout,choose-schedule",
        "bufferize",
        "lower-kernel-to-loop,join-launches,plan-memory,check-memory",
    )
    for step in steps:
        run_pipeline(ctx, module, step, verify_each=True)
        (found,) = interpret(ctx, module, [x])
        np.testing.assert_allclose(found, meant, rtol=1e-4, atol=1e-4)
    launched = [op for op in module.walk() if isinstance(op, kernel.LaunchOp)]
    assert any(len(op.arguments) > tile * tile for op in launched)


def test_what_does_not_gain_stays_with_its_reason():
    ctx, module, _ = network((1, 3, 8, 8), 5, 1, "relu")
    with collecting(report := Report()):
        run_pipeline(ctx, module, "lower-graph-to-tensor,winograd")
    assert not [op for op in module.walk() if isinstance(op, kernel.LaunchOp)]
    assert any("cycles" in remark.text for remark in report.remarks())


@pytest.mark.parametrize("step", ["winograd{tile=3}", "narrow-weights{dtype=f8}"])
def test_an_option_that_there_is_not_is_refused(step):
    ctx, module, _ = network((1, 3, 8, 8), 5, 1, "")
    with pytest.raises(PassFailedException, match="must be"):
        run_pipeline(ctx, module, f"lower-graph-to-tensor,{step}")
