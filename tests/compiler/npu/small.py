"""Small networks of the three kinds that an NPU is measured by: residual, inverted residual, encoder; and their
programs for a small machine, on which they take strips and turns."""

from collections.abc import Callable

from aic.backends.npu.program import Program
from aic.compiler.npu.networks import Encoder, Vision
from aic.compiler.npu.programs import compiled_programs
from onnx import ModelProto

MACHINE = "gemmini-like,spad.bytes=32768,acc.bytes=16384"


def residual() -> ModelProto:
    """Three convolutions of 3x3, the last one added to what went in."""
    net = Vision()
    x = net.rectified(net.spread("image", "image.in", (1, 3, 26, 26), 1.0), "conv1", 24, 3, 2)
    y = net.linear(net.rectified(x, "a", 24, 3), "b", 24, 3)
    both = net.node("Add", [y.name, x.name], "add")
    x = net.relu(both, "sum", y.shape, 1.0)
    return net.model("residual", {"image": (1, 3, 26, 26)}, net.head(x, 10))


def inverted() -> ModelProto:
    """Two inverted residuals with a depthwise convolution each."""
    net = Vision()
    x = net.clipped(net.spread("image", "image.in", (1, 3, 24, 24), 1.0), "conv1", 16, 3, 2)
    for b in range(2):
        y = net.clipped(net.clipped(x, f"b{b}_exp", 48, 1), f"b{b}_dw", 48, 3, 1, 48)
        y = net.linear(y, f"b{b}_proj", 16, 1)
        both = net.node("Add", [y.name, x.name], f"b{b}.add")
        x = net.spread(both, f"b{b}.sum", y.shape, x.power + y.power)
    return net.model("inverted", {"image": (1, 3, 24, 24)}, net.head(x, 10))


def encoder() -> ModelProto:
    """A layer of an encoder: attention of two heads, feed-forward, norms."""
    tokens, wide = 24, 48
    net = Encoder(1, tokens, wide, 2)
    x = net.spread("tokens", "tokens.in", (1, tokens, wide), 1.0)
    x = net.norm(net.attention(x, "l0"), x, "l0_norm1")
    x = net.norm(net.feed(x, "l0", 96), x, "l0_norm2")
    return net.model("encoder", {"tokens": (1, tokens, wide)}, x)


SMALL: dict[str, Callable[[], ModelProto]] = {f.__name__: f for f in (residual, inverted, encoder)}


def small_programs(name: str, machine: str = MACHINE) -> list[Program]:
    """The programs of one of them."""
    return list(compiled_programs(SMALL[name](), machine).values())
