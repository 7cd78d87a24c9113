"""`aic.npu`: the commands' work as functions of Python."""

from pathlib import Path

import aic
import numpy as np
import onnx
import pytest
from aic.backends.npu.debug.debugger import END
from aic.compiler.npu.networks import Vision

EXAMPLE = Path(__file__).parents[2] / "backends" / "npu" / "example.npuasm"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution and a classifier."""
    net = Vision()
    x = net.rectified(net.spread("image", "image.in", (1, 3, 16, 16), 1.0), "conv1", 16, 3, 2)
    made = net.model("small", {"image": (1, 3, 16, 16)}, net.head(x, 10))
    onnx.save(made, path := tmp_path_factory.mktemp("npu") / "small.onnx")
    return path


def test_machines():
    assert "edge" in [m.name for m in aic.npu.presets()]
    assert aic.npu.machine("edge,array.rows=16,mem.spad.line=16").rows == 16
    with pytest.raises(aic.UsageError, match="none-such"):
        aic.npu.machine("none-such")


def test_compiles_runs_and_simulates(model: Path, tmp_path: Path):
    made = aic.npu.compile(model, "edge,vpu.lanes=64", tmp_path / "out")
    image = np.random.default_rng(0).standard_normal((1, 3, 16, 16)).astype(np.float32)
    (found,) = made(image)
    assert found.shape == (1, 10)
    ran = aic.npu.simulate(made.folder)
    assert ran.cycles == ran.report.totals["cycles"] == sum(row.cycles for row in ran.report.layers)
    assert ran.report.machine.vpu.lanes == 64 and "cycles at 1 GHz" in ran.text()
    assert ran.trace()["traceEvents"] and ran.svg().startswith("<svg")
    assert [path.suffix for path in ran.write(tmp_path / "r")] == [".json", ".csv", ".html"]
    assert aic.npu.check(made.folder) == []
    assert aic.npu.simulate(model, "edge").cycles <= ran.cycles
    assert aic.npu.debugger(made.folder, {"image": image}).run() == END


def test_bounds_differences_and_sweeps(model: Path):
    assert aic.npu.roofline("resnet50", "edge").total.fused == pytest.approx(97.8, abs=0.05)
    slow, fast = (aic.npu.simulate(model, f"edge,vpu.lanes={n}").report.document() for n in (32, 128))
    assert aic.npu.diff(slow, fast).change <= 0
    (row,) = aic.npu.sweep("edge", str(model), {"vpu.lanes": ["32"]})
    assert row.cycles == slow["totals"]["cycles"]


def test_assembly_comes_back():
    program = aic.npu.assemble(EXAMPLE.read_text())
    assert aic.npu.assemble(aic.npu.disassemble(program)).text == program.text
    assert aic.npu.check(program) == []
    with pytest.raises(aic.CompileError, match="line 1"):
        aic.npu.assemble("mm x=spad:8\nhalt\n")
