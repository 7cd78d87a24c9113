"""A network's arrays as the machine stores them, and back: axes, numbers, bytes.

float32 [1, 3, 224, 224]  --to_stored-->  int8 or bf16  --arrange-->  [B, H, W, C]  --to_storage-->  bytes of a segment

Layouts of section 10: `nc1hwc0` is [C1][B][H][W][lanes], `nhwc` is [B][H][W][C]; H and W with the stored padding, which
holds the zero point, as do the lanes beyond C. `flat` is the array's own bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Self

import ml_dtypes
import numpy as np
from numpy.lib.stride_tricks import as_strided

from ....dialects._shape import Array

Shape = tuple[int, int, int, int]
Dims = tuple[tuple[tuple[int, int, int], ...], ...]
"""For each axis of the network's array its factors, the outermost first: (axis of [images, rows, columns, channels],
step along it, count)."""
TYPES: dict[str, np.dtype[np.generic]] = {
    "i8": np.dtype(np.int8),
    "i16": np.dtype(np.int16),
    "i32": np.dtype(np.int32),
    "f32": np.dtype(np.float32),
    "bf16": np.dtype(ml_dtypes.bfloat16),
}
LAYOUTS = ("nc1hwc0", "nhwc", "flat")
SMALLEST = 1e-37
"""Scales are within float32."""
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
    shape: Shape
    dtype: str
    layout: str = "nc1hwc0"
    lanes: int = 1
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    scale: float = 1.0
    zero_point: int = 0
    unsigned: bool = False
    at: Shape = (0, 0, 0, 0)
    dims: Dims | None = None
    """Where the network's array lies in [images, rows, columns, channels]: its first element and its axes; None: it is
    that already."""
    graph: str = ""
    """Its numpy type; "": the stored one."""

    @classmethod
    def read(cls, found: Mapping[str, object]) -> Self:
        """An entry as a container has it; EntryError tells what is wrong with it."""
        name = found.get("name")
        if not isinstance(name, str):
            raise EntryError(f"tensor: expected a name, found {name!r}")
        shape, pad = (_whole(found.get(key, [0] * 4), f"tensor {name}: {key}", 4) for key in ("shape", "pad"))
        (offset,) = _whole([found.get("offset", 0)], f"tensor {name}: offset", 1)
        (lanes,) = _whole([found.get("lanes", 1)], f"tensor {name}: lanes", 1)
        at, dims = _whole(found.get("at", [0] * 4), f"tensor {name}: at", 4), _dims(found.get("dims"), name)
        if (packed := found.get("packed")) is not None:
            _, _, left, columns = _whole(packed, f"tensor {name}: packed", 4)
            if dims is None:
                raise EntryError(f"tensor {name}: expected the dimensions of a packed image")
            shape = [at[axis] + reach(dims, axis) for axis in range(4)]
            pad = [0, left, 0, columns - left - shape[2]]
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
            (at[0], at[1], at[2], at[3]),
            dims,
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
        elif not SMALLEST < self.scale < 1 / SMALLEST or not -(1 << 31) <= self.zero_point < 1 << 31:
            problem = f"scale {self.scale}, zero point {self.zero_point}"
        elif self.dims is not None and any(self.at[a] + reach(self.dims, a) > self.shape[a] for a in range(4)):
            problem = f"dimensions {self.dims} at {list(self.at)} lie outside of {list(self.shape)}"
        elif prod(self.full) > prod(self.shape):
            problem = f"{list(self.full)} has more elements than {list(self.shape)}"
        if problem:
            raise EntryError(f"tensor {self.name}: {problem}")

    @property
    def full(self) -> tuple[int, ...]:
        """The shape of the network's array."""
        if self.dims is None:
            return self.shape
        return tuple(prod(count for _, _, count in dim) for dim in self.dims)

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
        if self.dims is not None:
            found |= {"at": list(self.at), "dims": [[list(factor) for factor in dim] for dim in self.dims]}
        return found | ({"graph": self.graph} if self.graph else {})


