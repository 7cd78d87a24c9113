"""A pass may be stopped after any of its rewrites: what it has then is IR that verifies, with the same results."""

import random

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.culprit.bisect import stages_of
from aic.compiler.driver import Options, plan
from aic.compiler.frontends.onnx.importer import import_model
from aic.compiler.frontends.onnx.model import load
from aic.compiler.interpret import interpret
from aic.compiler.ir_text import ir_text
from aic.compiler.pipeline import run_pipeline
from aic.dialects._report import Report, collecting
from xdsl.dialects.func import FuncOp

from ..compiler.networks import NETWORKS

TRIED = 2
"""Limits of each pass that are tried beside none."""
LOWERINGS = {"lower-graph-to-tensor", "fuse-kernels", "bufferize", "lower-kernel-to-loop", "plan-memory"}


@pytest.mark.parametrize("name", ["fire", "shuffle", "transformer", "quantized", "control"])
def test_each_pass_stops_where_it_is_told(name):
    made, arrays = NETWORKS[name]()
    model, ctx, some = load(made), context(), random.Random(name)
    module = import_model(model, ctx)
    feed = [arrays[port.name] for port in model.inputs]
    expected = interpret(ctx, module, feed)
    for stage in stages_of(plan("c", Options(level=3), "loop")):
        step, before = stage.step, module.clone()
        with collecting(Report(limited=step.name)) as report:
            run_pipeline(ctx, module, [step], verify_each=True)
        if step.name in LOWERINGS:
            assert report.total, step.name
        for limit in {0, *some.sample(range(report.total), min(TRIED, report.total))}:
            part = before.clone()
            with collecting(Report(limit, step.name)) as stopped:
                run_pipeline(ctx, part, [step], verify_each=True)
            assert stopped.total == limit, (step.name, limit)
            for found, wanted in zip(interpret(ctx, part, feed), expected, strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4, err_msg=f"{step.name} {limit}")


def test_a_limit_for_all_passes_leaves_the_lowerings_be():
    made, _ = NETWORKS["fire"]()
    ctx = context()
    module = import_model(load(made), ctx)
    with collecting(Report(0)) as report:
        run_pipeline(ctx, module, [stage.step for stage in stages_of(plan("c", Options(level=2), "loop"))])
    main = next(op for op in module.ops if isinstance(op, FuncOp))
    assert "arena_bytes" in main.attributes and "graph.conv" not in ir_text(module) and "linalg" not in ir_text(module)
    assert {remark.step for remark in report.remarks() if remark.applied} <= LOWERINGS | {"fold-views"}
