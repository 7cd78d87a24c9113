"""A module through the passes of the Triton target to tile kernels, and what these compute."""

from dataclasses import replace
from random import Random

import numpy as np
from aic.backends.triton.lower.body import Unsupported
from aic.backends.triton.lower.schedule import Schedule
from aic.backends.triton.lower.shape import form
from aic.backends.triton.lower.split import parts
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.dialects._stages import analyse
from aic.dialects.graph.weight import AicContext
from aic.dialects.kernel import FuncOp
from aic.dialects.tile.kernel import KernelOp
from xdsl.dialects.builtin import ModuleOp

TENSOR = "fuse-kernels,assign-layout,sink-pads,lay-out-weights,bufferize"
TILES = "choose-tile-schedule,lower-kernel-to-tile"


def small(random: Random) -> Schedule:
    """Blocks that no size fits."""
    return Schedule(
        BX=random.choice([8, 64]),
        BR=random.choice([1, 2, 4, 64]),
        BM=16,
        BN=random.choice([16, 32]),
        BK=16,
        group=random.choice([0, 2]),
    )


def tiles(
    ctx: AicContext, module: ModuleOp, before: str = TENSOR, random: Random | None = None, split: int = 0
) -> None:
    """Lower to tile kernels; with small blocks of random sizes where `random` is given, sums in `split` parts where
    they can be."""
    run_pipeline(ctx, module, before, verify_each=True)
    for func in [op for op in module.ops if isinstance(op, FuncOp)] if random is not None else ():
        schedule = replace(small(random), split=split)
        func.schedule = (schedule if split and splits(func, schedule) else replace(schedule, split=0)).attribute()
    run_pipeline(ctx, module, TILES, verify_each=True)
    assert not any(isinstance(op, FuncOp) for op in module.ops)
    assert any(isinstance(op, KernelOp) for op in module.ops)


def splits(func: FuncOp, schedule: Schedule) -> bool:
    """Whether a kernel's sums can be made in parts."""
    if (found := analyse(func)) is None:
        return False
    try:
        return parts(found, form(found), schedule).count > 1
    except Unsupported:
        return False


def expect_equal(found: list[np.ndarray], wanted: list[np.ndarray], tolerance: float) -> None:
    """Equal to a part of the largest value."""
    for got, want in zip(found, wanted, strict=True):
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        if want.dtype.kind == "f":
            scale = np.abs(want[np.isfinite(want)]).max(initial=1e-30)
            np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * scale)
        else:
            np.testing.assert_array_equal(got, want)


def expect_same_numbers(ctx: AicContext, module: ModuleOp, inputs: list[np.ndarray], **how: object) -> None:
    """The module computes after lowering what it did before: every element written once, none read outside."""
    wanted = interpret(ctx, module, inputs)
    tiles(ctx, module, **how)  # pyright: ignore[reportArgumentType]
    expect_equal(interpret(ctx, module, inputs), wanted, 3e-6)
