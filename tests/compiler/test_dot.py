"""Pictures for Graphviz: nodes, edges, boxes, and names that cannot break out of a label."""

import re
from pathlib import Path

import onnx
import pytest
from aic.__main__ import main
from aic.compiler.context import context
from aic.compiler.dot import dot, quoted
from xdsl.parser import Parser

from .models import dense

TEXT = r"""func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = graph.relu %x : (tensor<2x3xf32>) -> tensor<2x3xf32> loc("a\"]; evil [label=\"")
  %1 = graph.add %0, %x : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32> loc("/add")
  func.return %1 : tensor<2x3xf32>
}
"""
STATEMENT = re.compile(
    r'\s*(n\d+ \[label="(?:[^"\\\n]|\\.)*"(, shape=\w+)?\];|n\d+ -> n\d+;|node \[.*\];|\}'
    r'|digraph "(?:[^"\\]|\\.)*" \{|subgraph cluster_\d+ \{ label="(?:[^"\\]|\\.)*";)'
)


def parsed(text: str) -> list[str]:
    """The lines, each of which is a statement; boxes are closed."""
    lines = text.splitlines()
    assert all(STATEMENT.fullmatch(line) for line in lines), text
    opened = sum(line.lstrip().startswith(("digraph", "subgraph")) for line in lines)
    assert opened == sum(line.strip() == "}" for line in lines)
    return lines


def test_ops_are_nodes_and_operands_edges():
    lines = parsed(dot(Parser(context(), TEXT).parse_module()))
    assert sum("->" in line for line in lines) == 4 and sum("label" in line for line in lines) == 4
    assert any("/add" in line and "tensor<2x3xf32>" in line for line in lines)


@pytest.mark.parametrize("name", ['"', "\\", '\\"', "a\nb", "\x1b[31m", "\r"])
def test_names_are_escaped(name):
    assert re.fullmatch(r'"(?:[^"\\\n]|\\.)*"', quoted(name)) and "\x1b" not in quoted(name)


@pytest.mark.parametrize(("kind", "shown"), [("dot", "matmul"), ("dot=tensor", "kernel.launch @k0")])
def test_a_model(capsys, tmp_path, monkeypatch, kind, shown):
    monkeypatch.chdir(tmp_path)
    onnx.save(dense(), "dense.onnx")
    assert main(["compile", "dense.onnx", "--dim", "N=3", "--emit", kind, "-O0", "-o", "g.dot"]) == 0
    assert any(shown in line for line in parsed(Path("g.dot").read_text()))
    assert main(["compile", "dense.onnx", "--dim", "N=3", "--emit", "dot=loop"]) == 2


def test_opt_draws_and_writes_models(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("f.mlir").write_text(TEXT)
    assert main(["opt", "f.mlir", "-t", "dot"]) == 0
    parsed(capsys.readouterr().out)
    assert main(["opt", "f.mlir", "-o", "f.onnx"]) == 0
    assert [node.op_type for node in onnx.load("f.onnx").graph.node] == ["Relu", "Add"]
