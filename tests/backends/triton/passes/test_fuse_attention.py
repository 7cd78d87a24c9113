"""Attention in one kernel computes what its three kernels did: groups of heads, masks, one query, keys that no block
fits, queries that may see no key; and what is read elsewhere stays as it is."""

from random import Random

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.dialects.graph.weight import AicContext
from aic.dialects.kernel import LaunchOp
from aic.dialects.tile.kernel import KernelOp
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from .._tiles import expect_equal, tiles

BEFORE = "lower-graph-to-tensor,sink-concat,fold-views,fuse-kernels"
AFTER = f"{BEFORE},fuse-attention,assign-layout,bufferize"


def heads(query: str, key: str, value: str, scores: str, result: str, mask: str = "") -> str:
    """Shapes of queries, keys (transposed), values, scores and results; of a mask, if there is one."""
    t = {k: f"tensor<{v}xf32>" for k, v in locals().items()}
    args, add, masked = f"%q: {t['query']}, %k: {t['key']}, %v: {t['value']}", "", "%s"
    if mask:
        args, masked = f"{args}, %m: {t['mask']}", "%a"
        add = f"%a = graph.add %s, %m : ({t['scores']}, {t['mask']}) -> {t['scores']}"
    return f"""func.func @main({args}) -> {t["result"]} {{
      %s = graph.matmul %q, %k : ({t["query"]}, {t["key"]}) -> {t["scores"]}
      {add}
      %p = graph.softmax {masked} {{axis = -1 : i64}} : ({t["scores"]}) -> {t["scores"]}
      %y = graph.matmul %p, %v : ({t["scores"]}, {t["value"]}) -> {t["result"]}
      func.return %y : {t["result"]}
    }}"""


def parsed(text: str) -> tuple[AicContext, ModuleOp]:
    ctx = context()
    module = Parser(ctx, text).parse_module()
    module.verify()
    return ctx, module


