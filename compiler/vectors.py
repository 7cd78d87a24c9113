"""Test vectors: arrays by name from and to `.npz`, `.npy` and ONNX's `test_data_set_N` folders; random ones."""

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError
from numpy.lib.format import write_array
from onnx import TensorProto, numpy_helper

from ..dialects._shape import Array
from .errors import CompileError, UsageError
from .files import written
from .frontends.onnx.model import Port
from .frontends.onnx.tensors import array, element_dtype
from .weights import random_array


def read_arrays(path: Path, kind: str = "input") -> dict[str, Array]:
    """The arrays of a file or folder; of a folder, those of `kind` (`input` or `output`). An unnamed one (of an
    `.npy`, or a tensor without a name) is called by its position, "0", "1", ..; UsageError if nothing can be read."""
    if not path.exists():
        raise UsageError(f"{path}: no such file", code="no-file")
    try:
        if path.is_dir():
            files = sorted(path.glob(f"{kind}_*.pb"), key=_number)
            return dict(_tensor(file, str(index)) for index, file in enumerate(files))
        if path.suffix == ".pb":
            return dict([_tensor(path, "0")])
        found = np.load(path, allow_pickle=False)
        return {"0": found} if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, DecodeError) as error:
        raise UsageError(f"{path}: cannot be read as arrays: {error}", code="bad-arrays") from error


def _number(file: Path) -> int:
    found = re.search(r"_(\d+)\.pb$", file.name)
    return int(found[1]) if found else 0


def _tensor(file: Path, position: str) -> tuple[str, Array]:
    proto = TensorProto.FromString(file.read_bytes())
    return proto.name or position, array(proto, file.name)


def write_arrays(path: Path, arrays: Mapping[str, Array], kind: str = "output") -> None:
    """Write arrays as `.npz`, `.npy` (a single one), or, without a suffix, as `test_data_set` files of a folder."""
    match path.suffix:
        case ".npz":
            with written(path) as stream, zipfile.ZipFile(stream, "w") as archive:
                for name, value in arrays.items():
                    with archive.open(f"{name}.npy", "w") as entry:
                        write_array(entry, _plain(value), allow_pickle=False)
        case ".npy":
            if len(arrays) != 1:
                raise UsageError(f"{path}: an .npy holds one array, there are {len(arrays)}; write an .npz")
            with written(path) as stream:
                np.save(stream, _plain(next(iter(arrays.values()))))
        case "":
            path.mkdir(parents=True, exist_ok=True)
            for index, (name, value) in enumerate(arrays.items()):
                with written(path / f"{kind}_{index}.pb") as stream:
                    stream.write(numpy_helper.from_array(value, name).SerializeToString())
        case other:
            raise UsageError(f"{path}: expected .npz, .npy or a folder, found {other}", code="bad-arrays")


def _plain(value: Array) -> Array:
    """numpy's files know no bfloat16: it is written as float32, which holds it exactly."""
    return value.astype(np.float32) if value.dtype.kind == "V" else value


def random_inputs(ports: Sequence[Port], shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Array]:
    """Inputs that depend on the seed and their names alone: floats normal, integers 0 or 1 (valid as most indices)."""
    return {p.name: random_input(p.name, element_dtype(p.elem_type, p.name), shapes[p.name], seed) for p in ports}


def random_input(name: str, kind: np.dtype[np.generic], dims: tuple[int, ...], seed: int) -> Array:
    """One of `random_inputs`."""
    made = random_array(dims, kind, (seed, name))
    return np.bitwise_and(made.astype(np.int64), 1).astype(kind) if kind.kind in "iu" else made


def parse_value(text: str, port: Port) -> Array:
    """`@file` or `1,2,3` or `5` as a value for an input; its shape is the declared one where that is static."""
    kind = element_dtype(port.elem_type, port.name)
    if text.startswith("@"):
        (value,) = list(read_arrays(Path(text[1:])).values())[:1] or [None]
        if value is None:
            raise UsageError(f"{text[1:]}: no array in it", code="bad-arrays")
        return value
    try:
        flat = np.array([float(v) if kind.kind not in "iub" else int(v) for v in text.split(",") if v]).astype(kind)
    except ValueError as error:
        raise UsageError(f"input {port.name!r}: {text!r}: {error}", code="bad-arrays") from error
    dims = port.dims
    if dims is not None and len(dims) != 1 and all(isinstance(d, int) for d in dims):
        try:
            return flat.reshape([d for d in dims if isinstance(d, int)])
        except ValueError as error:
            raise CompileError(f"input {port.name!r}: {text!r}: {error}", code="bad-arrays") from error
    return flat
