"""Tensors of a model as read-only arrays: checked sizes before any allocation, views wherever the bytes lie flat.

External data is resolved beneath the model's folder only: no absolute path, no `..`, no link on the way, one name.
"""

import os
import stat
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ....dialects._shape import Array, element_of
from ...errors import CompileError
from .names import printable

MAX_BYTES = 1 << 33
"""Bytes above which a single tensor is refused."""
MAX_RANK = 32
_TYPES = TensorProto.DataType
_PACKED = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}
_DATA = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


def check_size(dims: tuple[int, ...], kind: np.dtype[np.generic], what: str) -> None:
    """CompileError if a tensor of this shape and type is impossible or absurdly large."""
    if len(dims) > MAX_RANK:
        raise CompileError(f"{what}: rank {len(dims)}, limit {MAX_RANK} dimensions", code="too-large")
    if any(d < 0 for d in dims):
        raise CompileError(f"{what}: negative dimension in shape {list(dims)}", code="bad-shape")
    if (size := prod(dims) * kind.itemsize) > MAX_BYTES:
        raise CompileError(f"{what}: shape {list(dims)} takes {size} bytes, limit {MAX_BYTES}", code="too-large")


def type_name(elem_type: int) -> str:
    """The ONNX name of an element type in lower case."""
    return _TYPES.Name(elem_type).lower() if elem_type in _TYPES.values() else f"unknown type {elem_type}"


def element_dtype(elem_type: int, what: str) -> np.dtype[np.generic]:
    """The numpy type of an ONNX element type; CompileError if it is undefined or unknown."""
    if elem_type == TensorProto.UNDEFINED or elem_type not in _TYPES.values():
        raise CompileError(f"{what}: {type_name(elem_type)} element type", code="bad-type")
    return helper.tensor_dtype_to_np_dtype(elem_type)


def has_element(kind: np.dtype[np.generic]) -> bool:
    """Whether the IR has tensors of this type."""
    try:
        element_of(kind)
    except TypeError:
        return False
    return True


@dataclass
class Folder:
    """The folder of a model, with the files of external data that are mapped so far."""

    path: Path
    _mapped: dict[str, Array] = field(default_factory=dict[str, Array])

    def map(self, location: str) -> Array:
        """The bytes of a file beneath the folder, memory-mapped; CompileError if the location breaks a rule."""
        if location not in self._mapped:
            self._mapped[location] = self._map(location)
        return self._mapped[location]

    def _map(self, location: str) -> Array:
        where = f"external data location {printable(location)!r}"
        parts = [part for part in location.split("/") if part != "."]
        if not location or location.startswith("/") or "\\" in location or "\0" in location or {"", ".."} & {*parts}:
            raise CompileError(f"{where}: not a path inside the model's folder", code="external-data")
        opened: list[int] = []
        try:
            at = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            opened.append(at)
            for part in parts[:-1]:
                at = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
                opened.append(at)
            before = os.stat(parts[-1], dir_fd=at, follow_symlinks=False)
            if not stat.S_ISREG(before.st_mode) or before.st_nlink != 1:
                raise CompileError(f"{where}: not a regular file with a single link", code="external-data")
            at = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
            opened.append(at)
            if not os.path.samestat(before, info := os.fstat(at)):
                raise CompileError(f"{where}: not the same regular file when opened", code="external-data")
            if info.st_size == 0:
                return np.zeros(0, np.uint8)
            with os.fdopen(os.dup(at), "rb") as file:
                return np.memmap(file, np.uint8, "r")
        except OSError as error:
            reason = "a link" if error.errno in (40, 20) else error.strerror
            raise CompileError(f"{where}: not allowed or not found ({reason})", code="external-data") from error
        finally:
            for handle in opened:
                os.close(handle)


