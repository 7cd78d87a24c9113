"""Networks by which an NPU is measured, as QDQ models with random weights: ResNet-50, MobileNetV2, BERT-base.

    model = quantized_network("resnet50", batch=1)       a ModelProto; the same bytes for the same arguments

Shapes, strides and quantisation are those of the networks; weights are int8 by channel, normal with a deviation of 20
steps, within +-64; activations int8 by tensor. Scales follow from the variance that such weights give, so that nothing
saturates and nothing vanishes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from ...dialects._shape import Array

SEED, DEVIATION, LARGEST = 20, 20.0, 64
OPSET = 20


@dataclass(frozen=True)
class Value:
    """A dequantised tensor: its name, shape, mean square, and how it is quantised."""

    name: str
    shape: tuple[int, ...]
    power: float
    scale: float
    zero: int


class Quantized:
    """A QDQ model in the making: every value goes through QuantizeLinear and DequantizeLinear."""

    def __init__(self, seed: int = SEED):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def const(self, value: Array, name: str) -> str:
        """An initializer."""
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def node(self, op: str, inputs: list[str], name: str, **attributes: int | float | list[int]) -> str:
        """A node with one output, of the node's name."""
        made = helper.make_node(op, inputs, [f"{name}:0"], name)
        made.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self.nodes.append(made)
        return f"{name}:0"

    def through(self, x: str, name: str, shape: tuple[int, ...], power: float, low: float, high: float) -> Value:
        """`x` quantised so that `low` to `high` fit into int8, and dequantised."""
        scale = np.float32((high - low) / 255)
        zero = int(np.clip(round(-128 - low / float(scale)), -128, 127))
        of = [self.const(np.array(scale), f"{name}.scale"), self.const(np.array(zero, np.int8), f"{name}.zero")]
        stored = self.node("QuantizeLinear", [x, *of], f"{name}.quantize")
        back = self.node("DequantizeLinear", [stored, *of], f"{name}.dequantize")
        return Value(back, shape, power, float(scale), zero)

    def spread(self, x: str, name: str, shape: tuple[int, ...], power: float, *, low: float | None = None) -> Value:
        """Quantised for normal numbers of that mean square; from `low` on, if it is given."""
        most = 5 * sqrt(power)
        return self.through(x, name, shape, power, -most if low is None else low, most)

    def weight(self, name: str, shape: tuple[int, ...], x: Value, axis: int, fan: int, power: float) -> list[str]:
        """Dequantised weights and bias by which a sum of `fan` products with `x` gets a mean square of `power`."""
        normal = self.random.standard_normal(shape, dtype=np.float32) * np.float32(DEVIATION)
        stored = np.clip(np.rint(normal), -LARGEST, LARGEST).astype(np.int8)
        channels = shape[axis]
        size = sqrt(power / (fan * max(x.power, 1e-9))) / DEVIATION
        scale = (size * self.random.uniform(0.8, 1.2, channels)).astype(np.float32)
        bias = np.rint(self.random.standard_normal(channels) * 0.1 * sqrt(power) / (scale * x.scale)).astype(np.int32)
        of_bias = scale * np.float32(x.scale)
        return [
            self._dequantized(stored, scale, f"{name}.weight", axis),
            self._dequantized(bias, of_bias, f"{name}.bias", 0),
        ]

    def _dequantized(self, stored: Array, scale: Array, name: str, axis: int) -> str:
        zero = np.zeros(scale.shape, stored.dtype)
        of = [self.const(stored, name), self.const(scale, f"{name}.scale"), self.const(zero, f"{name}.zero")]
        return self.node("DequantizeLinear", of, f"{name}.dequantize", axis=axis)

    def model(self, name: str, inputs: dict[str, tuple[int, ...]], output: Value) -> ModelProto:
        """The whole, with float inputs and a float output."""

        def port(called: str, shape: tuple[int, ...]):
            return helper.make_tensor_value_info(called, TensorProto.FLOAT, shape)

        ports = [port(called, shape) for called, shape in inputs.items()]
        self.node("Identity", [output.name], "output")
        graph = helper.make_graph(self.nodes, name, ports, [port("output:0", output.shape)], self.weights)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="aic")


