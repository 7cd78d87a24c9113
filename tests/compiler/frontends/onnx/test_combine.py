"""Nodes put together on the way out: here they become one, there they stay."""

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.frontends.onnx.exporter import export_onnx
from aic.compiler.frontends.onnx.importer import import_onnx
from aic.compiler.frontends.onnx.saving import model_proto
from aic.compiler.interpret import interpret

from .models import model, node, tensor, value

X = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32) * 4
IN = [value("x", [4, 6])]


def ints(name, *numbers):
    return tensor(name, numbers, np.int64)


CLIP = model([node("Clip", ["x", "lo", "hi"])], IN, initializers=[tensor("lo", -1.0), tensor("hi", 2.0)])
ROWS = model(
    [node("Max", ["x", "r"], ["m"]), node("Min", ["m", "hi"])],
    IN,
    initializers=[tensor("r", np.zeros(6)), tensor("hi", 2.0)],
)
SEEN = model(
    [node("Max", ["x", "lo"], ["m"]), node("Min", ["m", "hi"])],
    IN,
    [value("y", None), value("m", None)],
    [tensor("lo", -1.0), tensor("hi", 2.0)],
)
SPLIT = model(
    [node("Split", ["x", "s"], ["a", "b", "c"], axis=1)],
    IN,
    [value(n, None) for n in "abc"],
    [ints("s", 1, 2, 3)],
)
PARTS = model(
    [node("Slice", ["x", f"s{i}", f"e{i}", "axis"], [n]) for i, n in enumerate("ab")],
    IN,
    [value(n, None) for n in "ab"],
    [ints("s0", 0), ints("e0", 2), ints("s1", 3), ints("e1", 6), ints("axis", 1)],
)
GATHER = model([node("Gather", ["x", "i"], axis=1)], IN, initializers=[tensor("i", 2, np.int64)])
GEMM = model(
    [node("MatMul", ["x", "w"], ["t"]), node("Add", ["t", "b"])],
    IN,
    initializers=[tensor("w", np.ones((6, 3))), tensor("b", [1, 2, 3])],
)
WIDE = model(
    [node("MatMul", ["x", "w"], ["t"]), node("Add", ["t", "b"])],
    [value("x", [1, 4, 6])],
    initializers=[tensor("w", np.ones((6, 3))), tensor("b", [1, 2, 3])],
)
SWISH = model([node("HardSwish")], IN)
NOT_SWISH = model([node("HardSigmoid", ["x"], ["g"]), node("Mul", ["x", "g"])], IN)
TWICE = model(
    [node("Reshape", ["x", "s"], ["t"]), node("Reshape", ["t", "u"])],
    IN,
    initializers=[ints("s", 8, 3), ints("u", 2, 12)],
)
SLICES = model(
    [node("Slice", ["x", "s", "e", "a0"], ["t"]), node("Slice", ["t", "s", "e", "a1"])],
    IN,
    initializers=[ints("s", 1), ints("e", 3), ints("a0", 0), ints("a1", 1)],
)
ALL = {
    "Clip": (CLIP, ["Clip"]),
    "a bound of several numbers": (ROWS, ["Max", "Min"]),
    "what lies between is an output": (SEEN, ["Max", "Min"]),
    "Split": (SPLIT, ["Split"]),
    "slices with a gap": (PARTS, ["Slice", "Slice"]),
    "Gather": (GATHER, ["Gather"]),
    "Gemm": (GEMM, ["Gemm"]),
    "a product of stacks": (WIDE, ["MatMul", "Add"]),
    "HardSwish": (SWISH, ["HardSwish"]),
    "another slope": (NOT_SWISH, ["HardSigmoid", "Mul"]),
    "Reshape": (TWICE, ["Reshape"]),
    "Slice": (SLICES, ["Slice"]),
}


@pytest.mark.parametrize("what", ALL)
def test_combined(what):
    proto, wanted = ALL[what]
    ctx, other = context(), context()
    module = import_onnx(proto, ctx)
    made = model_proto(export_onnx(ctx, module))
    assert [n.op_type for n in made.graph.node] == wanted
    x = X.reshape([d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim])
    for old, new in zip(interpret(ctx, module, [x]), interpret(other, import_onnx(made, other), [x]), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-6, atol=1e-6)  # HardSwish: 1/6 is rounded once more


def test_left_alone_where_not_wanted():
    ctx = context()
    made = export_onnx(ctx, import_onnx(CLIP, ctx), combine=False).model
    assert [n.op_type for n in made.graph.node] == ["Max", "Min"]
