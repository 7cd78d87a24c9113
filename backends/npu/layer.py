"""What an NPU program computes: layers on tensors of images, rows, columns and channels, before any of it is placed.

    Matrix(x=View(t0, ..), weights, out=View(t1, ..), kernel=(3, 3), ..)       -> mm, v.rq
    Elementwise(a, b, out, kind="add", ..)                                     -> v.ew

A layer is what one ONNX node and its neighbours become: a convolution with its requantisation, activation and residual
is one `Matrix`. All numbers are final: zero points as stored (uint8 is stored as q - 128), scales as the instruction
takes them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ...dialects._shape import Array

Pads = tuple[int, int, int, int]
"""Top, left, bottom, right."""
Axes = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Which dimensions of an array are, flattened together, the images, rows, columns and channels of a tensor."""


@dataclass(eq=False)
class Tensor:
    """Activations of `images` x `rows` x `columns` x `channels`; on the machine `[C1][B][H][W][lanes]`."""

    name: str
    images: int
    rows: int
    columns: int
    channels: int
    type: str = "i8"
    """`i8`, `i16`, `bf16`: how an element is stored."""
    scale: float = 1.0
    zero: int = 0
    """The zero point of what is stored, -128 to 127."""
    unsigned: bool = False
    """The network's own type is uint8; stored with its top bit flipped."""
    packed: tuple[int, int] | None = None
    """(kernel columns, stride) of a network input whose channels are those of a kernel's row, side by side:
    `columns` counts output columns, `channels` is kernel columns x the image's channels. The layer's pads left and
    right are the image's."""
    full: tuple[int, ...] = ()
    """Of an input or output: the shape of the program's array, some dimensions perhaps cut in two."""
    axes: Axes | None = None
    """Of an input or output: what the dimensions of `full` are here."""
    values: list[dict[str, object]] = field(default_factory=list, repr=False)
    """What stands in it, for comparisons: ONNX node, numpy type (`graph`), first element (`at`) and axes (`dims`), as a
    tensor's entry in a container has them."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Images, rows, columns, channels."""
        return self.images, self.rows, self.columns, self.channels


@dataclass(frozen=True)
class View:
    """A part of a tensor: from `at` on, every `step`-th row and column, `size` of each; all (images, rows, columns,
    channels) but `step` (rows, columns)."""

    tensor: Tensor
    at: tuple[int, int, int, int]
    size: tuple[int, int, int, int]
    step: tuple[int, int] = (1, 1)

    @classmethod
    def whole(cls, tensor: Tensor) -> "View":
        """All of a tensor."""
        return cls(tensor, (0, 0, 0, 0), tensor.shape)


@dataclass(frozen=True)
class Weights:
    """Constant numbers, read when they are needed. Matrix: [kernel rows, kernel columns, Cin / groups, Cout]; depthwise
    [kernel rows, kernel columns, C]; int8, or float32 to be stored as bf16."""

    name: str
    shape: tuple[int, ...]
    read: Callable[[], Array] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Residual:
    """The second operand of a sum within `v.rq`, after the requantisation to the zero point `middle`."""

    x: View
    numbers: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """imm0 to imm2 of the instruction: rA, rB, k (rounding `ort`) or sa, sb, sc (rounding `onnx`)."""
    zero: int = 0
    middle: int = 0
    first: bool = False
    """The residual is the first operand of the ONNX node."""


@dataclass(frozen=True)
class Post:
    """What follows a sum of products: `act(round((acc + bias) * scale) + zero)`, clamped; floating: `act(acc * scale +
    bias)`. `bias` int32 (of a `Matrix` less the input's zero point times the sum of the weights) or float32, `scale`
    float32, both by output channel."""

    bias: Array
    scale: Array
    zero: int = 0
    low: float = -128
    high: float = 127
    rounding: str = "ort"
    act: str = "none"
    """none, lut, relu, gelu, silu, tanh, sigmoid, exp."""
    lut: Array | None = None
    """256 int8, for the stored values -128 to 127."""
    residual: Residual | None = None


@dataclass(eq=False, kw_only=True)
class Layer:
    """What all layers have: a name, the ONNX nodes they stand for, and where the result goes."""

    name: str
    nodes: tuple[str, ...] = ()
    out: View

    kind: ClassVar[str] = ""

    @property
    def inputs(self) -> tuple[View, ...]:
        """The activations that it reads."""
        raise NotImplementedError

    @property
    def macs(self) -> int:
        """Multiply-accumulates by the network's definition, without padding."""
        return 0


@dataclass(eq=False, kw_only=True)
class Window(Layer):
    """A window that moves over rows and columns."""

    x: View
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: Pads = (0, 0, 0, 0)

    @property
    def inputs(self) -> tuple[View, ...]:
        post = getattr(self, "post", None)
        return (self.x, post.residual.x) if post is not None and post.residual is not None else (self.x,)


@dataclass(eq=False, kw_only=True)
class Matrix(Window):
    """A convolution, or (kernel 1 x 1) a product with a constant matrix; pixels are the matrix's rows. What lies
    outside of the input is its zero point."""

    kind: ClassVar[str] = "matrix"
    weights: Weights
    post: Post
    groups: int = 1

    @property
    def macs(self) -> int:
        images, rows, columns, channels = self.out.size
        return images * rows * columns * channels * int(np.prod(self.weights.shape[:3]))


