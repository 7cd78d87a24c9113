"""Tile kernels compute what the kernels of generics did, whatever the blocks: odd sizes, shuffled programs, poison."""

from random import Random

import pytest
from aic.backends.triton.emit import source
from aic.compiler.context import context
from aic.compiler.frontends.onnx.importer import import_onnx
from aic.compiler.interpret import interpret
from aic.dialects.tile.kernel import KernelOp

from ....compiler.networks import NETWORKS
from .._tiles import TENSOR, expect_equal, tiles

GRAPH = "fold-constants,drop-redundant,fold-batch-norm,cse,dce"
VIEWS = f"lower-graph-to-tensor,sink-concat,fold-views,{TENSOR}"


@pytest.mark.parametrize("blocks", ["chosen", "small", "parts"])
@pytest.mark.parametrize("name", [n for n in NETWORKS])
def test_networks(name: str, blocks: str):
    model, inputs = NETWORKS[name]()
    ctx = context()
    module = import_onnx(model, ctx)
    wanted = interpret(ctx, module, list(inputs.values()))
    random = None if blocks == "chosen" else Random(3)
    tiles(ctx, module, f"{GRAPH},{VIEWS}", random, split=3 if blocks == "parts" else 0)
    expect_equal(interpret(ctx, module, list(inputs.values())), wanted, 3e-6)


def test_arguments_are_called_by_their_roles():
    model, _ = NETWORKS["transformer"]()
    ctx = context()
    module = import_onnx(model, ctx)
    tiles(ctx, module, f"{GRAPH},{VIEWS}")
    kernels = [op for op in module.ops if isinstance(op, KernelOp)]
    names = [[view.name_hint for view in op.views] for op in kernels]
    assert {name for row in names for name in row} == {"x", "w", "c", "y"}
    assert all(row[-1] == "y" for row in names)
    assert any(row[:2] == ["x", "w"] for row in names)
    assert "def k" in source(kernels[0]) and "(p" not in source(kernels[0])