class Vision(Quantized):
    """Convolutional networks."""

    def conv(
        self, x: Value, name: str, out: int, kernel: int, stride: int = 1, *, power: float = 1.0, group: int = 1
    ) -> tuple[str, tuple[int, ...]]:
        """A convolution that keeps the size but for its stride; not quantised yet."""
        batch, channels, rows, columns = x.shape
        dims = (out, channels // group, kernel, kernel)
        facts = {"strides": [stride] * 2, "pads": [kernel // 2] * 4, "kernel_shape": [kernel] * 2, "group": group}
        y = self.node("Conv", [x.name, *self.weight(name, dims, x, 0, prod(dims[1:]), power)], name, **facts)
        return y, (batch, out, -(-rows // stride), -(-columns // stride))

    def linear(self, x: Value, name: str, out: int, kernel: int, stride: int = 1, *, power: float = 1.0) -> Value:
        """A convolution without an activation."""
        y, shape = self.conv(x, name, out, kernel, stride, power=power)
        return self.spread(y, f"{name}.out", shape, power)

    def relu(self, y: str, name: str, shape: tuple[int, ...], power: float) -> Value:
        """Relu, after which the mean square is `power`."""
        return self.through(self.node("Relu", [y], f"{name}.relu"), name, shape, power, 0.0, 6.5 * sqrt(power))

    def rectified(self, x: Value, name: str, out: int, kernel: int, stride: int = 1) -> Value:
        """A convolution and Relu."""
        y, shape = self.conv(x, name, out, kernel, stride)
        return self.relu(y, f"{name}.out", shape, 0.5)

    def clipped(self, x: Value, name: str, out: int, kernel: int, stride: int = 1, group: int = 1) -> Value:
        """A convolution and Clip from 0 to 6, which it rarely reaches."""
        y, shape = self.conv(x, name, out, kernel, stride, power=4.0, group=group)
        ends = [self.const(np.array(v, np.float32), f"{name}.{n}") for n, v in (("low", 0), ("high", 6))]
        return self.through(self.node("Clip", [y, *ends], f"{name}.clip"), f"{name}.out", shape, 2.0, 0.0, 6.0)

    def head(self, x: Value, classes: int) -> Value:
        """Mean over the plane, then a product with a matrix."""
        batch, channels, *_ = x.shape
        mean = self.node("GlobalAveragePool", [x.name], "mean")
        mean = self.through(mean, "mean.out", (batch, channels, 1, 1), x.power, 0.0, 5 * sqrt(x.power))
        flat = self.node("Flatten", [mean.name], "flatten")
        weights = self.weight("fc", (classes, channels), mean, 0, channels, 1.0)
        y = self.node("Gemm", [flat, *weights], "fc", transB=1)
        return self.spread(y, "fc.out", (batch, classes), 1.0)

    def image(self, batch: int) -> Value:
        """The input, of mean square 1."""
        return self.spread("image", "image.in", (batch, 3, 224, 224), 1.0)


def resnet50(batch: int) -> ModelProto:
    """ResNet-50 with the stride on the 3x3 convolutions."""
    net = Vision()
    x = net.rectified(net.image(batch), "conv1", 64, 7, 2)
    pooled = net.node("MaxPool", [x.name], "pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    x = net.through(pooled, "pool.out", (batch, 64, 56, 56), 1.5, 0.0, 6.0)
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 2):
        for block in range(blocks):
            name, stride = f"s{stage}b{block}", 2 if block == 0 and stage > 2 else 1
            y = net.rectified(x, f"{name}_a", width, 1)
            y = net.rectified(y, f"{name}_3x3", width, 3, stride)
            y = net.linear(y, f"{name}_b", 4 * width, 1)
            side = net.linear(x, f"{name}_ds", 4 * width, 1, stride) if block == 0 else x
            both = net.node("Add", [y.name, side.name], f"{name}.add")
            power = y.power / 2 + side.power * (0.5 if block == 0 else 1.0)  # what is rectified stays so
            x = net.relu(both, f"{name}.out", y.shape, power)
    return net.model("resnet50", {"image": (batch, 3, 224, 224)}, net.head(x, 1000))


BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""MobileNetV2's expansion, channels, blocks, stride of the first of them."""


def mobilenetv2(batch: int) -> ModelProto:
    """MobileNetV2 1.0."""
    net = Vision()
    x = net.clipped(net.image(batch), "conv1", 32, 3, 2)
    for expansion, width, blocks, first in BLOCKS:
        for block in range(blocks):
            name, stride, inner = f"b{width}_{block}", first if block == 0 else 1, x.shape[1] * expansion
            y = net.clipped(x, f"{name}_exp", inner, 1) if expansion > 1 else x
            y = net.clipped(y, f"{name}_dw", inner, 3, stride, inner)
            y = net.linear(y, f"{name}_proj", width, 1)
            if block:
                both = net.node("Add", [y.name, x.name], f"{name}.add")
                y = net.spread(both, f"{name}.sum", y.shape, x.power + y.power)
            x = y
    return net.model(
        "mobilenetv2", {"image": (batch, 3, 224, 224)}, net.head(net.clipped(x, "conv_last", 1280, 1), 1000)
    )


ADDED = 0.1
"""Mean square of what attention and feed-forward add to an encoder's tokens, of mean square 1; were it as large, all
tokens would be equal after a few layers."""


class Encoder(Quantized):
    """Transformer encoders on [batch, tokens, wide], as they are exported: products are MatMul, and Add of a bias."""

    def __init__(self, batch: int, tokens: int, wide: int, heads: int):
        super().__init__()
        self.batch, self.tokens, self.wide, self.heads = batch, tokens, wide, heads

    def dense(self, x: Value, name: str, out: int, power: float = 1.0) -> Value:
        """A product with a matrix, and a bias."""
        *tokens, wide = x.shape
        weights, bias = self.weight(name, (wide, out), x, 1, wide, power)
        y = self.node("Add", [self.node("MatMul", [x.name, weights], name), bias], f"{name}.add")
        return self.spread(y, f"{name}.out", (*tokens, out), power)

    def split(self, x: Value, name: str, order: list[int]) -> str:
        """The heads apart: batch, head, and the other two axes in this order."""
        dims = np.array([self.batch, self.tokens, self.heads, self.wide // self.heads], np.int64)
        apart = self.node("Reshape", [x.name, self.const(dims, f"{name}.dims")], f"{name}.split")
        return self.node("Transpose", [apart], f"{name}.heads", perm=order)

    def attention(self, x: Value, name: str) -> Value:
        """Softmax of the products of queries and keys, times the values; queries are scaled by their weights."""
        depth = self.wide // self.heads
        q = self.dense(x, f"{name}_q", self.wide, 3.0 / sqrt(depth))
        k = self.dense(x, f"{name}_k", self.wide, 1.0 / sqrt(depth))
        v = self.dense(x, f"{name}_v", self.wide)
        shape = (self.batch, self.heads, self.tokens, self.tokens)
        parts = [self.split(q, f"{name}_q", [0, 2, 1, 3]), self.split(k, f"{name}_k", [0, 2, 3, 1])]
        scores = self.spread(self.node("MatMul", parts, f"{name}_qk"), f"{name}_qk.out", shape, 3.0)
        soft = self.node("Softmax", [scores.name], f"{name}_softmax", axis=-1)
        soft = self.through(soft, f"{name}_softmax.out", shape, 0.0, 0.0, 255 / 256)
        parts = [soft.name, self.split(v, f"{name}_v", [0, 2, 1, 3])]
        mixed = self.node("MatMul", parts, f"{name}_pv")
        mixed = self.spread(mixed, f"{name}_pv.out", (*shape[:3], depth), 0.3)
        back = self.node("Transpose", [mixed.name], f"{name}_pv.back", perm=[0, 2, 1, 3])
        dims = self.const(np.array(x.shape, np.int64), f"{name}_pv.dims")
        flat = self.node("Reshape", [back, dims], f"{name}_pv.flat")
        mixed = Value(flat, x.shape, mixed.power, mixed.scale, mixed.zero)
        return self.dense(mixed, f"{name}_o", self.wide, ADDED)

    def norm(self, a: Value, b: Value, name: str) -> Value:
        """a + b, normalised."""
        both = self.node("Add", [a.name, b.name], f"{name}.add")
        both = self.spread(both, f"{name}.sum", a.shape, a.power + b.power)
        gamma = (1 + 0.1 * self.random.standard_normal(self.wide)).astype(np.float32)
        beta = (0.1 * self.random.standard_normal(self.wide)).astype(np.float32)
        numbers = [self.const(gamma, f"{name}.gamma"), self.const(beta, f"{name}.beta")]
        y = self.node("LayerNormalization", [both.name, *numbers], name, axis=-1, epsilon=1e-12)
        return self.spread(y, f"{name}.out", a.shape, 1.0)

    def feed(self, x: Value, name: str, inner: int) -> Value:
        """Two products with GELU between them."""
        y = self.dense(x, f"{name}_f1", inner)
        y = self.node("Gelu", [y.name], f"{name}_gelu")
        y = self.through(y, f"{name}_gelu.out", (*x.shape[:2], inner), 0.4, -0.2, 4.8)
        return self.dense(y, f"{name}_f2", self.wide, ADDED)


def bert_base(batch: int, layers: int = 12, tokens: int = 128) -> ModelProto:
    """The encoder of BERT-base, from embeddings [batch, tokens, 768] on, without a mask."""
    net, wide = Encoder(batch, tokens, 768, 12), 768
    x = net.spread("embeddings", "embeddings.in", (batch, tokens, wide), 1.0)
    for i in range(layers):
        x = net.norm(net.attention(x, f"l{i}"), x, f"l{i}_norm1")
        x = net.norm(net.feed(x, f"l{i}", 3072), x, f"l{i}_norm2")
    return net.model("bert-base", {"embeddings": (batch, tokens, wide)}, x)


BUILD: dict[str, Callable[[int], ModelProto]] = {
    "resnet50": resnet50,
    "mobilenetv2": mobilenetv2,
    "bert-base": bert_base,
}


def quantized_network(name: str, batch: int = 1) -> ModelProto:
    """One of the networks by name, for a batch. KeyError if there is no such network."""
    return BUILD[name](batch)
