"""The importer: what stands in @main for a model, and what is said of a model that cannot be imported."""

import gc
import re
import weakref
from pathlib import Path

import numpy as np
import onnx
import pytest
from aic.compiler.context import context
from aic.compiler.errors import AicError, CompileError, ShapeError, UnsupportedOpError, UsageError
from aic.compiler.frontends.onnx.importer import import_onnx
from aic.compiler.frontends.onnx.report import NeedsConstant
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import verify
from onnx import helper

from .models import BOOL, INT64, model, node, tensor, value

X = np.arange(6, dtype=np.float32).reshape(2, 3) - 2


def run(proto: onnx.ModelProto, *inputs: np.ndarray, **options: object) -> list[np.ndarray]:
    ctx = context()
    module = import_onnx(proto, ctx, **options)
    verify(module)
    return interpret(ctx, module, list(inputs))


def text(proto: onnx.ModelProto, **options: object) -> str:
    return str(import_onnx(proto, context(), **options))


def test_a_node_becomes_an_op_with_its_name_as_location() -> None:
    module = import_onnx(model([node("Relu", name="the/node")]), context())
    (relu,) = [op for op in module.walk() if op.name == "graph.relu"]
    assert str(relu.location) == 'loc("the/node")'
    assert 'arg_names = ["x"], res_names = ["y"]' in str(module)


def test_an_unnamed_node_is_called_by_its_op_and_index() -> None:
    module = import_onnx(model([node("Neg", outputs=["t"]), node("Relu", ["t"])]), context())
    locations = [str(op.location) for op in module.walk() if op.name.startswith("graph.")]
    assert locations == ['loc("Neg_0")', 'loc("Relu_1")']


def test_small_initializers_stand_in_the_ir_and_large_ones_are_weights() -> None:
    small = text(model([node("Add", ["x", "w"])], initializers=[tensor("w", np.ones(3))]))
    assert "graph.constant dense<1.0" in small and "graph.weight" not in small
    large = text(model([node("MatMul", ["x", "w"])], initializers=[tensor("w", np.ones((3, 40)))]))
    assert "graph.weight @w0 : tensor<3x40xf32>" in large


def test_an_initializer_that_is_an_input_too_is_no_argument() -> None:
    proto = model(
        [node("Add", ["x", "w"])], [value("x", [2, 3]), value("w", [3])], initializers=[tensor("w", np.ones(3))], ir=3
    )
    assert 'arg_names = ["x"]' in text(proto)


def test_symbolic_dimensions_come_from_dims_or_shapes() -> None:
    proto = model([node("Relu")], [value("x", ["N", 3])])
    assert "tensor<4x3xf32>" in text(proto, dims={"N": 4})
    assert "tensor<5x3xf32>" in text(proto, shapes={"x": (5, 3)})


def test_a_shape_binds_the_symbols_of_other_inputs() -> None:
    proto = model([node("Add", ["x", "b"])], [value("x", ["N", 3]), value("b", ["N", 1])])
    assert "tensor<7x1xf32>" in text(proto, shapes={"x": (7, 3)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--dim N=.."),
        ({"dims": {"M": 2}}, "no input has a symbolic dimension 'M'; there is: N"),
        ({"shapes": {"z": (1,)}}, "no graph input 'z'; there is: x"),
        ({"shapes": {"x": (2, 4)}}, r"expected shape \[N, 3\], found \[2, 4\]"),
    ],
)
def test_shapes_that_are_missing_or_do_not_fit_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises((ShapeError, UsageError)) as caught:
        text(model([node("Relu")], [value("x", ["N", 3])]), **options)
    assert re.search(message, f"{caught.value} {caught.value.suggestion}")


def test_all_unsupported_nodes_are_reported_at_once() -> None:
    proto = model(
        [node("FooBar", outputs=["a"], name="first"), node("Relu", ["a"], ["b"]), node("BarFoo", outputs=["y"])]
    )
    with pytest.raises(UnsupportedOpError) as caught:
        text(proto)
    assert [n.name for n in caught.value.nodes] == ["first", "BarFoo_2"]
    assert "2 of 3 nodes" in str(caught.value)
    assert "FooBar" in caught.value.nodes[0].reason


def test_an_op_newer_than_the_model_is_refused_with_its_opset() -> None:
    with pytest.raises(UnsupportedOpError) as caught:
        text(model([node("Gelu")], opset=13))
    assert "Gelu is unknown before opset 20" in caught.value.nodes[0].reason


