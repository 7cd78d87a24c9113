"""The JSON sections of a container: semaphores, segments, debug, names; written with sorted keys, read with suspicion.

read_sems(b'[["a_full", "lda", "mxu", 0]]') -> [("a_full", "lda", "mxu", 0)];  ContainerError names the field
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np

from ....dialects._shape import Array
from ....dialects.npu._isa import QUEUES, READ_ONLY, SEGMENT_ROLES, SEGMENTS, SEMAPHORES
from ..code import Mark
from ..host.tensor import Entry as TensorEntry
from ..host.tensor import EntryError
from ..program import Program, SegmentInfo

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
VALUE = ("node", "graph", "at", "dims")
"""Keys of what stands in a layer's tensor."""
LARGEST = 1 << 32
"""Bytes that a program's segments may have together."""


class ContainerError(ValueError):
    """A container that cannot be read, or a program that cannot be written as one."""


def write_json(value: object) -> bytes:
    """Canonical JSON: sorted keys, no blanks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def read_json(data: bytes, section: str) -> object:
    """The value; ContainerError if it is no JSON."""
    try:
        return json.loads(data.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ContainerError(f"section {section}: invalid JSON: {error}") from None


def segments_json(segments: Sequence[SegmentInfo], align: int) -> tuple[list[dict[str, object]], bytes]:
    """The description of the segments, and their data one after the other."""
    found: list[dict[str, object]] = []
    image = bytearray()
    for s in segments:
        place = None
        if s.data is not None:
            image += bytes(-len(image) % align)
            raw = np.ascontiguousarray(s.data).reshape(-1).view(np.uint8)
            place = {"offset": len(image), "size": int(raw.size)}
            image += raw.data
        entry = {"id": s.id, "name": s.name, "role": s.role, "bytes": s.bytes, "writable": s.writable}
        found.append({**entry, "data": place, "tensors": s.tensors})
    return found, bytes(image)


def debug_json(program: Program) -> dict[str, object]:
    """What marks stand for, and tensors."""
    marks = [
        {
            "id": n,
            "layer": m.layer,
            "nodes": list(m.nodes),
            "kind": m.kind,
            "macs": m.macs,
            "bytes": m.bytes,
            "out": m.out,
        }
        for n, m in enumerate(program.marks)
    ]
    return {"marks": marks, "tensors": program.tensors}


def names_json(program: Program) -> dict[str, str]:
    """Descriptor names by index."""
    return {str(index): name for index, name in sorted(program.names.items())}


def _text(value: object, where: str, *, name: bool = False) -> str:
    if not isinstance(value, str) or len(value) > 65536 or (name and not NAME.fullmatch(value)):
        raise ContainerError(f"{where}: expected {'a name' if name else 'a text'}, found {_short(value)}")
    return value


def _whole(value: object, where: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ContainerError(f"{where}: expected an integer from {low} to {high}, found {_short(value)}")
    return value


def _short(value: object) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 1 << 64 else "a huge number"
    return text if len(text) <= 60 else text[:57] + "..."


def _list(value: object, where: str, most: int) -> list[object]:
    if not isinstance(value, list) or len(value) > most:
        raise ContainerError(f"{where}: expected a list of at most {most}, found {_short(value)}")
    return value


def _table(value: object, where: str, keys: Sequence[str] | None = None) -> Mapping[str, object]:
    if not isinstance(value, dict) or (keys is not None and set(value) != set(keys)):
        wanted = "a table" + (f" of {', '.join(keys)}" if keys is not None else "")
        raise ContainerError(f"{where}: expected {wanted}, found {_short(value)}")
    return value


def read_sems(data: bytes) -> list[tuple[str, str, str, int]]:
    """Name, producer, consumer, initial count of each semaphore."""
    found: list[tuple[str, str, str, int]] = []
    for number, entry in enumerate(_list(read_json(data, "sems"), "section sems", SEMAPHORES), 1):
        where = f"semaphore {number}"
        parts = _list(entry, where, 4)
        if len(parts) != 4 or parts[1] not in QUEUES or parts[2] not in QUEUES or parts[1] == parts[2]:
            raise ContainerError(f"{where}: expected [name, queue, another queue, count], found {_short(entry)}")
        name, producer, consumer = (_text(p, where, name=True) for p in parts[:3])
        if name in {s[0] for s in found}:
            raise ContainerError(f"{where}: the name {name} is taken")
        found.append((name, producer, consumer, _whole(parts[3], where, 0, 255)))
    return found


def read_segments(data: bytes, image: Array) -> list[SegmentInfo]:
    """The segments; `image` (uint8) is the data of all."""
    found: list[SegmentInfo] = []
    for entry in _list(read_json(data, "segments"), "section segments", SEGMENTS):
        keys = ("id", "name", "role", "bytes", "writable", "data", "tensors")
        where = f"segment entry {len(found)}"
        parts = _table(entry, where, keys)
        number = _whole(parts["id"], f"{where}: id", 0, SEGMENTS - 1)
        where = f"segment {number}"
        name = _text(parts["name"], f"{where}: name", name=True)
        role, writable = parts["role"], parts["writable"]
        if role not in SEGMENT_ROLES or not isinstance(role, str):
            raise ContainerError(f"{where}: expected a role of {', '.join(SEGMENT_ROLES)}, found {_short(role)}")
        if not isinstance(writable, bool) or (writable and role in READ_ONLY):
            raise ContainerError(f"{where}: {role} with writable = {_short(writable)}")
        if any(s.id == number or s.name == name for s in found):
            raise ContainerError(f"{where}: its number or name {name} is taken")
        size = _whole(parts["bytes"], f"{where}: bytes", 0, LARGEST)
        if size + sum(s.bytes for s in found) > LARGEST:
            raise ContainerError(f"{where}: size {size}; the segments have more than {LARGEST} bytes")
        tensors = _tensors(parts["tensors"], where, size)
        found.append(
            SegmentInfo(number, name, role, size, writable, _loaded(parts["data"], where, size, image), tensors)
        )
    return found


def _loaded(value: object, where: str, size: int, image: Array) -> Array | None:
    """The part of the data that a segment of `size` bytes begins with; None where it says null."""
    if value is None:
        return None
    place = _table(value, f"{where}: data", ("offset", "size"))
    at = _whole(place["offset"], f"{where}: data offset", 0, image.size)
    end = at + _whole(place["size"], f"{where}: data size", 0, size)
    if end > image.size:
        raise ContainerError(f"{where}: data ends at {end}, section data has {image.size} bytes")
    return image[at:end]


def _tensors(value: object, where: str, size: int) -> list[dict[str, object]]:
    """Entries of a segment's tensors, as `hosttensor.Entry` reads them."""
    found: list[dict[str, object]] = []
    for entry in _list(value, f"{where}: tensors", 65536):
        parts = dict(_table(entry, f"{where}: tensor"))
        try:
            tensor = TensorEntry.read(parts)
        except EntryError as error:
            raise ContainerError(f"{where}: {error}") from None
        if not 0 <= tensor.offset <= size:
            raise ContainerError(f"{where}: tensor {tensor.name} at {tensor.offset}, the segment has {size} bytes")
        found.append(parts)
    return found


