"""Takes large raw tensor data out of a serialized model before protobuf parses it, so that weights are never copied.

    bytes of ModelProto --split--> ModelProto without them + where in the bytes each initializer's raw_data lies

Only lengths are rewritten: model.graph (7) . initializer (5) . raw_data (9).
The format: protobuf.dev/programming-guides/encoding
"""

from collections.abc import Iterator
from dataclasses import dataclass

GRAPH, INITIALIZER, RAW_DATA = 7, 5, 9
LARGE = 1024
"""Bytes above which raw data is taken out."""


class WireError(ValueError):
    """The bytes are not a protobuf message."""


@dataclass(frozen=True)
class Field:
    """One field of a message: `begin` is where its tag starts, `data` where its content does."""

    number: int
    kind: int
    begin: int
    data: int
    end: int


def split(buffer: memoryview) -> tuple[bytes, dict[int, slice]]:
    """The message without large raw data, and initializer index -> the slice of `buffer` that holds its data.

    WireError if the outer messages are malformed.
    """
    slices: dict[int, slice] = {}
    pieces: list[bytes | memoryview] = []
    count = 0
    for part in fields(buffer, 0, len(buffer)):
        if part.number != GRAPH or part.kind != 2:
            pieces.append(buffer[part.begin : part.end])
            continue
        graph: list[bytes | memoryview] = []
        for inner in fields(buffer, part.data, part.end):
            if inner.number != INITIALIZER or inner.kind != 2:
                graph.append(buffer[inner.begin : inner.end])
                continue
            tensor = _without_data(buffer, inner, count, slices)
            graph += [_prefix(INITIALIZER, sum(map(len, tensor))), *tensor]
            count += 1
        pieces += [_prefix(GRAPH, sum(map(len, graph))), *graph]
    return b"".join(pieces), slices


def _without_data(buffer: memoryview, tensor: Field, index: int, slices: dict[int, slice]) -> list[bytes | memoryview]:
    kept: list[bytes | memoryview] = []
    for part in fields(buffer, tensor.data, tensor.end):
        if part.number == RAW_DATA and part.kind == 2 and part.end - part.data > LARGE:
            slices[index] = slice(part.data, part.end)
        else:
            kept.append(buffer[part.begin : part.end])
    return kept


def fields(buffer: memoryview, begin: int, end: int) -> Iterator[Field]:
    """The fields of the message in buffer[begin:end], in order; WireError if one is malformed or runs past the end."""
    while begin < end:
        tag, at = _varint(buffer, begin, end)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise WireError("field number 0")
        data = at
        match kind:
            case 0:
                _, stop = _varint(buffer, at, end)
            case 1:
                stop = at + 8
            case 2:
                length, data = _varint(buffer, at, end)
                stop = data + length
            case 5:
                stop = at + 4
            case _:
                raise WireError(f"wire type {kind}")
        if stop > end:
            raise WireError("truncated")
        yield Field(number, kind, begin, data, stop)
        begin = stop


def _varint(buffer: memoryview, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = buffer[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise WireError("truncated" if at >= end else "a number of more than 64 bits")


def _prefix(number: int, length: int) -> bytes:
    out = bytearray([number << 3 | 2])
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    out.append(length)
    return bytes(out)
