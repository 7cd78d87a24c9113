"""`aic compile -t npu,quantize=int8`: how a float model gets its integers is a matter of flags, and is told."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from aic.tools._main import dispatch
from onnx import helper, numpy_helper

from .schemas import checked


@pytest.fixture
def floating(tmp_path: Path) -> Path:
    """A convolution, relu, and another convolution, of an input with rare large numbers."""
    rng = np.random.default_rng(0)
    shapes = {"w": (8, 3, 3, 3), "v": (4, 8, 1, 1)}
    made = [numpy_helper.from_array(rng.standard_normal(s).astype(np.float32), n) for n, s in shapes.items()]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Conv", ["b", "v"], ["y"], "second"),
    ]
    ports = [helper.make_tensor_value_info("x", 1, [1, 3, 8, 8]), helper.make_tensor_value_info("y", 1, None)]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], made)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), tmp_path / "f.onnx")
    np.savez(tmp_path / "data.npz", x=rng.laplace(size=(4, 3, 8, 8)).astype(np.float32))
    return tmp_path / "f.onnx"


def told(capsys: pytest.CaptureFixture[str], model: Path, target: str, *more: str) -> tuple[int, str, str]:
    code = dispatch(["compile", str(model), "-t", target, "-o", str(model.parent / "out"), "--no-cache", *more])
    return code, *capsys.readouterr()


def test_the_choice_is_told(capsys: pytest.CaptureFixture[str], floating: Path):
    code, _, err = told(capsys, floating, "npu,quantize=int8,samples=3,seed=5")
    assert (
        code == 0 and "minmax over 3 random inputs (seed 5): 3 tensors and the weights of 2 products in 8 bits" in err
    )
    assert "target npu, int8" in err
    data = floating.parent / "data.npz"
    _, out, _ = told(capsys, floating, f"npu,quantize=int8,method=kl,loss=0,data={data}", "--json")
    document = checked(out)
    assert document["precision"] == "int8" and document["quantised"].startswith(
        "kl over at most 8 of data.npz inputs: 3"
    )
    document = checked(told(capsys, floating, "npu", "--json")[1])
    assert document["precision"] == "bf16" and document["quantised"] is None


def test_methods_give_other_programs(capsys: pytest.CaptureFixture[str], floating: Path):
    data, found = floating.parent / "data.npz", set[bytes]()
    for method in ("method=minmax", "method=percentile,percentile=99", "method=kl"):
        assert told(capsys, floating, f"npu,quantize=int8,loss=0,data={data},{method}")[0] == 0
        (program,) = (floating.parent / "out").glob("*.npux")
        found.add(program.read_bytes())
    assert len(found) == 3


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("quantize=int8,samples=many", "samples=many: expected a whole number"),
        ("quantize=int8,loss=x", "loss=x: expected a number"),
        ("quantize=int4", "quantize=int4: expected int8 or none"),
        ("method=kl", "method: expected quantize=int8 with it"),
        ("quantize=int8,data=/no/such.npz", "data /no/such.npz: [Errno 2] No such file"),
    ],
)
def test_nonsense_is_a_usage_error(capsys: pytest.CaptureFixture[str], floating: Path, setting: str, message: str):
    code, _, err = told(capsys, floating, f"npu,{setting}")
    assert (code, message in err) == (1 if "data" in setting else 2, True)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("samples=0", "at least 1 sample"),
        ("percentile=200", "percentile above 50"),
        ("method=mse", "minmax, percentile"),
    ],
)
def test_what_the_pass_refuses(capsys: pytest.CaptureFixture[str], floating: Path, setting: str, message: str):
    code, _, err = told(capsys, floating, f"npu,quantize=int8,{setting}")
    assert code == 1 and message in err