def read_debug(data: bytes) -> tuple[list[Mark], list[dict[str, object]]]:
    """What marks stand for, and tensors."""
    parts = _table(read_json(data, "debug"), "section debug", ("marks", "tensors"))
    marks: list[Mark] = []
    for number, entry in enumerate(_list(parts["marks"], "section debug: marks", 65536)):
        where = f"mark {number}"
        mark = _table(entry, where, ("id", "layer", "nodes", "kind", "macs", "bytes", "out"))
        _whole(mark["id"], f"{where}: id", number, number)
        layer, kind, out = (_text(mark[key], f"{where}: {key}") for key in ("layer", "kind", "out"))
        nodes = (_text(node, f"{where}: node") for node in _list(mark["nodes"], f"{where}: nodes", 65536))
        macs, moved = (_whole(mark[key], f"{where}: {key}", 0, 1 << 62) for key in ("macs", "bytes"))
        marks.append(Mark(layer, tuple(nodes), kind, macs, moved, out))
    tensors: list[dict[str, object]] = []
    for entry in _list(parts["tensors"], "section debug: tensors", 65536):
        tensor = dict(_table(entry, "section debug: tensor"))
        name = _text(tensor.get("name"), "section debug: tensor: name")
        values = _list(tensor.pop("values", []), f"section debug: tensor {name}: values", 65536)
        made = [dict(_table(v, f"section debug: tensor {name}: value", VALUE)) for v in values]
        if not all(_is_plain(v) for v in (*tensor.values(), *(part for value in made for part in value.values()))):
            raise ContainerError(f"section debug: tensor {name}: expected numbers, texts and lists of them")
        tensors.append(tensor | ({"values": made} if made else {}))
    return marks, tensors


def _is_plain(value: object, depth: int = 3) -> bool:
    match value:
        case None | bool() | str():
            return True
        case int() | float():
            return math.isfinite(value) and abs(value) < 1 << 64
        case list():
            return depth > 0 and all(_is_plain(v, depth - 1) for v in value)
        case _:
            return False


def read_names(data: bytes, entries: int) -> dict[int, str]:
    """Descriptor names by index."""
    found: dict[int, str] = {}
    for key, value in _table(read_json(data, "names"), "section names").items():
        if not key.isdecimal() or len(key) > 6 or int(key) >= entries or str(int(key)) != key:
            raise ContainerError(f"section names: no descriptor {_short(key)}")
        found[int(key)] = _text(value, "section names", name=True)
    if len(set(found.values())) < len(found):
        raise ContainerError("section names: a name is given twice")
    return found
