"""The work that a layer asks of a machine, free of any mapping: what its bounds follow from.

Matrix(x=View(56 x 56 x 64), weights [1, 1, 64, 256], ..)  ->  Work(rows=3136, channels=64, columns=256, ..)
"""

from dataclasses import dataclass, replace
from math import prod

from ..layer import Activation, Depthwise, Layer, Matrix, Network, Norm, Pool, Post, Product, Softmax, View


@dataclass(frozen=True, kw_only=True)
class Work:
    """`count` products of `rows` x (taps of the `kernel` x `channels`) x `columns`, and what the vector unit does after
    them. Sizes are in elements."""

    name: str
    macs: int = 0
    rows: int = 0
    """Output pixels of all images; 0 where the array has nothing to do."""
    kernel: tuple[int, int] = (1, 1)
    channels: int = 0
    columns: int = 0
    count: int = 1
    """Products of that size: attention heads, groups."""
    weights: int = 0
    inputs: int
    """Activations; of a product of two, both. The second operand of a sum within the layer is not counted."""
    outputs: int
    vector: int
    """Operations of the vector unit, one lane each."""
    outside: int = 0
    """What of inputs and outputs goes through DRAM whatever fits: the network's own."""
    spills: bool = True
    """What of input and output does not fit in SPAD goes through DRAM as well. Not so where the input comes from
    outside, nor inside a chain that runs by strips of rows."""


VECTOR = {"gelu": 2, "silu": 2, "tanh": 2, "sigmoid": 2, "exp": 2}
"""Operations an element of an activation; a look-up or relu takes 1, and none where it follows a requantisation."""


def works(network: Network) -> list[Work]:
    """The work of each layer of a network that `npu-select` made."""
    inputs, outputs = ({id(tensor) for tensor in end} for end in (network.inputs, network.outputs))
    readers: dict[int, list[Layer]] = {}
    for layer in network.layers:
        for view in layer.inputs:
            readers.setdefault(id(view.tensor), []).append(layer)
    found: list[Work] = []
    for layer in network.layers:
        first = sum(elements(view) for view in _operands(layer) if id(view.tensor) in inputs)
        last = elements(layer.out) if id(layer.out.tensor) in outputs else 0
        fits = first > 0 or isinstance(layer, Depthwise) or _expands(layer, readers.get(id(layer.out.tensor), []))
        found.append(replace(work(layer), outside=first + last, spills=not fits))
    return found


def work(layer: Layer) -> Work:
    """A layer by itself, in the midst of a network."""
    images, rows, columns, channels = layer.out.size
    plain = Work(
        name=layer.name,
        macs=layer.macs,
        inputs=sum(map(elements, _operands(layer))),
        outputs=elements(layer.out),
        vector=_vector(layer),
    )
    match layer:
        case Matrix():
            kernel, depth = _taps(layer)
            wide, size = channels // layer.groups, prod(layer.weights.shape)
            plain = replace(plain, kernel=kernel, channels=depth, columns=wide, count=layer.groups, weights=size)
            return replace(plain, rows=images * rows * columns)
        case Product():
            plain = replace(plain, rows=rows * columns, channels=layer.depth, columns=layer.width)
            return replace(plain, count=len(layer.items))
        case Depthwise():
            return replace(plain, weights=prod(layer.weights.shape))
        case _:
            return plain


def elements(view: View) -> int:
    """Elements of a view; of a packed network input, those of the image."""
    if (packed := view.tensor.packed) is None:
        return prod(view.size)
    (taps, stride), (images, rows, columns, channels) = packed, view.size
    return images * rows * ((columns - 1) * stride + taps) * (channels // taps)


def _operands(layer: Layer) -> tuple[View, ...]:
    match layer:
        case Product():
            return layer.x, layer.y
        case Matrix() | Depthwise():
            return (layer.x,)
        case _:
            return layer.inputs


def _taps(layer: Matrix) -> tuple[tuple[int, int], int]:
    """Kernel and input channels of a group, apart also where the packing of the input made one of them."""
    _, columns, depth, _ = layer.weights.shape
    packed = layer.x.tensor.packed
    if packed is None or columns > 1:
        return layer.kernel, depth
    return (layer.kernel[0], packed[0]), depth // packed[0]


def _expands(layer: Layer, readers: list[Layer]) -> bool:
    """A 1x1 convolution for depthwise ones alone."""
    plain = isinstance(layer, Matrix) and layer.kernel == (1, 1)
    return plain and bool(readers) and all(isinstance(reader, Depthwise) for reader in readers)


def _vector(layer: Layer) -> int:
    made = elements(layer.out)
    match layer:
        case Matrix() | Product():
            return made * _after(layer.post)
        case Depthwise():
            return layer.macs + made * _after(layer.post)
        case Pool():
            return made * prod(layer.kernel)
        case Softmax() | Norm():
            return made * 5
        case Activation():
            return made * VECTOR.get(layer.mode, 1)
        case _:
            return max(made, *map(elements, layer.inputs))


def _after(post: Post) -> int:
    """Operations an element: requantising, the sum, the function."""
    return 1 + (post.residual is not None) + VECTOR.get(post.act, 0)
