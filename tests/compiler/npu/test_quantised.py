"""Random quantised networks through the whole road to the simulator: bit by bit what onnxruntime computes, and what
integers computed without either give."""

import numpy as np
import pytest
from aic.compiler.driver import Options, compile_model

from .qdq import Net, random_network

EXACT = {"uint8": "session.x64quantprecision", "int8": "session.qdqisint8allowed"}
"""Without VNNI: unsigned activations times signed weights do not saturate; signed activations stay signed, and so are
fused with what they go through."""


def reference(net: Net) -> dict[str, np.ndarray]:
    """The outputs by onnxruntime."""
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    options.add_session_config_entry(EXACT[net.kind.name], "1")
    session = ort.InferenceSession(net.model().SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, net.feed), strict=True))


@pytest.mark.parametrize("seed", range(64))
def test_random_networks_are_bit_exact(seed: int):
    net = random_network(seed, steps=1 + seed % 2)
    made = compile_model(net.model(), "npu", options=Options(level=1))
    found = made.load()(list(net.feed.values()))
    wanted, integers = reference(net), net.expected()
    for port, value in zip(made.manifest["outputs"], found, strict=True):  # pyright: ignore[reportArgumentType]
        name = port["name"]
        assert np.array_equal(value, integers[name]), f"{name} differs from its integers"
        assert np.array_equal(value, wanted[name]), f"{name} differs from onnxruntime"
