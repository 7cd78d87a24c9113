"""An exported model on disk or in memory: the data of its initializers in the file, or in one beside it.

model.onnx             up to 2 GB, which protobuf allows
model.onnx + .data     above, or where asked for; each tensor at a multiple of 64 bytes (4096 from 1 MiB on)
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from onnx import ModelProto, TensorProto, helper

from ....dialects._shape import Array
from ...files import write_whole, written
from .exporter import Exported

LARGEST = (1 << 31) - (1 << 24)
"""Bytes of data above which they go into a file of their own; protobuf takes less than 2 GB for all of a model."""
PAGE, LINE = 4096, 64
SMALL = 1024
"""Bytes below which a tensor always stays in the model: shape inference wants to read axes and shapes."""


def model_proto(exported: Exported) -> ModelProto:
    """The whole model in memory; ValueError if it has more data than protobuf can hold."""
    model = ModelProto()
    model.CopyFrom(exported.model)
    size = 0
    for name, fetch in exported.tensors.items():
        array = fetch()
        size += array.nbytes
        if size > LARGEST:
            raise ValueError(f"the model's initializers take more than {LARGEST} bytes: save it with external data")
        model.graph.initializer.append(_inside(name, array))
    return model


def save_onnx(exported: Exported, path: Path, *, external: bool | None = None) -> None:
    """Write a model; with `external` the data goes to `path` + `.data`, by default if it is too large for one file."""
    if external is None:
        external = sum(fetch().nbytes for fetch in exported.tensors.values()) > LARGEST
    if not external:
        write_whole(path, model_proto(exported).SerializeToString(deterministic=True))
        return
    model = ModelProto()
    model.CopyFrom(exported.model)
    beside = path.with_name(f"{path.name}.data")
    with written(beside) as stream:
        for name, fetch in exported.tensors.items():
            array = fetch()
            make = _inside if array.nbytes < SMALL else partial(_outside, stream, beside.name)
            model.graph.initializer.append(make(name, array))
    write_whole(path, model.SerializeToString(deterministic=True))


def _inside(name: str, array: Array) -> TensorProto:
    """A tensor with its data."""
    tensor = _declared(name, array)
    tensor.raw_data = _bytes(array)
    return tensor


def _outside(stream: IO[bytes], location: str, name: str, array: Array) -> TensorProto:
    """A tensor whose data is appended to a stream."""
    tensor, data = _declared(name, array), _bytes(array)
    stream.write(b"\0" * (-stream.tell() % (PAGE if len(data) >= 1 << 20 else LINE)))
    place: Mapping[str, str | int] = {"location": location, "offset": stream.tell(), "length": len(data)}
    stream.write(data)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in place.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def _declared(name: str, array: Array) -> TensorProto:
    return TensorProto(name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype))


def _bytes(array: Array) -> bytes:
    return np.ascontiguousarray(array).tobytes()
