"""The unit of each op of the graph, as `aic list ops -t npu` tells it."""

import pytest
from aic.backends.npu.select.units import unit_of
from aic.dialects.graph.contraction import MatmulOp
from aic.dialects.graph.conv import ConvOp
from aic.dialects.graph.recurrent import LSTMOp
from aic.dialects.graph.softmax import SoftmaxOp
from aic.dialects.graph.sort import TopKOp
from aic.dialects.graph.view import TransposeOp
from aic.tools._main import dispatch


def test_the_array_the_vector_unit_and_the_host():
    assert unit_of(MatmulOp) == "array" and unit_of(ConvOp).startswith("array")
    assert unit_of(SoftmaxOp) == "vector" and unit_of(LSTMOp).startswith("array and vector")
    assert unit_of(TransposeOp).startswith("addresses") and unit_of(TopKOp) == "host"


def test_the_command_lists_them(capsys: pytest.CaptureFixture[str]):
    assert dispatch(["list", "ops", "-t", "npu"]) == 0
    told = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert told["graph.conv"] == "array; depthwise: vector" and told["graph.softmax"] == "vector"
    assert {"host", "array"} <= set(told.values())