def test_a_value_wanted_at_compile_time_names_the_input_it_hangs_on() -> None:
    proto = model(
        [node("Identity", ["s"], ["t"]), node("Reshape", ["x", "t"])], [value("x", [2, 3]), value("s", [2], INT64)]
    )
    with pytest.raises(NeedsConstant) as caught:
        text(proto)
    assert caught.value.inputs == ("s",)
    assert "--value s=" in caught.value.nodes[0].do
    (y,) = run(proto, X, np.array([3, 2]), values={"s": np.array([3, 2])})
    assert y.shape == (3, 2)


def test_values_stay_arguments() -> None:
    proto = model([node("Reshape", ["x", "s"])], [value("x", [2, 3]), value("s", [1], INT64)])
    assert 'arg_names = ["x", "s"]' in text(proto, values={"s": np.array([6])})


def test_integers_that_stand_for_floats_are_not_folded() -> None:
    known = [tensor("q", [[1, 2, 3]], np.int8), tensor("s", 0.5)]
    steps = [node("DequantizeLinear", ("q", "s"), ("w",)), node("Mul", ("x", "w"))]
    assert "graph.dequantize" in text(model(steps, initializers=known))


def test_ops_on_known_small_values_are_folded() -> None:
    nodes = [node("Mul", ["a", "a"], ["s"]), node("Expand", ["x", "s"])]
    found = text(model(nodes, [value("x", [1, 1])], initializers=[tensor("a", [1, 2], np.int64)]))
    assert "graph.mul" not in found and "tensor<1x4xf32>" in found


def test_an_op_without_importer_is_expanded_by_its_definition() -> None:
    proto = model([node("MeanVarianceNormalization", axes=[0, 1], name="mvn")], opset=13)
    module = import_onnx(proto, context())
    assert {str(op.location) for op in module.walk() if op.name.startswith("graph.")} <= {'loc("mvn")', "loc(unknown)"}
    (y,) = run(proto, X)
    np.testing.assert_allclose(y, (X - X.mean()) / X.std(), rtol=1e-5)


def function(name: str, nodes: list[onnx.NodeProto], **kw: object) -> onnx.FunctionProto:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("loc", 1)]
    return helper.make_function("loc", name, ["a", "b"], ["c"], nodes, opsets, **kw)


def test_a_functions_attributes_and_absent_inputs_are_bound_at_the_call() -> None:
    leaky = node("LeakyRelu", ["a"], ["c"])
    leaky.attribute.append(onnx.AttributeProto(name="alpha", type=onnx.AttributeProto.FLOAT, ref_attr_name="slope"))
    proto = model(
        [node("f", ["x"], ["y"], domain="loc", slope=0.5, name="call")],
        functions=[function("f", [leaky], attributes=["slope"])],
        domains=[("loc", 1)],
    )
    (y,) = run(proto, X)
    np.testing.assert_allclose(y, np.where(X < 0, X * 0.5, X))
    assert 'loc("call/LeakyRelu_0")' in {str(op.location) for op in import_onnx(proto, context()).walk()}


@pytest.mark.parametrize(
    "body", [[node("f", ["a"], ["c"], domain="loc")], [node("g", ["a"], ["c"], domain="loc")]], ids=["self", "mutual"]
)
def test_a_function_may_not_call_itself(body: list[onnx.NodeProto]) -> None:
    functions = [function("f", body), function("g", [node("f", ["a"], ["c"], domain="loc")])]
    with pytest.raises(CompileError, match="calls itself"):
        text(model([node("f", domain="loc")], functions=functions, domains=[("loc", 1)]))


def test_functions_may_not_expand_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aic.compiler.frontends.onnx.importer.MAX_NODES", 5_000)
    calls = [
        function(
            f"f{i}", [node(f"f{i + 1}", ["a"], ["t"], domain="loc"), node(f"f{i + 1}", ["t"], ["c"], domain="loc")]
        )
        for i in range(63)
    ]
    functions = [*calls, function("f63", [node("Relu", ["a"], ["c"])])]
    with pytest.raises(CompileError, match=r"nested deeper|more than"):
        text(model([node("f0", domain="loc")], functions=functions, domains=[("loc", 1)]))


