"""A small network that several tests of the `aic npu` commands compile."""

from pathlib import Path

import onnx
import pytest
from aic.compiler.npu.networks import Vision


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Two convolutions, the second with a residual, and a classifier."""
    net = Vision()
    x = net.rectified(net.spread("image", "image.in", (1, 3, 16, 16), 1.0), "conv1", 16, 3, 2)
    y = net.linear(x, "conv2", 16, 1)
    both = net.relu(net.node("Add", [y.name, x.name], "add"), "add.out", x.shape, 1.0)
    made = net.model("small", {"image": (1, 3, 16, 16)}, net.head(both, 10))
    onnx.save(made, tmp_path / "small.onnx")
    return tmp_path / "small.onnx"
