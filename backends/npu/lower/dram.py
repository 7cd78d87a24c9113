"""What lies in DRAM: packed weights and parameters, the network's inputs and outputs, and what SPAD has no room for.

A tensor is `[C1][B][H][W][lanes]` without a halo; a packed input `[B][H][W][channels]` with the columns that its kernel
reads outside of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

from ....dialects._shape import Array
from ..code import Code, Segment
from ..layer import Layer, Matrix, Tensor
from ..machine import Machine
from ..params import packed_bytes, packed_weights, record_bytes, records
from ..store import BYTES


@dataclass(frozen=True)
class Place:
    """A tensor in a segment; strides in bytes."""

    segment: Segment
    offset: int
    image: int
    row: int
    column: int
    block: int

    def at(self, image: int, row: int, column: int, block: int) -> tuple[Segment, int]:
        """The place of a pixel's line."""
        inner = image * self.image + row * self.row + column * self.column + block * self.block
        return self.segment, self.offset + inner


class Dram:
    """The segments of a program, filled as it is made."""

    def __init__(self, code: Code, machine: Machine):
        self.machine = machine
        self.input = Segment(0, "input", "input")
        self.weights = Segment(1, "weights", "weights")
        self.output = Segment(2, "output", "output", writable=True)
        self.params = Segment(3, "params", "params")
        self.spill = Segment(4, "spill", "spill", writable=True)
        code.segments = [self.input, self.weights, self.output, self.params, self.spill]
        self.places: dict[int, Place] = {}
        self._packed: dict[tuple[object, ...], int] = {}

    def put(self, tensor: Tensor, segment: Segment) -> Place:
        """Room for a whole tensor."""
        if id(tensor) in self.places:
            return self.places[id(tensor)]
        line = self.machine.spad.line
        lanes = line // BYTES[tensor.type]
        row = tensor.columns * line
        image = tensor.rows * row
        block = tensor.images * image
        blocks = -(-tensor.channels // lanes)
        offset = segment.reserve(blocks * block)
        if segment.role in ("input", "output"):
            segment.tensors.append(entry(tensor, offset, "nc1hwc0", lanes))
        place = self.places[id(tensor)] = Place(segment, offset, image, row, line, block)
        return place

    def put_packed(self, tensor: Tensor, layer: Matrix) -> Place:
        """Room for a network input that is read a kernel's row at a time."""
        assert tensor.packed is not None
        kernel, stride = tensor.packed
        channels, element = tensor.channels // kernel, BYTES[tensor.type]
        left, read = layer.pads[1], (tensor.columns - 1) * stride + kernel
        columns = max(read, left + (prod(tensor.full[i] for i in tensor.axes[2]) if tensor.axes else 0))
        row = columns * channels * element
        offset = self.input.reserve(tensor.images * tensor.rows * row)
        found = entry(tensor, offset, "nhwc", 1)
        found |= {"packed": [kernel, stride, left, columns], "channels": channels}
        self.input.tensors.append(found)
        place = Place(self.input, offset, tensor.rows * row, row, stride * channels * element, self.machine.spad.line)
        self.places[id(tensor)] = place
        return place

    def weights_of(self, layer: Matrix, kpack: int, parts: tuple[int, ...] = ()) -> int:
        """Where a layer's packed weights begin; equal weights are stored once."""
        channels = (layer.x.at[3], layer.x.size[3], layer.out.size[3])
        key = (layer.weights.name, *channels, kpack, parts, layer.groups, layer.kernel)
        if key not in self._packed:
            size = packed_bytes(layer, self.machine, kpack, parts)
            self._packed[key] = self._put(self.weights, size, lambda: packed_weights(layer, self.machine, kpack, parts))
        return self._packed[key]

    def records_of(self, layer: Layer) -> int:
        """Where a layer's parameter records begin."""
        key = ("records", id(layer))
        if key not in self._packed:
            size = record_bytes(layer, self.machine)[1]
            self._packed[key] = self._put(self.params, size, lambda: records(layer, self.machine))
        return self._packed[key]

    def table_of(self, found: Array) -> int:
        """Where a look-up table of 256 bytes lies."""
        key = ("table", found.tobytes())
        if key not in self._packed:
            self._packed[key] = self._put(self.params, 256, lambda: found)
        return self._packed[key]

    @staticmethod
    def _put(segment: Segment, size: int, make: Callable[[], Array]) -> int:
        at = segment.reserve(size)
        segment.pieces.append((at, make))
        return at


def entry(tensor: Tensor, offset: int, layout: str, lanes: int) -> dict[str, object]:
    """A tensor as the container describes it to the host."""
    ends = {} if tensor.axes is None else {"full": list(tensor.full), "axes": [list(group) for group in tensor.axes]}
    return ends | {
        "name": tensor.name,
        "offset": offset,
        "shape": list(tensor.shape),
        "dtype": tensor.type,
        "layout": layout,
        "lanes": lanes,
        "pad": [0, 0, 0, 0],
        "scale": float(np.float32(tensor.scale)),
        "zero_point": tensor.zero,
        "unsigned": tensor.unsigned,
    }