def branch(op: str, name: str) -> onnx.GraphProto:
    return helper.make_graph([node(op, ["x"], [name])], name, [], [value(name, [2, 3])])


def test_a_subgraph_sees_the_values_round_it() -> None:
    choice = node("If", ["c"], then_branch=branch("Relu", "r"), else_branch=branch("Neg", "n"))
    proto = model([choice], [value("x", [2, 3]), value("c", [], BOOL)])
    np.testing.assert_array_equal(run(proto, X, np.array(True))[0], np.maximum(X, 0))
    np.testing.assert_array_equal(run(proto, X, np.array(False))[0], -X)


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (model([node("Relu", ["t"]), node("Neg", ["x"], ["t"])]), "before it is defined"),
        (model([node("Add", ["x", "y"])]), "before it is defined"),
        (model([node("Add", ["x", "w"])]), "'w' is undefined"),
        (model([node("Relu", outputs=["t"])]), "'y' is undefined"),
        (model([node("Relu"), node("Neg")]), "'y' is defined twice"),
        (model([node("Add", ["x"])]), "expected 2 to 2 inputs, found 1"),
        (model([node("MatMul", ["x", ""])]), "input B is required"),
        (model([node("Concat", ["x", "x"])]), "attribute axis is missing"),
        (model([node("Softmax", axis="one")]), "attribute axis: expected int, found string"),
        (model([node("Softmax", axis=7)]), "axis"),
        (model([node("Relu")], opset=9999), "opset version 9999"),
        (model([node("Relu")], ir=999), "IR version 999"),
        (model([node("Relu")], domains=[("ai.onnx", 7)]), "imported twice"),
        (model([node("Relu")], outputs=[value("y", [9, 9])]), r"declared shape \[9, 9\], found \[2, 3\]"),
        (model([node("Relu")], outputs=[value("y", [2, 3], INT64)]), "element type int64, found float32"),
        (model([node("Relu")], [value("x", [1 << 40, 3])]), "takes .* bytes"),
        (model([node("Relu")], [value("x", [-5, 3])]), "negative dimension"),
        (model([node("Relu")], [value("x", [1] * 200)]), "rank 200"),
        (model([node("Add", ["x", "i"])], [value("x", [2]), value("i", [2], INT64)]), "type float, found int64"),
    ],
)  # fmt: skip
def test_a_malformed_model_is_a_clean_error(proto: onnx.ModelProto, message: str) -> None:
    with pytest.raises(AicError, match=message):
        text(proto)


def test_control_characters_of_names_are_escaped() -> None:
    with pytest.raises(UnsupportedOpError) as caught:
        text(model([node("Foo\x1b[2J", name="\x1b[31mred\r\n")]))
    assert "\x1b" not in f"{caught.value.nodes}{caught.value}"


def test_weights_of_a_file_are_views_of_it(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).random((3, 4000), np.float32)
    path = tmp_path / "m.onnx"
    onnx.save(model([node("MatMul", ["x", "w"])], initializers=[tensor("w", weights)]), path)
    ctx = context()
    module = import_onnx(path, ctx)
    found = ctx.weights["w0"]
    assert found.base is not None and not found.flags.owndata and not found.flags.writeable
    np.testing.assert_allclose(interpret(ctx, module, [X])[0], X @ weights, rtol=1e-5)


def test_an_import_leaves_nothing_behind() -> None:
    ctx = context()
    module = import_onnx(model([node("MatMul", ["x", "w"])], initializers=[tensor("w", np.ones((3, 40)))]), ctx)
    seen = weakref.ref(ctx.weights)
    del ctx, module
    gc.collect()
    assert seen() is None


def test_a_definition_by_function_may_use_the_domains_that_the_model_imports() -> None:
    """The definition of FlexAttention names no opset but that of its own domain."""
    proto = model(
        [helper.make_node("FlexAttention", ["q", "k", "v"], ["y"], domain="ai.onnx.preview")],
        [value(name, [1, 1, 2, 4]) for name in "qkv"],
        opset=26,
        ir=13,
        domains=[("ai.onnx.preview", 1)],
    )
    q = np.arange(8, dtype=np.float32).reshape(1, 1, 2, 4)
    (y,) = run(proto, q, q, q)
    weights = np.exp(q @ q.swapaxes(2, 3) / 2)
    np.testing.assert_allclose(y, weights / weights.sum(-1, keepdims=True) @ q, rtol=1e-5)