@dataclass(eq=False, kw_only=True)
class Depthwise(Window):
    """A convolution of each channel by itself, on the vector unit."""

    kind: ClassVar[str] = "depthwise"
    weights: Weights
    post: Post

    @property
    def macs(self) -> int:
        return int(np.prod(self.out.size)) * self.kernel[0] * self.kernel[1]


@dataclass(eq=False, kw_only=True)
class Pool(Window):
    """Maximum or mean of a window; `mode` max, avg (of the taps inside) or avgp (of all taps)."""

    kind: ClassVar[str] = "pool"
    mode: str
    scale: float = 1.0
    """Input scale over output scale."""
    zeros: tuple[int, int] = (0, 0)
    """Of input and output."""


@dataclass(frozen=True)
class Item:
    """One product of a batch: the image and first channel of x, y and out, counted from those of the views."""

    x: tuple[int, int]
    y: tuple[int, int]
    out: tuple[int, int]


@dataclass(eq=False, kw_only=True)
class Product(Layer):
    """Products of activations with activations, one an item: out[m, n] = sum over k of x[m, k] y[k, n]. x and out have
    a matrix row a pixel (row, column), `depth` channels of x are k. y has a pixel a k and channels n; `transposed`: a
    pixel an n and channels k. `rows` (m) and `width` (n) are those of one item."""

    kind: ClassVar[str] = "product"
    x: View
    y: View
    items: tuple[Item, ...]
    depth: int
    width: int
    transposed: bool
    zeros: tuple[int, int] = (0, 0)
    post: Post

    @property
    def inputs(self) -> tuple[View, ...]:
        return (self.x, self.y, self.post.residual.x) if self.post.residual is not None else (self.x, self.y)

    @property
    def macs(self) -> int:
        _, rows, columns, _ = self.out.size
        return len(self.items) * rows * columns * self.depth * self.width


@dataclass(eq=False, kw_only=True)
class Elementwise(Layer):
    """add, sub, mul, max, min of two tensors; `b` of size 1 in rows, columns or images repeats; `lane`: its channel 0
    serves all channels. Numbers are imm0 to imm2, zeros those of a, b and out."""

    kind: ClassVar[str] = "elementwise"
    a: View
    b: View
    mode: str
    rounding: str = "ort"
    numbers: tuple[float, float, float] = (0.0, 0.0, 0.0)
    zeros: tuple[int, int, int] = (0, 0, 0)
    lane: bool = False
    low: float = -128
    high: float = 127

    @property
    def inputs(self) -> tuple[View, ...]:
        return (self.a, self.b)


@dataclass(eq=False, kw_only=True)
class Activation(Layer):
    """A function of each element: lut (int8), or relu, gelu, silu, tanh, sigmoid, exp."""

    kind: ClassVar[str] = "activation"
    x: View
    mode: str
    lut: Array | None = None

    @property
    def inputs(self) -> tuple[View, ...]:
        return (self.x,)


@dataclass(eq=False, kw_only=True)
class Softmax(Layer):
    """Softmax over the channels of each pixel; `mask` (bf16; size 1 repeats) is added to the input first."""

    kind: ClassVar[str] = "softmax"
    x: View
    mask: View | None = None
    scale: float = 1.0
    """Of the input, then `over` one over the output's scale (int8)."""
    over: float = 1.0
    zeros: tuple[int, int] = (0, 0)

    @property
    def inputs(self) -> tuple[View, ...]:
        return (self.x,) if self.mask is None else (self.x, self.mask)


@dataclass(eq=False, kw_only=True)
class Norm(Layer):
    """Normalisation over the channels of each pixel; `mode` ln or rms; gamma and beta float32 by channel."""

    kind: ClassVar[str] = "norm"
    x: View
    mode: str
    gamma: Array
    beta: Array
    epsilon: float
    scale: float = 1.0
    over: float = 1.0
    zeros: tuple[int, int] = (0, 0)

    @property
    def inputs(self) -> tuple[View, ...]:
        return (self.x,)


@dataclass(eq=False, kw_only=True)
class Reduce(Layer):
    """sum, mean or max over `axis` channels, columns, rows or plane (rows and columns)."""

    kind: ClassVar[str] = "reduce"
    x: View
    mode: str
    axis: str
    scale: float = 1.0
    zeros: tuple[int, int] = (0, 0)

    @property
    def inputs(self) -> tuple[View, ...]:
        return (self.x,)


@dataclass(eq=False, kw_only=True)
class Copy(Layer):
    """The same elements elsewhere, rescaled unless `scale` is 0; `transposed` swaps columns and channels."""

    kind: ClassVar[str] = "copy"
    x: View
    scale: float = 0.0
    zeros: tuple[int, int] = (0, 0)
    transposed: bool = False

    @property
    def inputs(self) -> tuple[View, ...]:
        return (self.x,)


@dataclass
class Network:
    """Layers in an order in which they can run, between the tensors that come from outside and those that go there.
    `inputs` and `outputs` are in the order of the program's arguments and results."""

    layers: list[Layer]
    inputs: list[Tensor]
    outputs: list[Tensor]

    @property
    def tensors(self) -> list[Tensor]:
        """Every tensor once: inputs, then in order of the layers that write them."""
        found = {id(t): t for t in self.inputs}
        for layer in self.layers:
            found.setdefault(id(layer.out.tensor), layer.out.tensor)
        return list(found.values())
