"""Importers of convolutions and pools: attributes by opset, against onnx.reference and onnxruntime."""

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest
from aic.compiler.errors import CompileError
from aic.dialects._shape import Array
from onnx import helper

RunNode = Callable[..., list[Array]]


def rand(*dims: int) -> Array:
    return np.random.default_rng(sum(dims)).standard_normal(dims).astype(np.float32)


def runtime(op: str, *inputs: Array, opset: int, outputs: int = 1, **attributes: object) -> list[Array]:
    """The results of onnxruntime, where onnx.reference is wrong."""
    names, made = [f"x{i}" for i in range(len(inputs))], [f"y{i}" for i in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(op, names, made, **attributes)],
        "g",
        [helper.make_tensor_value_info(n, 1, x.shape) for n, x in zip(names, inputs, strict=True)],
        [helper.make_empty_tensor_value_info(y) for y in made],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return [np.asarray(y) for y in session.run(None, dict(zip(names, inputs, strict=True)))]


@pytest.mark.parametrize("opset", [6, 11, 22])
@pytest.mark.parametrize("auto_pad", ["VALID", "SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_conv_auto_pad(node: RunNode, opset: int, auto_pad: str, strides: tuple[int, int]) -> None:
    x, w, b = rand(1, 4, 7, 8), rand(6, 2, 4, 3), rand(6)
    attributes = {"auto_pad": auto_pad, "strides": strides, "group": 2}
    expected = runtime("Conv", x, w, b, opset=11, **attributes)
    node("Conv", x, w, b, opset=opset, known=(1, 2), expected=expected, **attributes)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"strides": (2, 2), "pads": (1, 1, 0, 1), "output_padding": (1, 0)},
        {"strides": (3, 2), "output_shape": (10, 8)},
        {"strides": (2, 2), "output_shape": (8, 9), "auto_pad": "SAME_LOWER"},
        {"strides": (2, 2), "output_shape": (8, 9), "auto_pad": "SAME_UPPER"},
        {"strides": (2, 2), "auto_pad": "SAME_UPPER"},
        {"strides": (2, 2), "auto_pad": "VALID"},
        {"dilations": (2, 2), "group": 2},
    ],
)
def test_conv_transpose(node: RunNode, attributes: dict[str, object]) -> None:
    x, w = rand(1, 4, 4, 4), rand(4, 6 // int(str(attributes.get("group", 1))), 3, 3)
    node("ConvTranspose", x, w, opset=11, expected=runtime("ConvTranspose", x, w, opset=11, **attributes), **attributes)


def test_conv_transpose_longer_than_its_filters_reach(node: RunNode) -> None:
    x, w = rand(1, 1, 3), rand(1, 1, 2)
    (y,) = node("ConvTranspose", x, w, opset=11, strides=(3,), output_shape=(9,))
    assert y.shape == (1, 1, 9) and not y[..., -1]


@pytest.mark.parametrize("ceil_mode", [0, 1])
@pytest.mark.parametrize("name", ["MaxPool", "AveragePool", "LpPool"])
def test_pools(node: RunNode, name: str, ceil_mode: int) -> None:
    x, window = rand(1, 3, 7, 8), {"kernel_shape": (3, 2), "strides": (2, 3), "pads": (1, 0, 1, 1)}
    for opset, extra in ((10, {}), (19, {"ceil_mode": ceil_mode})):
        if name != "LpPool" or opset != 10:
            expected = runtime(name, x, opset=opset, **window, **extra)
            node(name, x, opset=opset, expected=expected, **window, **extra)
    for auto_pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        attributes = {"kernel_shape": (3, 2), "strides": (2, 3), "auto_pad": auto_pad}
        node(name, x, opset=18, expected=runtime(name, x, opset=18, **attributes), **attributes)


@pytest.mark.parametrize("storage_order", [0, 1])
def test_max_pool_indices(node: RunNode, storage_order: int) -> None:
    x = rand(2, 2, 6, 5)
    attributes = {"kernel_shape": (3, 2), "strides": (2, 2), "pads": (1, 1, 0, 0), "storage_order": storage_order}
    expected = runtime("MaxPool", x, opset=12, outputs=2, **attributes)
    node("MaxPool", x, opset=12, outputs=2, expected=expected, **attributes)


def test_average_pool_counts_the_padding_it_is_told_to(node: RunNode) -> None:
    x, window = np.ones((1, 1, 3), np.float32), {"kernel_shape": (2,), "pads": (1, 0)}
    assert node("AveragePool", x, opset=11, expected=[np.ones((1, 1, 3), np.float32)], **window)
    half = np.array([[[0.5, 1, 1]]], np.float32)
    assert node("AveragePool", x, opset=11, expected=[half], count_include_pad=1, **window)


def test_conv_integer(node: RunNode) -> None:
    x = np.random.default_rng(0).integers(0, 255, (1, 2, 5, 5), np.uint8)
    w = np.random.default_rng(1).integers(0, 255, (3, 2, 2, 2), np.uint8)
    node("ConvInteger", x, w, np.array(7, np.uint8), np.array(3, np.uint8), opset=10, pads=(1, 1, 1, 1))


@pytest.mark.parametrize(
    "attributes, words",
    [
        ({"strides": (0, 0)}, "strides: expected 2 positive numbers"),
        ({"pads": (1, 1, 1)}, "pads: expected 4 numbers"),
        ({"auto_pad": "SAME_SIDEWAYS"}, "found 'SAME_SIDEWAYS'"),
        ({"kernel_shape": (5, 5)}, r"kernel_shape: expected that of the filters \[3, 3\]"),
        ({"group": 3}, "group 3"),
    ],
)
def test_malformed(node: RunNode, attributes: dict[str, object], words: str) -> None:
    with pytest.raises(CompileError, match=words):
        node("Conv", rand(1, 4, 8, 8), rand(4, 4, 3, 3), opset=11, **attributes)
