"""The way back to ONNX: what is exported means what was imported, in our interpreter and in onnxruntime."""

import inspect
import pkgutil
import warnings
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
import pytest
from aic.compiler.context import context
from aic.compiler.errors import AicError, UnsupportedOpError
from aic.compiler.frontends.onnx.export_registry import exporters
from aic.compiler.frontends.onnx.exporter import export_onnx
from aic.compiler.frontends.onnx.importer import import_onnx
from aic.compiler.frontends.onnx.registry import importers
from aic.compiler.frontends.onnx.report import NeedsConstant
from aic.compiler.frontends.onnx.saving import model_proto, save_onnx
from aic.compiler.interpret import interpret
from aic.dialects import graph
from aic.dialects.graph._base import GraphOp
from aic.dialects.graph.weight import AicContext
from onnx import helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from .models import BOOL, INT64, model, node, tensor, value

X = np.arange(6, dtype=np.float32).reshape(2, 3) - 2


def back(proto: onnx.ModelProto, **options: object) -> onnx.ModelProto:
    ctx = context()
    made = model_proto(export_onnx(ctx, import_onnx(proto, ctx), **options))
    onnx.checker.check_model(made, full_check=True)
    return made


def run(proto: onnx.ModelProto, *inputs: np.ndarray) -> list[np.ndarray]:
    ctx = context()
    return interpret(ctx, import_onnx(proto, ctx), list(inputs))


def ops(proto: onnx.ModelProto) -> list[str]:
    return [n.op_type for n in proto.graph.node]


@cache
def cases() -> dict[str, TestCase]:
    """One case of onnx's own node tests for each op that has an importer: the first whose inputs are arrays."""
    found: dict[str, TestCase] = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        loaded = load_model_tests(kind="node")
    for case in sorted(loaded, key=lambda c: c.name):
        op = case.model.graph.node[-1].op_type
        if ("", op) in importers() and all(isinstance(x, np.ndarray) for x in case.data_sets[0][0]):
            found.setdefault(op, case)
    return found


def imported(
    proto: onnx.ModelProto, feed: dict[str, np.ndarray], known: tuple[str, ...]
) -> tuple[AicContext, ModuleOp]:
    """The module, the values of inputs given as far as the importer asks for them."""
    ctx, shapes = context(), {name: x.shape for name, x in feed.items()}
    try:
        return ctx, import_onnx(proto, ctx, shapes=shapes, values={name: feed[name] for name in known})
    except NeedsConstant as needs:
        if set(needs.inputs) <= set(known):
            raise
        return imported(proto, feed, (*known, *needs.inputs))


@pytest.mark.parametrize("op", sorted(op for domain, op in importers() if not domain))
def test_an_op_of_the_standard_comes_back_the_same(op: str) -> None:
    if (case := cases().get(op)) is None:
        pytest.skip("the standard has no case of arrays")
    inputs = case.data_sets[0][0]
    feed = dict(zip([i.name for i in case.model.graph.input], inputs, strict=True))
    try:
        ctx, module = imported(case.model, feed, ())
    except AicError:
        pytest.skip("the importer does not take it")
    again = model_proto(export_onnx(ctx, module))
    onnx.checker.check_model(again, full_check=True)
    other = context()
    returned = import_onnx(again, other)
    for old, new in zip(interpret(ctx, module, inputs), interpret(other, returned, inputs), strict=True):
        np.testing.assert_array_equal(new, old, strict=True)


def test_every_op_of_the_graph_level_has_an_exporter() -> None:
    files = [import_module(i.name) for i in pkgutil.iter_modules(graph.__path__, f"{graph.__name__}.")]
    classes = {c for file in files for _, c in inspect.getmembers(file, inspect.isclass) if issubclass(c, GraphOp)}
    ops = {c for c in classes if "name" in vars(c) and not inspect.isabstract(c) and c.name.startswith("graph.")}
    assert len(ops) > 100 and not {op.name for op in ops - exporters().keys()}


def test_names_of_inputs_outputs_and_nodes_stay() -> None:
    made = back(model([node("MatMul", ["x", "w"], ["t"], name="a/mm"), node("Relu", ["t"], ["y"], name="a/relu")],
                      initializers=[tensor("w", np.ones((3, 40)))]))  # fmt: skip
    assert [n.name for n in made.graph.node] == ["a/mm", "a/relu"]
    assert ([i.name for i in made.graph.input], [o.name for o in made.graph.output]) == (["x"], ["y"])
    assert [d.dim_value for d in made.graph.output[0].type.tensor_type.shape.dim] == [2, 40]


def test_the_opset_is_the_lowest_that_has_all_nodes_or_the_one_asked_for() -> None:
    assert back(model([node("Relu")])).opset_import[0].version == 18
    assert back(model([node("Relu")]), opset=21).opset_import[0].version == 21
    assert back(model([node("Gelu")], opset=20)).opset_import[0].version == 20


