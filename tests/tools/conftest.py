"""Small models that the tests of several commands compile."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from aic.compiler import cache
from aic.compiler.npu.networks import Vision

from ..compiler.models import dense, expected


@pytest.fixture
def dense_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The current folder, with a small model, an input and what it makes of it; nothing is cached."""
    monkeypatch.chdir(tmp_path)
    onnx.save(dense(), "dense.onnx")
    x = np.random.default_rng(1).standard_normal((3, 4)).astype(np.float32)
    np.save("x.npy", x)
    np.savez("y.npz", y=expected(x))
    cache.use(None)
    yield
    cache._chosen.clear()


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