def dims_of(full: Sequence[int], axes: Sequence[Sequence[int]], shape: Sequence[int]) -> Dims:
    """Where an array of `shape` lies whose dimensions, perhaps cut into those of `full`, are, flattened together, the
    images, rows, columns and channels: `axes` names those of each."""
    factors: dict[int, tuple[int, int, int]] = {}
    for axis, group in enumerate(axes):
        step = 1
        for d in reversed(group):
            factors[d] = (axis, step, full[d])
            step *= full[d]
    rest = [factors[d] for d in range(len(full)) if full[d] > 1]
    dims: list[tuple[tuple[int, int, int], ...]] = []
    for size in shape:
        dim: list[tuple[int, int, int]] = []
        while prod(count for _, _, count in dim) < size and rest:
            dim.append(rest.pop(0))
        dims.append(tuple(dim))
    if rest or [prod(count for _, _, count in dim) for dim in dims] != list(shape):
        raise EntryError(f"dimensions {list(full)} cannot be taken for {list(shape)}")
    return tuple(dims)


def reach(dims: Dims, axis: int) -> int:
    """How many elements along an axis an array spans."""
    return 1 + sum(step * (count - 1) for dim in dims for a, step, count in dim if a == axis)


def _view(whole: Array, entry: Entry) -> Array:
    """The elements of [images, rows, columns, channels] that are the network's array, by factor."""
    factors = [factor for dim in entry.dims or () for factor in dim]
    first = whole[tuple(slice(start, None) for start in entry.at)]
    counts = [count for _, _, count in factors]
    return as_strided(first, counts, [step * first.strides[axis] for axis, step, _ in factors])


def arrange(array: Array, entry: Entry) -> Array:
    """An array of the network as [images, rows, columns, channels]; elements that it has not are the zero point."""
    if entry.dims is None:
        return array
    whole = np.full(entry.shape, entry.zero_point, array.dtype)
    view = _view(whole, entry)
    view[...] = array.reshape(view.shape)
    return whole


def restore(array: Array, entry: Entry) -> Array:
    """`arrange` backwards."""
    return array if entry.dims is None else np.ascontiguousarray(_view(array, entry)).reshape(entry.full)


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


def from_stored(array: Array, entry: Entry, kind: np.dtype[np.generic]) -> Array:
    """`to_stored` backwards, to that type."""
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
    if array.shape != entry.full:
        raise EntryError(f"input {entry.name}: expected shape {list(entry.full)}, found {list(array.shape)}")
    data = to_storage(arrange(to_stored(array, entry), entry), entry)
    segment[entry.offset : entry.offset + entry.bytes] = data


def graph_type(entry: Entry) -> np.dtype[np.generic]:
    """The numpy type of the network's array."""
    if entry.graph:
        try:
            return np.dtype(getattr(ml_dtypes, entry.graph, entry.graph))
        except TypeError:
            raise EntryError(f"tensor {entry.name}: no numpy type {entry.graph!r}") from None
    return np.dtype(np.uint8) if entry.unsigned and entry.dtype == "i8" else entry.type


def fetch(segment: Array, entry: Entry, kind: np.dtype[np.generic] | None = None) -> Array:
    """An array of the network from where the machine left it."""
    found = restore(from_storage(segment[entry.offset : entry.offset + entry.bytes], entry), entry)
    return from_stored(found, entry, graph_type(entry) if kind is None else kind)


def _whole(found: object, what: str, count: int | None = None) -> list[int]:
    if not isinstance(found, list | tuple) or (count is not None and len(found) != count):
        raise EntryError(f"{what}: expected {'a list' if count is None else count}, found {found!r}")
    if not all(isinstance(n, int) and 0 <= n < MOST for n in found):
        raise EntryError(f"{what}: expected whole numbers, found {found!r}")
    return [int(n) for n in found]


def _number(found: object, name: str) -> float:
    if not isinstance(found, int | float) or isinstance(found, bool) or not np.isfinite(found):
        raise EntryError(f"tensor {name}: expected a number, found {found!r}")
    return float(found)


def _dims(found: object, name: str) -> Dims | None:
    if found is None:
        return None
    if not isinstance(found, list | tuple) or not all(isinstance(dim, list | tuple) for dim in found):
        raise EntryError(f"tensor {name}: expected dimensions, each a list of factors, found {found!r}")
    made: list[tuple[tuple[int, int, int], ...]] = []
    for dim in found:
        factors = [_whole(factor, f"tensor {name}: factor", 3) for factor in dim]
        made.append(tuple((axis, step, count) for axis, step, count in factors))
        if not all(axis < 4 and count > 0 for axis, _, count in made[-1]):
            raise EntryError(f"tensor {name}: expected factors (axis 0 to 3, step, count), found {dim!r}")
    return tuple(made)
