"""Channels in blocks change no result, whether they divide or not; copies that are left are told with their cost."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.dialects._report import Report, collecting
from aic.dialects._shape import shape
from aic.dialects._xdsl import GenericOp
from aic.dialects.graph.activation import ReluOp
from aic.dialects.graph.conv import ConvOp
from aic.dialects.graph.elementwise import AddOp, DivOp, ExpOp
from aic.dialects.graph.pool import MaxPoolOp
from aic.dialects.graph.reduction import ReduceMeanOp
from aic.dialects.graph.view import ConcatOp, TransposeOp
from aic.passes.tensor._blocked import blocked_array, blocked_shape
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Region, SSAValue

from ..graph.programs import Program

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (2, 3, 5, 4)).astype(np.float32)


def conv(p: Program, x: SSAValue, channels: int, size: int = 3, group: int = 1) -> SSAValue:
    """A convolution that keeps the image's size, with a bias."""
    w = p.weight(RNG.uniform(-0.25, 0.25, (channels, shape(x)[1] // group, size, size)).astype(np.float32))
    bias = p.weight(RNG.uniform(-1, 1, channels).astype(np.float32))
    return p.op(ConvOp, x, w, bias, pads=[size // 2] * 4, group=group)


def residual(p: Program, x: SSAValue, channels: int) -> SSAValue:
    y = p.op(ReluOp, conv(p, x, channels))
    return p.op(AddOp, y, conv(p, conv(p, y, channels, group=channels), channels, 1))


def pooled(p: Program, x: SSAValue, channels: int) -> SSAValue:
    y = p.op(MaxPoolOp, conv(p, x, channels), kernel=[3, 3], strides=[2, 2], pads=[1] * 4)
    return p.op(ReduceMeanOp, conv(p, y, channels), axes=[2, 3], keepdims=True)


def joined(p: Program, x: SSAValue, channels: int) -> SSAValue:
    y = conv(p, x, channels)
    return conv(p, p.op(ConcatOp, p.op(ReluOp, y), conv(p, y, 2 * channels), axis=1), channels, 1)


def in_groups(p: Program, x: SSAValue, channels: int) -> SSAValue:
    return conv(p, conv(p, conv(p, x, 2 * channels), channels, group=2), channels)


def turned(p: Program, x: SSAValue, channels: int) -> SSAValue:
    return conv(p, p.op(TransposeOp, conv(p, x, channels), perm=[0, 1, 3, 2]), channels)


def divided(p: Program, x: SSAValue, channels: int) -> SSAValue:
    """0 / 0 in the places that fill up a block, were it done there."""
    y = p.op(ReluOp, conv(p, x, channels))
    return conv(p, p.op(DivOp, y, p.op(ExpOp, conv(p, y, channels))), channels)


Maker = Callable[[Program, SSAValue, int], SSAValue]


def run(maker: Maker, channels: int, block: int) -> tuple[ModuleOp, Report]:
    """A network of the maker's, before and after: equal but for the order of sums."""
    p = Program(X)
    y = maker(p, p.args[0], channels)
    p.block.add_op(ReturnOp(y))
    module = ModuleOp([FuncOp("main", (p.block.arg_types, [y.type]), Region(p.block))])
    run_pipeline(p.ctx, module, "lower-graph-to-tensor,fold-views")
    (before,) = interpret(p.ctx, module, [X])
    with collecting(Report()) as report:
        run_pipeline(p.ctx, module, f"block-channels{{block={block}}}")
    (after,) = interpret(p.ctx, module, [X])
    np.testing.assert_allclose(after, before, rtol=0, atol=2e-6 * np.abs(before).max())
    run_pipeline(p.ctx, module, "fuse-kernels,assign-layout{order=row-major},choose-schedule,bufferize")
    run_pipeline(p.ctx, module, "lower-kernel-to-loop")
    (looped,) = interpret(p.ctx, module, [X])
    np.testing.assert_allclose(looped, before, rtol=0, atol=2e-6 * np.abs(before).max())
    return module, report


@pytest.mark.parametrize("block", [4, 8])
@pytest.mark.parametrize("channels", [8, 10])
@pytest.mark.parametrize("maker", [residual, pooled, joined, in_groups, turned, divided], ids=lambda f: f.__name__)
def test_the_numbers_stay(maker: Maker, channels: int, block: int) -> None:
    _, report = run(maker, channels, block)
    assert report.steps[-1].rewrites["block"] >= 2


@pytest.mark.parametrize(("channels", "copies"), [(8, [1280]), (10, [1600])])
def test_only_the_result_is_copied(channels: int, copies: list[int]) -> None:
    """2 x channels x 5 x 4 floats, read and written."""
    _, report = run(residual, channels, 4)
    told = [r.text for r in report.remarks() if r.rule == "conversion"]
    assert told == [f"read whole again: {2 * size} bytes moved" for size in copies]


def test_few_channels_stay() -> None:
    _, report = run(lambda p, x, channels: conv(p, x, channels), 3, 8)
    assert not report.steps[-1].rewrites


@pytest.mark.parametrize("axes", [(0,), (1,), (1, 0), (2, 1)])
def test_arrays_in_blocks(axes: tuple[int, ...]) -> None:
    array = np.arange(1, 5 * 6 * 7 + 1).reshape(5, 6, 7)
    found = blocked_array(array, axes, 4)
    assert found.shape == blocked_shape(array.shape, axes, 4) and np.count_nonzero(found) == array.size
    for place in np.ndindex(*array.shape):
        outer = tuple(i // 4 if a in axes else i for a, i in enumerate(place))
        assert found[(*outer, *(place[a] % 4 for a in axes))] == array[place]


def test_the_result_runs_over_the_place_in_the_block() -> None:
    p = Program(X)
    p.block.add_op(ReturnOp(y := conv(p, p.args[0], 8)))
    module = ModuleOp([FuncOp("main", (p.block.arg_types, [y.type]), Region(p.block))])
    run_pipeline(p.ctx, module, "lower-graph-to-tensor,fold-views,block-channels{block=4}")
    first = next(op for op in module.walk() if isinstance(op, GenericOp))
    assert shape(first.results[0]) == (2, 2, 5, 4, 4)