def array(tensor: TensorProto, what: str, folder: Folder | None = None, raw: Array | None = None) -> Array:
    """The value of a tensor, read-only; `raw` holds its raw bytes where they were left out of the message.

    CompileError if type, dimensions and data do not fit together.
    """
    kind = element_dtype(tensor.data_type, what)
    dims = tuple(tensor.dims)
    check_size(dims, kind, what)
    if tensor.HasField("segment"):
        raise CompileError(f"{what}: segmented tensors are not supported", code="unsupported-type")
    sources = [name for name in _DATA if len(getattr(tensor, name))]
    if tensor.HasField("raw_data") or raw is not None:
        sources.append("raw_data")
    if tensor.data_location == TensorProto.EXTERNAL:
        sources.append("external data")
    if len(sources) > 1:
        raise CompileError(f"{what}: its data is given twice, in {' and '.join(sources)}", code="bad-tensor")
    if not sources:
        _expect(0, prod(dims), "elements", what)
        return _frozen(np.zeros(dims, kind))
    match sources[0]:
        case "external data":
            return _from_bytes(tensor, kind, dims, _external(tensor, kind, dims, folder, what), what)
        case "raw_data":
            data = np.frombuffer(tensor.raw_data, np.uint8) if raw is None else raw
            return _from_bytes(tensor, kind, dims, data, what)
        case name:
            return _from_field(tensor, kind, dims, name, what)


def _expect(found: int, expected: int, unit: str, what: str) -> None:
    if found != expected:
        raise CompileError(f"{what}: expected data of {expected} {unit}, found {found}", code="bad-tensor")


def _frozen(values: Array) -> Array:
    values = values.view()
    values.flags.writeable = False
    return values


def _bytes(tensor: TensorProto, kind: np.dtype[np.generic], dims: tuple[int, ...]) -> int:
    bits = _PACKED.get(_TYPES.Name(tensor.data_type), kind.itemsize * 8)
    return (prod(dims) * bits + 7) // 8


def _from_bytes(
    tensor: TensorProto, kind: np.dtype[np.generic], dims: tuple[int, ...], data: Array, what: str
) -> Array:
    if tensor.data_type == TensorProto.STRING:
        raise CompileError(f"{what}: strings cannot stand in raw bytes", code="bad-tensor")
    _expect(data.size, _bytes(tensor, kind, dims), "bytes", what)
    if tensor.data_type == TensorProto.BOOL:
        return _frozen((data != 0).reshape(dims))
    if _TYPES.Name(tensor.data_type) in _PACKED:
        flat = TensorProto(data_type=tensor.data_type, dims=dims, raw_data=data.tobytes())
        return _frozen(numpy_helper.to_array(flat))
    return _frozen(data.view(np.ndarray).view(kind).reshape(dims))


def _from_field(tensor: TensorProto, kind: np.dtype[np.generic], dims: tuple[int, ...], name: str, what: str) -> Array:
    if name != (right := helper.tensor_dtype_to_field(tensor.data_type)):
        raise CompileError(
            f"{what}: {type_name(tensor.data_type)} data in the field {name}, not {right}", code="bad-tensor"
        )
    if _TYPES.Name(tensor.data_type) not in _PACKED:
        expected = prod(dims) * (2 if kind.kind == "c" else 1)
        _expect(len(getattr(tensor, name)), expected, f"elements in {name}", what)
    try:
        return _frozen(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, OverflowError) as error:
        raise CompileError(f"{what}: {error}", code="bad-tensor") from error


def _external(
    tensor: TensorProto, kind: np.dtype[np.generic], dims: tuple[int, ...], folder: Folder | None, what: str
) -> Array:
    if folder is None:
        raise CompileError(f"{what}: external data, but the model is not a file in a folder", code="external-data")
    entries = {entry.key: entry.value for entry in tensor.external_data}
    numbers: dict[str, int] = {}
    for key in ("offset", "length"):
        text = entries.get(key, "0" if key == "offset" else str(_bytes(tensor, kind, dims)))
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise CompileError(f"{what}: external data {key} {printable(text)!r} is invalid", code="external-data")
        numbers[key] = int(text)
    offset, length = numbers["offset"], numbers["length"]
    data = folder.map(entries.get("location", ""))
    _expect(length, _bytes(tensor, kind, dims), "bytes (external data length)", what)
    if offset + length > data.size:
        raise CompileError(
            f"{what}: external data ends at byte {offset + length} of a file of size {data.size}", code="external-data"
        )
    return data[offset : offset + length]
