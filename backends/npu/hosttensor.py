"""A network's arrays as the machine stores them, and back: axes, numbers, bytes.

float32 [1, 3, 224, 224]  --arrange-->  [B, H, W, C]  --to_stored-->  int8 or bf16  --to_storage-->  bytes of a segment

Layouts of section 10: `nc1hwc0` is [C1][B][H][W][lanes], `nhwc` is [B][H][W][C]; H and W with the stored padding, which
holds the zero point, as do the lanes beyond C. `flat` is the array's own bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Self

import ml_dtypes
import numpy as np

from ...dialects._shape import Array

Axes = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Which axes of the network's array are, flattened together, the images, rows, columns and channels."""
TYPES: dict[str, np.dtype[np.generic]] = {
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "f32": np.dtype(np.float32),
    "bf16": np.dtype(ml_dtypes.bfloat16),
}
LAYOUTS = ("nc1hwc0", "nhwc", "flat")
MOST = 1 << 32
"""Bytes that a tensor of a file may claim to have."""


class EntryError(ValueError):
    """A tensor entry that makes no sense, or an array that is not what an entry expects."""


@dataclass(frozen=True)
class Entry:
    """Where and how a tensor lies in a segment. `shape` is (images, rows, columns, channels) without padding, `pad`
    top, left, bottom, right (a negative one leaves columns out); `zero_point` that of what is stored."""

    name: str
    offset: int
    shape: tuple[int, int, int, int]
    dtype: str
    layout: str = "nc1hwc0"
    lanes: int = 1
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    scale: float = 1.0
    zero_point: int = 0
    unsigned: bool = False
    axes: Axes | None = None
    """Of the network's array; None: it is [images, rows, columns, channels] already."""
    full: tuple[int, ...] | None = None
    """The shape of the network's array."""
    graph: str = ""
    """Its numpy type; "": the stored one."""

    @classmethod
    def read(cls, found: Mapping[str, object]) -> Self:
        """An entry as a container has it; EntryError tells what is wrong with it."""
        name = found.get("name")
        if not isinstance(name, str):
            raise EntryError(f"tensor: expected a name, found {name!r}")
        shape, pad = (_whole(found.get(key, [0] * 4), f"tensor {name}: {key}", 4) for key in ("shape", "pad"))
        axes, full = _axes(found.get("axes"), name), found.get("full")
        full = None if full is None else tuple(_whole(full, f"tensor {name}: full shape"))
        if (packed := found.get("packed")) is not None:
            _, _, left, columns = _whole(packed, f"tensor {name}: packed", 4)
            shape = _image(axes, full, name)
            pad = [0, left, 0, columns - left - shape[2]]
        (offset,) = _whole([found.get("offset", 0)], f"tensor {name}: offset", 1)
        (lanes,) = _whole([found.get("lanes", 1)], f"tensor {name}: lanes", 1)
        made = cls(
            name,
            offset,
            (shape[0], shape[1], shape[2], shape[3]),
            str(found.get("dtype")),
            str(found.get("layout")),
            lanes,
            (pad[0], pad[1], pad[2], pad[3]),
            _number(found.get("scale", 1.0), name),
            int(_number(found.get("zero_point", 0), name)),
            found.get("unsigned") is True,
            axes,
            full,
            str(found.get("graph", "")),
        )
        made.check()
        return made

    def check(self) -> None:
        """EntryError if the parts do not fit together."""
        problem = ""
        if self.dtype not in TYPES:
            problem = f"expected a type of {', '.join(TYPES)}, found {self.dtype!r}"
        elif self.layout not in LAYOUTS:
            problem = f"expected a layout of {', '.join(LAYOUTS)}, found {self.layout!r}"
        elif min(*self.shape, *self.padded) < 1 or self.lanes < 1 or self.bytes > MOST:
            problem = f"shape {list(self.shape)} with {self.lanes} lanes"
        elif not self.scale > 0 or not -(1 << 31) <= self.zero_point < 1 << 31:
            problem = f"scale {self.scale}, zero point {self.zero_point}"
        elif (self.axes is None) != (self.full is None):
            problem = "expected axes together with the full shape"
        elif self.axes is not None and self.full is not None:
            flat = [axis for group in self.axes for axis in group]
            if sorted(flat) != list(range(len(self.full))):
                problem = f"axes {self.axes} of {len(self.full)}"
            elif tuple(prod(self.full[a] for a in group) for group in self.axes) != self.shape:
                problem = f"axes {self.axes} of {list(self.full)} do not give {list(self.shape)}"
        if problem:
            raise EntryError(f"tensor {self.name}: {problem}")

    @property
    def type(self) -> np.dtype[np.generic]:
        """The numpy type of what is stored."""
        return TYPES[self.dtype]

    @property
    def padded(self) -> tuple[int, int, int, int]:
        """Images, rows, columns, channels with the stored padding."""
        images, rows, columns, channels = self.shape
        top, left, bottom, right = self.pad
        return images, rows + top + bottom, columns + left + right, channels

    @property
    def bytes(self) -> int:
        """What it takes in the segment."""
        images, rows, columns, channels = self.padded
        if self.layout == "nc1hwc0":
            channels = -(-channels // self.lanes) * self.lanes
        return images * rows * columns * channels * self.type.itemsize

    def json(self) -> dict[str, object]:
        """As a container has it."""
        found: dict[str, object] = {
            "name": self.name,
            "offset": self.offset,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "layout": self.layout,
            "lanes": self.lanes,
            "pad": list(self.pad),
            "scale": self.scale,
            "zero_point": self.zero_point,
            "unsigned": self.unsigned,
        }
        if self.axes is not None and self.full is not None:
            found |= {"axes": [list(group) for group in self.axes], "full": list(self.full)}
        return found | ({"graph": self.graph} if self.graph else {})


def arrange(array: Array, axes: Axes) -> Array:
    """An array of the network as [images, rows, columns, channels]."""
    sizes = tuple(prod(array.shape[a] for a in group) for group in axes)
    return array.transpose([a for group in axes for a in group]).reshape(sizes)


def restore(array: Array, axes: Axes, full: Sequence[int]) -> Array:
    """`arrange` backwards, to the shape `full`."""
    order = [a for group in axes for a in group]
    return array.reshape([full[a] for a in order]).transpose(np.argsort(order)) if order else array.reshape(())


def to_stored(array: Array, entry: Entry) -> Array:
    """The numbers that the machine holds for those of the network: floats are quantised or rounded to bf16, uint8 is
    flipped to int8."""
    if entry.dtype in ("bf16", "f32"):
        return array.astype(entry.type)
    if array.dtype.kind == "f":
        bits = 8 * entry.type.itemsize - 1
        steps = np.rint(array.astype(np.float32) / np.float32(entry.scale)) + entry.zero_point
        return np.clip(steps, -(1 << bits), (1 << bits) - 1).astype(entry.type)
    if array.dtype == np.uint8 and entry.dtype == "i8":
        return np.bitwise_xor(array.view(np.uint8), np.uint8(0x80)).view(np.int8)
    return array.astype(entry.type)


def from_stored(array: Array, entry: Entry, kind: np.dtype[np.generic] | None = None) -> Array:
    """`to_stored` backwards. Without `kind` integers stay integers, of the network's own sign."""
    own = np.dtype(np.uint8) if entry.unsigned and entry.dtype == "i8" else entry.type
    kind = own if kind is None else kind
    if entry.dtype == "i8" and kind == np.uint8:
        return np.bitwise_xor(array.view(np.uint8), np.uint8(0x80))
    if kind.kind == "f" and entry.type.kind == "i":
        return ((array.astype(np.float32) - np.float32(entry.zero_point)) * np.float32(entry.scale)).astype(kind)
    return array.astype(kind)


def to_storage(array: Array, entry: Entry) -> Array:
    """The bytes of [images, rows, columns, channels] of the stored type, padding and spare lanes filled."""
    if array.shape != entry.shape or array.dtype != entry.type:
        raise EntryError(
            f"tensor {entry.name}: expected {entry.type}{list(entry.shape)}, found {array.dtype}{list(array.shape)}"
        )
    if entry.layout == "flat":
        return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    top, left = entry.pad[:2]
    images, rows, columns, channels = entry.padded
    lanes = entry.lanes if entry.layout == "nc1hwc0" else channels
    blocks = -(-channels // lanes)
    made = np.full((blocks, images, rows, columns, lanes), entry.zero_point, entry.type)
    array = array[:, :, : columns - left]
    for block in range(blocks):
        part = array[..., block * lanes : (block + 1) * lanes]
        made[block, :, top : top + part.shape[1], left : left + part.shape[2], : part.shape[3]] = part
    return made.reshape(-1).view(np.uint8)


def from_storage(data: Array, entry: Entry) -> Array:
    """[images, rows, columns, channels] of the stored type from the tensor's bytes."""
    if len(data) != entry.bytes:
        raise EntryError(f"tensor {entry.name}: expected {entry.bytes} bytes, found {len(data)}")
    found = np.ascontiguousarray(data).view(entry.type)
    if entry.layout == "flat":
        return found.reshape(entry.shape)
    top, left = entry.pad[:2]
    images, rows, columns, channels = entry.padded
    lanes = entry.lanes if entry.layout == "nc1hwc0" else channels
    found = found.reshape(-1, images, rows, columns, lanes)
    found = found[:, :, top : top + entry.shape[1], left : left + entry.shape[2]]
    whole = found.transpose(1, 2, 3, 0, 4).reshape(*entry.shape[:3], -1)
    return np.ascontiguousarray(whole[..., : entry.shape[3]])


def load(array: Array, entry: Entry, segment: Array) -> None:
    """Put an array of the network where the machine expects it."""
    full = entry.shape if entry.full is None else entry.full
    if array.shape != full:
        raise EntryError(f"input {entry.name}: expected shape {list(full)}, found {list(array.shape)}")
    whole = array if entry.axes is None else arrange(array, entry.axes)
    segment[entry.offset : entry.offset + entry.bytes] = to_storage(to_stored(whole, entry), entry)


def fetch(segment: Array, entry: Entry, kind: np.dtype[np.generic] | None = None) -> Array:
    """An array of the network from where the machine left it."""
    found = from_storage(segment[entry.offset : entry.offset + entry.bytes], entry)
    made = from_stored(found, entry, kind if kind is not None or not entry.graph else np.dtype(entry.graph))
    if entry.axes is None or entry.full is None:
        return made
    return np.ascontiguousarray(restore(made, entry.axes, entry.full))


def _whole(found: object, what: str, count: int | None = None) -> list[int]:
    if not isinstance(found, list | tuple) or (count is not None and len(found) != count):
        raise EntryError(f"{what}: expected {'a list' if count is None else count}, found {found!r}")
    if not all(isinstance(n, int) and 0 <= n < MOST for n in found):
        raise EntryError(f"{what}: expected whole numbers, found {found!r}")
    return [int(n) for n in found]


def _image(axes: Axes | None, full: tuple[int, ...] | None, name: str) -> list[int]:
    """The shape of an image whose kernel rows are packed: the entry's own is that of the packed one."""
    if axes is None or full is None or not all(a < len(full) for group in axes for a in group):
        raise EntryError(f"tensor {name}: expected the axes and the full shape of a packed image")
    return [prod(full[a] for a in group) for group in axes]


def _number(found: object, name: str) -> float:
    if not isinstance(found, int | float) or isinstance(found, bool) or not np.isfinite(found):
        raise EntryError(f"tensor {name}: expected a number, found {found!r}")
    return float(found)


def _axes(found: object, name: str) -> Axes | None:
    if found is None:
        return None
    if not isinstance(found, list | tuple) or len(found) != 4:
        raise EntryError(f"tensor {name}: expected four groups of axes, found {found!r}")
    a, b, c, d = (tuple(_whole(group, f"tensor {name}: axes")) for group in found)
    return a, b, c, d
