"""`aic cost`: counts by hand, bounds, budgets, and a run in less memory."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from .schemas import checked
from .test_models import told

MACHINE = ("-t", "c,gflops=100,bandwidth=10")
WIDE, DEEP = 64, 6


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A convolution; a chain of products, with two values that are idle meanwhile and read at its end."""
    monkeypatch.chdir(tmp_path)
    some = np.random.default_rng(0)

    def save(name, nodes, weights, dims, out):
        ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, d) for n, d in (("x", dims), ("y", out))]
        made = [numpy_helper.from_array(some.standard_normal(d).astype(np.float32), n) for n, d in weights.items()]
        graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], made)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), name)

    conv = helper.make_node("Conv", ["x", "w"], ["c"], "conv", strides=[2, 2], pads=[1, 1, 1, 1])
    save(
        "conv.onnx",
        [conv, helper.make_node("Relu", ["c"], ["y"], "relu")],
        {"w": (8, 4, 3, 3)},
        (1, 4, 8, 8),
        (1, 8, 4, 4),
    )
    names = ["a", "b", *(f"c{i}" for i in range(DEEP))]
    reads = ["x", "x", "x", *names[2:-1]]
    chain = [helper.make_node("MatMul", [r, f"w_{n}"], [n], n) for n, r in zip(names, reads, strict=True)]
    chain += [helper.make_node("Add", [names[-1], "a"], ["d"], "plus_a")]
    chain += [
        helper.make_node("MatMul", ["d", "w_d"], ["e"], "e"),
        helper.make_node("Add", ["e", "b"], ["y"], "plus_b"),
    ]
    square = (WIDE, WIDE)
    save("chain.onnx", chain, {f"w_{n}": square for n in (*names, "d")}, square, square)


def cost(capsys, *argv):
    code, out, _ = told(capsys, "cost", *argv, *MACHINE, "--json")
    return code, checked(out)


def test_a_convolution_by_hand(capsys):
    code, found = cost(capsys, "conv.onnx")
    macs = 8 * 4 * 4 * 4 * 3 * 3
    assert code == 0 and found["total"]["macs"] == macs
    (work,) = [k for k in found["kernels"] if k["macs"]]
    assert work["flops"] == 2 * macs + 8 * 4 * 4 and work["nodes"] == ["conv", "relu"] and work["exact"]
    assert work["writes"] == 4 * 8 * 4 * 4 and work["reads"] >= 4 * (8 * 4 * 3 * 3 + 4 * 8 * 8)
    assert work["seconds"] == max(work["flops"] / 100e9, (work["reads"] + work["writes"]) / 10e9)
    assert found["machine"]["ridge"] == 10 and work["bound"] == ("compute" if work["intensity"] >= 10 else "memory")
    assert found["nodes"][0] == {"node": "conv", "op": "conv", "flops": 2 * macs}


def test_the_budget(capsys):
    code, out, _ = told(capsys, "cost", "conv.onnx", *MACHINE, "--budget", "sram=1,flash=1M,ms=1")
    assert code == 1 and "FAIL  sram" in out and "excess" in out and "PASS  flash" in out and "PASS  ms" in out
    code, found = cost(capsys, "conv.onnx", "--budget", "sram=1M")
    assert code == 0 and [(b["name"], b["holds"]) for b in found["budget"]] == [("sram", True)]


def test_less_memory_for_more_time(capsys):
    tile = 4 * WIDE * WIDE
    ifs = [word for n in (8, 3, 2) for word in ("--what-if", f"mem={n * tile}")]
    found = cost(capsys, "chain.onnx", *ifs)[1]["what_if"]
    assert [w["fits"] for w in found] == [True, True, False] and found[1]["peak"] == 3 * tile
    assert (found[0]["peak"], found[0]["recomputed"], found[0]["factor"]) == (4 * tile, 0, 1)
    assert found[1]["evicted"] > 0 and found[1]["recomputed"] == 2 * WIDE**3 * found[1]["evicted"]
    assert 1 < found[1]["factor"] < 1.5 and found[2]["factor"] is None
    out = told(capsys, "cost", "chain.onnx", *MACHINE, *ifs)[1]
    assert "evicted" in out and "no run gets through" in out


def test_mistakes(capsys):
    for argv in (["--budget", "disk=1"], ["--budget", "ms=soon"], ["--what-if", "time=1"]):
        assert told(capsys, "cost", "conv.onnx", *MACHINE, *argv)[0] == 2
    assert told(capsys, "cost", "conv.onnx", "-t", "npu")[0] == 2
    assert told(capsys, "cost", "none.onnx")[0] == 2