def inputs(module: ModuleOp, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    (main,) = module.ops
    shapes = [a.type.get_shape() for a in main.body.block.args]  # pyright: ignore[reportAttributeAccessIssue]
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def launches(module: ModuleOp) -> int:
    return sum(isinstance(op, LaunchOp) for op in module.walk())


CASES = {
    "plain": heads("2x3x20x16", "2x3x16x24", "2x3x24x16", "2x3x20x24", "2x3x20x16"),
    "groups": heads("1x2x3x20x32", "1x2x1x32x40", "1x2x1x40x32", "1x2x3x20x40", "1x2x3x20x32"),
    "one query": heads("2x4x1x16", "2x4x16x33", "2x4x33x16", "2x4x1x33", "2x4x1x16"),
    "mask": heads("1x2x20x24", "1x2x24x40", "1x2x40x24", "1x2x20x40", "1x2x20x24", "1x1x20x40"),
    "wide values": heads("3x40x16", "3x16x40", "3x40x48", "3x40x40", "3x40x48"),
}


@pytest.mark.parametrize("blocks", ["chosen", "small"])
@pytest.mark.parametrize("name", CASES)
def test_one_kernel_does_what_three_did(name: str, blocks: str):
    ctx, module = parsed(CASES[name])
    given = inputs(module)
    wanted = interpret(ctx, module, given)
    apart = parsed(CASES[name])
    run_pipeline(apart[0], apart[1], BEFORE, verify_each=True)
    tiles(ctx, module, AFTER, Random(5) if blocks == "small" else None)
    assert launches(module) == launches(apart[1]) - 2
    expect_equal(interpret(ctx, module, given), wanted, 3e-6)


def test_a_query_that_sees_no_key():
    """With a mask of the lowest finite number the keys count alike, with -inf the reference answers NaN."""
    ctx, module = parsed(CASES["mask"])
    given = inputs(module)
    given[3][..., 3, :] = np.finfo(np.float32).min
    given[3][..., 5, :30] = -np.inf
    given[3][..., 7, :] = -np.inf
    wanted = interpret(ctx, module, given)
    tiles(ctx, module, AFTER, Random(5))
    found = interpret(ctx, module, given)
    assert np.array_equal(np.isnan(found[0]), np.isnan(wanted[0]))
    np.testing.assert_allclose(found[0], wanted[0], rtol=0, atol=2e-6)


APART = """
func.func @main(%q: tensor<1x2x20x16xf32>, %k: tensor<1x2x16x24xf32>, %v: tensor<1x2x24x16xf32>)
    -> (tensor<1x2x20x16xf32>, tensor<1x2x20x24xf32>) {
  %s = graph.matmul %q, %k : (tensor<1x2x20x16xf32>, tensor<1x2x16x24xf32>) -> tensor<1x2x20x24xf32>
  %p = graph.softmax %s {axis = -1 : i64} : (tensor<1x2x20x24xf32>) -> tensor<1x2x20x24xf32>
  %y = graph.matmul %p, %v : (tensor<1x2x20x24xf32>, tensor<1x2x24x16xf32>) -> tensor<1x2x20x16xf32>
  func.return %y, RESULT : tensor<1x2x20x16xf32>, tensor<1x2x20x24xf32>
}"""


@pytest.mark.parametrize("result", ["%p", "%s"])
def test_probabilities_that_are_asked_for_stay(result: str):
    ctx, module = parsed(APART.replace("RESULT", result))
    run_pipeline(ctx, module, BEFORE, verify_each=True)
    before = launches(module)
    run_pipeline(ctx, module, "fuse-attention", verify_each=True)
    assert launches(module) == before


def test_a_softmax_over_queries_is_no_attention():
    text = CASES["wide values"].replace("axis = -1", "axis = -2")
    ctx, module = parsed(text)
    given = inputs(module)
    wanted = interpret(ctx, module, given)
    run_pipeline(ctx, module, BEFORE, verify_each=True)
    before = launches(module)
    run_pipeline(ctx, module, "fuse-attention", verify_each=True)
    assert launches(module) == before
    tiles(ctx, module, "assign-layout,bufferize")
    expect_equal(interpret(ctx, module, given), wanted, 3e-6)


def attention(mask: str = "", keys: str = "2x4x40x16", values: str = "2x4x40x24", **told: str) -> str:
    """The op of 2 x 4 heads of 20 queries."""
    types = ["2x4x20x16", keys, values, *([mask] if mask else [])]
    types = [t if "xi" in t else f"{t}xf32" for t in types]
    given = ", ".join(f"%{n}: tensor<{t}>" for n, t in zip("qkvm", types, strict=False))
    operands = ", ".join(f"%{n}" for n, _ in zip("qkvm", types, strict=False))
    fields = {"scale": "0.25 : f64", **told, "operandSegmentSizes": f"array<i32: 1, 1, 1, {int(bool(mask))}, 0>"}
    listed = ", ".join(f"tensor<{t}>" for t in types)
    return f"""func.func @main({given}) -> tensor<2x4x20x24xf32> {{
      %y = "graph.attention"({operands}) <{{{", ".join(f"{k} = {v}" for k, v in fields.items())}}}>
        : ({listed}) -> tensor<2x4x20x24xf32>
      func.return %y : tensor<2x4x20x24xf32>
    }}"""


OPS = {
    "plain": attention(),
    "causal": attention(causal="true"),
    "a window": attention(left="3 : i64", right="1 : i64", offset="-4 : i64"),
    "shared keys": attention(keys="2x2x40x16", values="2x2x40x24", mask="20x40"),
    "shared keys, a mask for each head": attention(keys="2x1x40x16", values="2x1x40x24", mask="2x4x20x40"),
    "capped": attention(softcap="5.0 : f64"),
    "a choice": attention(mask="1x4x20x40xi1"),
}


@pytest.mark.parametrize("name", OPS)
def test_the_op_is_one_kernel(name: str):
    ctx, module = parsed(OPS[name])
    given = inputs(module)
    if "choice" in name:
        given[3] = given[3] > 0.5
        given[3][..., 7, :] = False  # sees nothing: 0
    wanted = interpret(ctx, module, given)
    assert np.isfinite(wanted[0]).all()
    tiles(ctx, module, AFTER.replace("layout", "layout{rows=1048576}"), Random(5))
    assert launches(module) == 1
    (kernel,) = [op for op in module.ops if isinstance(op, KernelOp)]
    assert {"q", "k", "v"} <= {view.name_hint for view in kernel.views}
    expect_equal(interpret(ctx, module, given), wanted, 3e-6)
