"""Small networks, one for each pattern that real ones are made of. Odd sizes on purpose: no tile divides them."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

Arrays = dict[str, np.ndarray]
Network = tuple[ModelProto, Arrays]
NETWORKS: dict[str, Callable[[], Network]] = {}


def network(build: Callable[["Net"], None]) -> Callable[["Net"], None]:
    """Enter a network under its function's name."""

    def made() -> Network:
        net = Net()
        build(net)
        return net.model(), net.inputs

    NETWORKS[build.__name__] = made
    return build


class Net:
    """A graph in the making; values are names."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(7)
        self.nodes, self.weights, self.outputs = [], [], []
        self.inputs: Arrays = {}

    def input(self, value: np.ndarray) -> str:
        """A graph input with the value it will be run on."""
        self.inputs[name := f"in {len(self.inputs)}/\U0001f642"] = value
        return name

    def floats(self, *dims: int) -> np.ndarray:
        return self.random.standard_normal(dims).astype(np.float32)

    def const(self, value: object, kind: type = np.float32) -> str:
        name = f"w:{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(value, kind), name))
        return name

    def weight(self, *dims: int) -> str:
        """Random numbers whose products with an input of variance 1 have variance 1."""
        fan = int(np.prod(dims[1:])) if len(dims) > 2 else dims[0]
        return self.const(self.floats(*dims) / np.sqrt(fan))

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: object) -> str:
        """A node with one output."""
        return self.ops(1, kind, *inputs, domain=domain, **attributes)[0]

    def ops(self, count: int, kind: str, *inputs: str, domain: str = "", **attributes: object) -> list[str]:
        """A node with several outputs."""
        results = [f"/{kind}_{len(self.nodes)}:{i}" for i in range(count)]
        name = f"layer {len(self.nodes)} */ {kind}"
        self.nodes.append(helper.make_node(kind, inputs, results, name, domain=domain, **attributes))
        return results

    def output(self, value: str, kind: int = TensorProto.FLOAT) -> None:
        self.outputs.append(helper.make_tensor_value_info(value, kind, None))

    def graph(self, name: str, inputs: Sequence[object] = ()) -> GraphProto:
        return helper.make_graph(self.nodes, name, inputs, self.outputs, self.weights)

    def model(self) -> ModelProto:
        ports = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in self.inputs.items()
        ]
        opsets = [helper.make_opsetid("", 20)]
        return helper.make_model(self.graph("net", ports), opset_imports=opsets, ir_version=10, producer_name="tests")

    def conv(self, x: str, into: int, out: int, kernel: int = 3, **attributes: object) -> str:
        """A convolution with bias that keeps the size, if it has no stride."""
        groups, dilation = int(str(attributes.get("group", 1))), int(str(attributes.pop("dilation", 1)))
        pads = [dilation * (kernel // 2)] * 4
        weight, bias = self.weight(out, into // groups, kernel, kernel), self.const(self.floats(out) / 4)
        return self.op("Conv", x, weight, bias, pads=pads, dilations=[dilation] * 2, **attributes)

    def norm(self, x: str, channels: int) -> str:
        """A batch normalisation with statistics of its own."""
        scale, shift, mean = (self.const(self.floats(channels) / 4 + off) for off in (1, 0, 0))
        return self.op("BatchNormalization", x, scale, shift, mean, self.const(self.floats(channels) ** 2 + 0.5))

    def matmul(self, x: str, into: int, out: int) -> str:
        return self.op("Add", self.op("MatMul", x, self.weight(into, out)), self.const(self.floats(out)))


@network
def fire(net: Net) -> None:
    """SqueezeNet: squeeze, expand by two convolutions, concat; pooled, averaged, softmax."""
    x = net.input(net.floats(1, 3, 17, 15))
    x = net.op("Relu", net.conv(x, 3, 18, strides=[2, 2]))
    x = net.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    squeezed = net.op("Relu", net.conv(x, 18, 5, 1))
    halves = [net.op("Relu", net.conv(squeezed, 5, 9, kernel)) for kernel in (1, 3)]
    x = net.op("GlobalAveragePool", net.conv(net.op("Concat", *halves, axis=1), 18, 7, 1))
    net.output(net.op("Softmax", net.op("Flatten", x)))


@network
def inverted_residual(net: Net) -> None:
    """MobileNetV2: expand, depthwise, project, each normalised, ReLU6 between, a residual; then one with a stride."""
    x = start = net.input(net.floats(1, 6, 11, 9))
    low, high = net.const(0), net.const(6)
    for stride in (1, 2):
        y = net.op("Clip", net.norm(net.conv(x, 6, 19, 1), 19), low, high)
        y = net.op("Clip", net.norm(net.conv(y, 19, 19, group=19, strides=[stride] * 2), 19), low, high)
        y = net.norm(net.conv(y, 19, 6, 1), 6)
        x = net.op("Add", y, start) if stride == 1 else y
    net.output(x)


@network
def shuffle(net: Net) -> None:
    """ShuffleNet: grouped 1x1 convolutions round a channel shuffle and a depthwise one; concat with an average."""
    x = net.input(net.floats(2, 6, 8, 10))
    y = net.op("Relu", net.conv(x, 6, 12, 1, group=3))
    y = net.op("Reshape", y, net.const([2, 3, 4, 8, 10], np.int64))
    y = net.op("Reshape", net.op("Transpose", y, perm=[0, 2, 1, 3, 4]), net.const([2, 12, 8, 10], np.int64))
    y = net.conv(net.conv(y, 12, 12, group=12, strides=[2, 2]), 12, 6, 1, group=3)
    pooled = net.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    net.output(net.op("Relu", net.op("Concat", y, pooled, axis=1)))


@network
def squeeze_and_excite(net: Net) -> None:
    """MobileNetV3: h-swish, channels weighted by a hard sigmoid of their averages."""
    x = net.op("HardSwish", net.conv(net.input(net.floats(1, 3, 10, 7)), 3, 13))
    gate = net.op("Relu", net.conv(net.op("GlobalAveragePool", x), 13, 4, 1))
    gate = net.op("HardSigmoid", net.conv(gate, 4, 13, 1), alpha=1 / 6, beta=0.5)
    net.output(net.op("HardSwish", net.conv(net.op("Mul", x, gate), 13, 8, 1)))


@network
def dilated_pyramid(net: Net) -> None:
    """DeepLab: branches of growing dilation and one of the average, resized back; concat, projected."""
    x = net.input(net.floats(1, 5, 13, 12))
    branches = [net.op("Relu", net.conv(x, 5, 6, 3, dilation=d)) for d in (1, 2, 4)]
    mean = net.op("Relu", net.conv(net.op("GlobalAveragePool", x), 5, 6, 1))
    sizes = net.const([1, 6, 13, 12], np.int64)
    branches.append(net.op("Resize", mean, "", "", sizes, mode="linear", coordinate_transformation_mode="half_pixel"))
    net.output(net.conv(net.op("Concat", *branches, axis=1), 24, 7, 1))


@network
def transformer(net: Net) -> None:
    """A pre-norm block: three heads of attention under a mask, layer norms, GELU written out as exporters do."""
    tokens, heads, depth = 9, 3, 8
    width = heads * depth
    x = net.input(net.floats(2, tokens, width))
    mask = net.input(np.where(net.random.random((2, 1, 1, tokens)) < 0.3, -1e4, 0).astype(np.float32))

    def norm(value: str) -> str:
        scale, shift = net.const(net.floats(width) / 4 + 1), net.const(net.floats(width))
        return net.op("LayerNormalization", value, scale, shift, axis=-1, epsilon=1e-5)

    def split(value: str, perm: list[int]) -> str:
        shape = net.const([2, tokens, heads, depth], np.int64)
        return net.op("Transpose", net.op("Reshape", net.matmul(value, width, width), shape), perm=perm)

    y = norm(x)
    q, k, v = split(y, [0, 2, 1, 3]), split(y, [0, 2, 3, 1]), split(y, [0, 2, 1, 3])
    scores = net.op("Add", net.op("Div", net.op("MatMul", q, k), net.const(depth**0.5)), mask)
    y = net.op("Transpose", net.op("MatMul", net.op("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
    y = net.op("Reshape", y, net.const([0, 0, -1], np.int64))
    x = net.op("Add", x, net.matmul(y, width, width))
    y = net.matmul(norm(x), width, 50)
    gelu = net.op("Add", net.op("Erf", net.op("Div", y, net.const(2**0.5))), net.const(1))
    y = net.op("Mul", net.op("Mul", y, gelu), net.const(0.5))
    net.output(net.op("Add", x, net.matmul(y, 50, width)))


@network
def lstm(net: Net) -> None:
    """Both directions, with a start state and lengths, a dense layer on what comes out."""
    steps, batch, size, hidden = 5, 2, 7, 6
    x = net.input(net.floats(steps, batch, size))
    w, r = net.const(net.floats(2, 4 * hidden, size) / 3), net.const(net.floats(2, 4 * hidden, hidden) / 3)
    lengths = net.const([5, 3], np.int32)
    start = [net.const(net.floats(2, batch, hidden)) for _ in range(2)]
    y, last, _ = net.ops(
        3, "LSTM", x, w, r, net.const(net.floats(2, 8 * hidden)), lengths, *start,
        hidden_size=hidden, direction="bidirectional",
    )  # fmt: skip
    y = net.op("Reshape", net.op("Transpose", y, perm=[0, 2, 1, 3]), net.const([steps, batch, -1], np.int64))
    net.output(net.op("Tanh", net.matmul(y, 2 * hidden, 4)))
    net.output(last)


@network
def quantized(net: Net) -> None:
    """QDQ: int8 weights by channel round a convolution and a residual, activations in uint8."""
    x = net.input(net.floats(1, 4, 9, 9))

    def requantized(value: str, scale: float) -> str:
        grid = net.const(scale), net.const(128, np.uint8)
        return net.op("DequantizeLinear", net.op("QuantizeLinear", value, *grid), *grid)

    x = requantized(x, 0.03)
    weight = net.const(net.random.integers(-127, 128, (10, 4, 3, 3)), np.int8)
    scales, zeros = net.const(net.random.uniform(0.002, 0.01, 10)), net.const(np.zeros(10), np.int8)
    weight = net.op("DequantizeLinear", weight, scales, zeros, axis=0)
    y = requantized(net.op("Relu", net.op("Conv", x, weight, net.const(net.floats(10)), pads=[1] * 4)), 0.05)
    y = requantized(net.conv(y, 10, 4, 1), 0.05)
    net.output(net.op("Add", x, y))


@network
def control(net: Net) -> None:
    """A loop that stops by its data, then a choice by its result."""
    x = net.input(net.floats(3, 5))
    body = Net()
    body.weights.append(numpy_helper.from_array(np.array(1.5, np.float32), "factor"))
    body.weights.append(numpy_helper.from_array(np.array(40, np.float32), "limit"))
    grown = body.op("Mul", "state", "factor")
    size = body.op("ReduceSum", body.op("Abs", grown), keepdims=0)
    body.output(body.op("Less", size, "limit"), TensorProto.BOOL)
    body.output(grown)
    body.output(body.op("Max", size, "largest"))
    ports = [
        helper.make_tensor_value_info("turn", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, [3, 5]),
        helper.make_tensor_value_info("largest", TensorProto.FLOAT, []),
    ]
    trips, go = net.const(4, np.int64), net.const(True, np.bool_)
    last, largest = net.ops(2, "Loop", trips, go, x, net.const(0), body=body.graph("body", ports))
    positive = net.op("Greater", net.op("ReduceMean", last, keepdims=0), net.const(0))
    branches: Mapping[str, GraphProto] = {}
    for name, kind in (("then_branch", "Exp"), ("else_branch", "Neg")):
        branch = Net()
        branch.output(branch.op(kind, last))
        branches = {**branches, name: branch.graph(name)}
    net.output(net.op("If", positive, **branches))
    net.output(largest)


@network
def embedding(net: Net) -> None:
    """Tokens, one counted from the end, looked up and added to positions; pooled under a mask."""
    tokens = net.input(np.array([[3, 0, -1, 17, 4]], np.int64))
    mask = net.input(np.array([[1, 1, 1, 0, 1]], np.int64))
    x = net.op("Gather", net.const(net.floats(23, 10)), tokens)
    x = net.op("Add", x, net.const(net.floats(1, 5, 10)))
    weights = net.op("Unsqueeze", net.op("Cast", mask, to=TensorProto.FLOAT), net.const([-1], np.int64))
    axes = net.const([1], np.int64)
    total = net.op("ReduceSum", net.op("Mul", x, weights), axes, keepdims=0)
    count = net.op("ReduceSum", weights, axes, keepdims=0)
    net.output(net.matmul(net.op("Div", total, count), 10, 6))
    net.output(net.op("ArgMax", net.op("Gather", x, net.const([0, 2], np.int64), axis=1), axis=2), TensorProto.INT64)


@network
def upsample(net: Net) -> None:
    """U-Net: down, up again by both ways of resizing, concat with what was there before."""
    x = net.op("LeakyRelu", net.conv(net.input(net.floats(1, 3, 8, 12)), 3, 6), alpha=0.1)
    low = net.op("Relu", net.conv(net.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 6, 11))
    scales = net.const([1, 1, 2, 2])
    near = net.op("Resize", low, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric")
    smooth = net.op("Resize", low, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")
    net.output(net.op("Sigmoid", net.conv(net.op("Concat", x, near, smooth, axis=1), 28, 2)))
