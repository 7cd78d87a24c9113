"""Halos, pitches and the rows that rows depend on.

A 3 x 3 convolution with padding 1 reads one row above and one below: its input is stored with a halo that holds the
zero point. Images are stacked along the rows, with a halo between them, so that one `mm` can run through all of them;
the distance from image to image (pitch) is then a multiple of every stride that is used on the tensor.
"""

from dataclasses import dataclass
from math import lcm

from ..layer import Layer, Matrix, Network, Product, Reduce, Tensor, View, Window


@dataclass(frozen=True)
class Halo:
    """Stored pixels around each image, and the rows from one image to the next."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0
    pitch: int = 0

    def rows(self, tensor: Tensor) -> int:
        """Stacked rows of all images, halo included."""
        return self.top + (tensor.images - 1) * self.pitch + tensor.rows + self.bottom

    def columns(self, tensor: Tensor) -> int:
        """Columns, halo included."""
        return self.left + tensor.columns + self.right


def halos(network: Network) -> dict[int, Halo]:
    """By id of each tensor, the halo that its matrix consumers need; the vector unit needs none."""
    sides = {id(t): [0, 0, 0, 0] for t in network.tensors}
    strides = {id(t): 1 for t in network.tensors}
    for layer in network.layers:
        if isinstance(layer, Matrix):
            found = sides[id(layer.x.tensor)]
            found[:] = map(max, found, overhang(layer))
            strides[id(layer.x.tensor)] = lcm(strides[id(layer.x.tensor)], layer.stride[0])
    answer: dict[int, Halo] = {}
    for tensor in network.tensors:
        top, left, bottom, right = sides[id(tensor)]
        step = strides[id(tensor)]
        pitch = -(-(tensor.rows + max(top, bottom)) // step) * step
        answer[id(tensor)] = Halo(top, left, bottom, right, pitch if tensor.images > 1 else tensor.rows)
    return answer


def overhang(layer: Matrix) -> tuple[int, int, int, int]:
    """Rows and columns (top, left, bottom, right) outside of the input's tensor that a layer reads; a packed input has
    its columns outside in DRAM."""
    reach = reach_of(layer, layer.x)
    low, high = reach.low, layer.out.size[1] * reach.step + reach.high
    _, _, first, _ = layer.x.at
    _, step = layer.x.step
    left = first - step * layer.pads[1]
    right = left + step * ((layer.out.size[2] - 1) * layer.stride[1] + (layer.kernel[1] - 1) * layer.dilation[1]) + 1
    tensor = layer.x.tensor
    if tensor.packed is not None:
        return max(0, -low), 0, max(0, high - tensor.rows), 0
    return max(0, -low), max(0, -left), max(0, high - tensor.rows), max(0, right - tensor.columns)


@dataclass(frozen=True)
class Reach:
    """Rows [first, last) of a layer's output depend on the rows [first * step + low, last * step + high) of a tensor,
    between `least` and `most`."""

    step: int
    low: int
    high: int
    least: int
    most: int


ANY = 1 << 40
"""More rows than there are."""


def reach_of(layer: Layer, view: View) -> Reach:
    """Of `view`, which the layer reads."""
    at, step, size = view.at[1], view.step[0], view.size[1]
    end = at + step * (size - 1) + 1
    if isinstance(layer, Window) and view is layer.x:
        top, stride, extent = layer.pads[0], layer.stride[0], (layer.kernel[0] - 1) * layer.dilation[0]
        bounds = (-ANY, ANY) if isinstance(layer, Matrix) else (at, end)
        return Reach(step * stride, at - step * top, at + step * (extent - stride - top) + 1, *bounds)
    all_of_it = isinstance(layer, Reduce) and layer.axis in ("rows", "plane")
    all_of_it |= isinstance(layer, Product) and view is layer.y
    if all_of_it or (size == 1 and layer.out.size[1] > 1):
        return Reach(0, at, end, at, end)
    return Reach(step, at, at - step + 1, -ANY, ANY)


def barrier(layer: Layer) -> bool:
    """Whether a row of the output depends on all rows of an input."""
    return isinstance(layer, Product) or (isinstance(layer, Reduce) and layer.axis in ("rows", "plane"))
