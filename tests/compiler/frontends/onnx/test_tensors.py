"""Tensors of a model: every encoding of data, sizes that do not fit, and external data that tries to get out."""

import os
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from aic.compiler.errors import CompileError
from aic.compiler.frontends.onnx.tensors import Folder, array, check_size
from onnx import TensorProto, helper, numpy_helper

KINDS = [
    "float32",
    "float64",
    "float16",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
]


@pytest.mark.parametrize("kind", [*KINDS, "bfloat16"])
def test_raw_and_typed_data_are_read_alike(kind: str) -> None:
    dtype = np.dtype(getattr(ml_dtypes, kind, kind))
    values = np.array([[0, 1, 2], [3, 100, 1]]).astype(dtype)
    raw = numpy_helper.from_array(values)
    plain = [v.item() for v in (values.astype(np.float32) if kind == "bfloat16" else values).reshape(-1)]
    typed = helper.make_tensor("t", raw.data_type, values.shape, plain)
    for proto in (raw, typed):
        found = array(proto, "t")
        assert found.dtype == dtype and not found.flags.writeable
        np.testing.assert_array_equal(found.astype(np.float64), values.astype(np.float64))


def raw(dims: list[int], size: int, kind: int = TensorProto.FLOAT) -> TensorProto:
    return TensorProto(name="w", data_type=kind, dims=dims, raw_data=bytes(size))


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (raw([2, 3], 20), "expected data of 24 bytes, found 20"),
        (raw([2, 3], 400), "found 400"),
        (TensorProto(data_type=1, dims=[2, 3]), "expected data of 0 elements|found 0|6"),
        (TensorProto(data_type=1, dims=[2, 3], float_data=[0] * 5), "expected data of 6 elements"),
        (TensorProto(data_type=1, dims=[2, 3], float_data=[0] * 6, raw_data=bytes(24)), "given twice"),
        (TensorProto(data_type=1, dims=[2, 3], int64_data=[0] * 6), "int64_data, not float_data"),
        (raw([-2, -3], 24), "negative dimension"),
        (raw([1 << 40], 0), "takes"),
        (raw([1 << 32, 1 << 32], 0), "takes"),
        (raw([2], 8, 0), "undefined"),
        (raw([2], 8, 77), "unknown type 77"),
        (raw([5], 1, TensorProto.INT4), "expected data of 3 bytes"),
    ],
)
def test_data_that_does_not_fit_is_refused(proto: TensorProto, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        array(proto, "w")


def test_bools_are_0_or_1_whatever_the_bytes_hold() -> None:
    found = array(TensorProto(data_type=TensorProto.BOOL, dims=[3], raw_data=b"\x02\xff\x00"), "w")
    np.testing.assert_array_equal(found.view(np.uint8), [1, 1, 0])


def test_an_empty_tensor_needs_no_data() -> None:
    assert array(TensorProto(data_type=1, dims=[0, 3]), "w").shape == (0, 3)


def test_the_size_is_checked_without_overflow() -> None:
    with pytest.raises(CompileError):
        check_size((1 << 62, 1 << 62), np.dtype(np.float32), "w")


def external(location: str, **entries: object) -> TensorProto:
    proto = TensorProto(name="w", data_type=1, dims=[3, 4], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        proto.external_data.add(key=key, value=str(value))
    return proto


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """model/ with w.bin (64 bytes) and links; secret.bin beside it."""
    home = tmp_path / "model"
    (home / "sub").mkdir(parents=True)
    (home / "w.bin").write_bytes(np.arange(16, dtype=np.float32).tobytes())
    (home / "sub" / "w.bin").write_bytes(bytes(48))
    (tmp_path / "secret.bin").write_bytes(bytes(48))
    (home / "link").symlink_to(tmp_path / "secret.bin")
    (home / "dir").symlink_to(tmp_path)
    (home / "null").symlink_to("/dev/zero")
    os.link(tmp_path / "secret.bin", home / "hard")
    os.mkfifo(home / "pipe")
    return Folder(home)


def test_external_data_is_mapped(folder: Folder) -> None:
    found = array(external("w.bin", offset=16, length=48), "w", folder)
    np.testing.assert_array_equal(found.reshape(-1), np.arange(4, 16))
    assert not found.flags.owndata and not found.flags.writeable
    assert array(external("./sub/w.bin"), "w", folder).shape == (3, 4)


@pytest.mark.parametrize(
    "location",
    ["../secret.bin", "sub/../../secret.bin", "/etc/passwd", "link", "dir/secret.bin", "null", "hard", "pipe", "sub",
     "", "nothere.bin", "..\\secret.bin", "file:///etc/passwd", "w.bin\0/../../secret.bin", "sub//w.bin"],
)  # fmt: skip
def test_external_data_outside_the_folder_is_refused(folder: Folder, location: str) -> None:
    with pytest.raises(CompileError, match="external data location"):
        array(external(location), "w", folder)


@pytest.mark.parametrize(
    "entries",
    [{"offset": -8}, {"length": -1}, {"length": 1 << 50}, {"offset": 1000}, {"offset": "abc"}, {"length": 12}],
)
def test_external_data_of_wrong_extent_is_refused(folder: Folder, entries: dict[str, object]) -> None:
    with pytest.raises(CompileError, match="external data"):
        array(external("w.bin", **entries), "w", folder)


def test_a_model_without_a_folder_has_no_external_data() -> None:
    with pytest.raises(CompileError, match="not a file in a folder"):
        array(external("w.bin"), "w")