def test_outputs_that_nothing_computes_get_a_node() -> None:
    made = back(
        model([node("Identity"), node("Identity", outputs=["z"])], outputs=[value("y", None), value("z", None)])
    )
    assert ops(made) == ["Identity", "Identity"]
    (y, z) = run(made, X)
    assert (y == X).all() and (z == X).all()
    constant = back(model([node("Identity", ["w"])], initializers=[tensor("w", [1, 2])]))
    assert run(constant, X)[0].tolist() == [1, 2]


def branches() -> onnx.ModelProto:
    """y = x + 1 if c else x, and a loop that doubles it k times and keeps each step."""
    then = helper.make_graph([node("Add", ["x", "one"], ["a"])], "then", [], [value("a", [2, 3])])
    other = helper.make_graph([node("Identity", ["x"], ["b"])], "else", [], [value("b", [2, 3])])
    body = helper.make_graph(
        [node("Add", ["s", "s"], ["s1"]), node("Identity", ["go"], ["go1"]), node("Neg", ["s1"], ["row"])],
        "body",
        [value("i", [], INT64), value("go", [], BOOL), value("s", [2, 3])],
        [value("go1", [], BOOL), value("s1", [2, 3]), value("row", [2, 3])],
    )
    while_body = helper.make_graph(
        [node("Add", ["v", "one"], ["v1"]), node("ReduceMax", ["v1"], ["top"], keepdims=0),
         node("Less", ["top", "ten"], ["more"])],
        "while",
        [value("j", [], INT64), value("on", [], BOOL), value("v", [2, 3])],
        [value("more", [], BOOL), value("v1", [2, 3])],
    )  # fmt: skip
    return model(
        [
            node("If", ["c"], ["t"], then_branch=then, else_branch=other),
            node("Loop", ["k", "", "t"], ["y", "rows"], body=body),
            node("Loop", ["", "c", "t"], ["z"], body=while_body),
        ],
        [value("x", [2, 3]), value("c", [], BOOL)],
        [value("y", None), value("rows", None), value("z", None)],
        [tensor("one", 1.0), tensor("ten", 10.0), tensor("k", 9, np.int64)],
    )


@pytest.mark.parametrize("flag", [True, False])
def test_control_flow_comes_back_with_its_subgraphs(flag: bool) -> None:
    made = back(branches())
    assert sorted(ops(made)) == ["If", "Loop", "Loop"]
    inputs = X, np.array(flag)
    for old, new in zip(run(branches(), *inputs), run(made, *inputs), strict=True):
        np.testing.assert_array_equal(new, old, strict=True)


def test_large_data_goes_beside_the_model_where_asked(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).standard_normal((3, 5000)).astype(np.float32)
    ctx = context()
    module = import_onnx(model([node("MatMul", ["x", "w"])], initializers=[tensor("w", weights)]), ctx)
    exported = export_onnx(ctx, module)
    save_onnx(exported, tmp_path / "in.onnx")
    assert [f.name for f in tmp_path.iterdir()] == ["in.onnx"]
    save_onnx(exported, tmp_path / "out.onnx", external=True)
    assert (tmp_path / "out.onnx").stat().st_size < 1000 < weights.nbytes == (tmp_path / "out.onnx.data").stat().st_size
    other = context()
    (y,) = interpret(other, import_onnx(tmp_path / "out.onnx", other), [X])
    np.testing.assert_allclose(y, X @ weights, rtol=1e-4)


def test_every_op_that_cannot_be_said_is_named() -> None:
    text = """func.func @main(%x : tensor<4xi8>) -> tensor<4xi8> {
      %0 = graph.shift_left %x, %x : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
      %1 = "graph.weight"() {ref = @gone} : () -> tensor<4xi8>
      %2 = graph.add %0, %1 : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
      func.return %2 : tensor<4xi8>
    }"""
    ctx = context()
    module = Parser(ctx, text).parse_module()
    with pytest.raises(UnsupportedOpError, match="1 ops cannot be said") as caught:
        export_onnx(ctx, module)
    (told,) = caught.value.nodes
    assert told.op == "graph.add" and "@gone has no array" in told.reason


def test_a_type_that_no_opset_takes_is_told() -> None:
    text = """func.func @main(%x : tensor<4xi8>) -> tensor<i8> {
      %0 = graph.matmul %x, %x : (tensor<4xi8>, tensor<4xi8>) -> tensor<i8>
      func.return %0 : tensor<i8>
    }"""
    ctx = context()
    with pytest.raises(UnsupportedOpError, match="cannot be said in ONNX") as caught:
        export_onnx(ctx, Parser(ctx, text).parse_module())
    assert "cannot have element type int8" in caught.value.nodes[0].reason
