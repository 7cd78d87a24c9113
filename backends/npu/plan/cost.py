"""What layers and groups cost before anything is emitted: cycles of the array and of the vector unit, bytes moved."""

from collections.abc import Sequence
from dataclasses import dataclass
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
from ..operand import TYPES
from ..params import feed_sharing, packed_bytes, record_bytes
from ..store import BYTES
from .geometry import Halo
from .plan import image_pitch, stacked_rows
from .strips import Strips
from .tiling import Shares, array_cycles, post_cycles, product_cycles, tiling


@dataclass(frozen=True)
class Work:
    """Cycles of the array and of the vector unit, bytes of weights."""

    array: float = 0
    vector: float = 0
    weights: int = 0


def layer_work(layer: Layer, machine: Machine, halos: dict[int, Halo], strips: Strips, i: int, shares: Shares) -> Work:
    """The work of all strips of the i-th layer of a group."""
    vector = vector_cycles(layer, machine)
    if isinstance(layer, Product):
        return Work(product_cycles(layer, machine), vector)
    if not isinstance(layer, Matrix):
        return Work(0, vector)
    pitch = image_pitch(layer, halos[id(layer.x.tensor)])
    total = 0
    known: dict[int, int] = {}
    for pieces in strips.pieces[i]:
        if rows := stacked_rows(layer, pieces, pitch):
            if rows not in known:
                known[rows] = array_cycles(layer, machine, rows, tiling(layer, machine, rows, shares))
            total += known[rows] * (1 if pitch else len(pieces))
    return Work(total, vector, packed_bytes(layer, machine, feed_sharing(layer, machine)))


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
    line = machine.spad.line
    if halo is None and tensor.packed is not None:
        return tensor.images * tensor.rows * tensor.columns * tensor.channels * BYTES[tensor.type]
    blocks = ceil(tensor.channels / (line // BYTES[tensor.type]))
    if halo is None:
        return blocks * tensor.images * tensor.rows * tensor.columns * line
    return blocks * halo.rows(tensor) * halo.columns(tensor) * line


def window_bytes(tensor: Tensor, machine: Machine, halo: Halo, strips: Strips) -> int:
    """Bytes of the largest window of a tensor."""
    line = machine.spad.line
    blocks = ceil(tensor.channels / (line // BYTES[tensor.type]))
    spans = strips.spans[id(tensor)]
    if strips.count == 1:
        rows = halo.rows(tensor)
    elif not strips.rows:
        rows = halo.top + (max(s.last - s.first for s in spans) - 1) * halo.pitch + tensor.rows + halo.bottom
    else:
        rows = max(s.high - s.low for s in spans)
    return blocks * rows * halo.columns(tensor) * line


def records_of(layers: Sequence[Layer], machine: Machine) -> int:
    """Bytes of the parameters of some layers together."""
    return sum(record_bytes(layer, machine)[1] for layer in layers)
