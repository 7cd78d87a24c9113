"""What layers and groups cost before anything is emitted: cycles of the array and of the vector unit, bytes moved."""

from collections.abc import Sequence
from math import ceil

from ..cost import vpu_busy
from ..layer import (
    Activation,
    Depthwise,
    Elementwise,
    Layer,
    Matrix,
    Norm,
    Pool,
    Product,
    Softmax,
    Tensor,
)
from ..machine import Machine
from ..params import feed_sharing, packed_bytes, record_bytes
from ..store import BYTES, stored_bytes
from ..vector.operand import TYPES
from .geometry import Halo
from .plan import image_pitch, stacked_rows
from .strips import Piece, Strips
from .tiling import Shares, array_cycles, post_cycles, product_cycles, tiling


class Costs:
    """Costs of a network's layers on a machine, each worked out once."""

    def __init__(self, machine: Machine, halos: dict[int, Halo]):
        self.machine, self.halos = machine, halos
        self._vector: dict[int, float] = {}
        self._weights: dict[int, int] = {}
        self._array: dict[tuple[int, int, Shares], int] = {}

    def vector(self, layer: Layer) -> float:
        """Cycles of the vector unit."""
        if id(layer) not in self._vector:
            self._vector[id(layer)] = vector_cycles(layer, self.machine)
        return self._vector[id(layer)]

    def weights(self, layer: Layer) -> int:
        """Bytes of weights."""
        if not isinstance(layer, Matrix):
            return 0
        if id(layer) not in self._weights:
            self._weights[id(layer)] = packed_bytes(layer, self.machine, feed_sharing(layer, self.machine))
        return self._weights[id(layer)]

    def array(self, layer: Layer, alike: Sequence[tuple[tuple[Piece, ...], int]], shares: Shares) -> float:
        """Cycles of the array for a layer whose strips make `alike`: pieces, and how often. LowerError if it cannot be
        cut."""
        if not isinstance(layer, Matrix | Product):
            return 0
        if isinstance(layer, Product):
            return self._cut(layer, 0, shares)
        pitch, total = image_pitch(layer, self.halos[id(layer.x.tensor)]), 0
        for pieces, times in alike:
            if rows := stacked_rows(layer, pieces, pitch):
                total += self._cut(layer, rows, shares) * (1 if pitch else len(pieces)) * times
        return total

    def _cut(self, layer: Matrix | Product, rows: int, shares: Shares) -> int:
        key = (id(layer), rows, shares)
        if key not in self._array:
            if isinstance(layer, Product):
                self._array[key] = product_cycles(layer, self.machine)
            else:
                self._array[key] = array_cycles(layer, self.machine, rows, tiling(layer, self.machine, rows, shares))
        return self._array[key]


def vector_cycles(layer: Layer, machine: Machine) -> float:
    """Cycles of the vector unit for a layer."""
    lanes = machine.channel_lanes(layer.out.tensor.type)
    images, rows, columns, channels = layer.out.size
    blocks = ceil(channels / lanes)
    pixels = images * rows * columns
    match layer:
        case Matrix(post=post):
            return post_cycles(post, machine, pixels * blocks * lanes)
        case Product(post=post):
            return post_cycles(post, machine, len(layer.items) * rows * columns * ceil(layer.width / lanes) * lanes)
        case Depthwise():
            name = "v.dw"
        case Pool():
            name = f"v.pool.{layer.mode}"
        case Activation():
            name = f"v.act.{layer.mode}"
        case Elementwise():
            name = "v.ew.add"
        case Softmax():
            name = "v.sm"
        case Norm():
            name = f"v.ln.{layer.mode}"
        case _:
            x = layer.inputs[0]
            pixels, blocks = x.size[0] * x.size[1] * x.size[2], ceil(x.size[3] / lanes)
            name = "v.cp"
    code = TYPES[layer.out.tensor.type]
    fields = {"ny": pixels, "nc1": blocks, "dtype": code, "odt": code}
    kernel = getattr(layer, "kernel", (1, 1))
    return vpu_busy(machine, name, fields | {"kh": kernel[0], "kw": kernel[1]})


def tensor_bytes(tensor: Tensor, machine: Machine, halo: Halo | None = None) -> int:
    """Bytes of a tensor in DRAM, or with its halo in SPAD."""
    if halo is not None:
        return stored_bytes(tensor, machine.spad.line, halo.rows(tensor), halo.columns(tensor))
    if tensor.packed is not None:
        return tensor.images * tensor.rows * tensor.columns * tensor.channels * BYTES[tensor.type]
    return stored_bytes(tensor, machine.spad.line, tensor.images * tensor.rows, tensor.columns)


def window_bytes(tensor: Tensor, machine: Machine, halo: Halo, strips: Strips) -> int:
    """Bytes of the largest window of a tensor."""
    rows = strips.extent(tensor)
    if not strips.rows:
        rows = halo.top + (rows - 1) * halo.pitch + tensor.rows + halo.bottom
    return stored_bytes(tensor, machine.spad.line, rows, halo.columns(tensor))


def records_of(layers: Sequence[Layer], machine: Machine) -> int:
    """Bytes of the parameters of some layers together."""
    return sum(record_bytes(layer, machine)[1] for layer in layers)
