"""Test vectors on disk: written and read back, named or not, and what is no array."""

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from aic.compiler.errors import UsageError
from aic.compiler.frontends.onnx.model import Port
from aic.compiler.vectors import parse_value, random_inputs, read_arrays, write_arrays

ARRAYS = {"a/b:0": np.arange(6, dtype=np.float32).reshape(2, 3), "file": np.array(3), "../x": np.array([True])}


@pytest.mark.parametrize("name", ["v.npz", "folder"])
def test_arrays_are_read_as_they_were_written(tmp_path: Path, name: str) -> None:
    write_arrays(tmp_path / name, ARRAYS)
    found = read_arrays(tmp_path / name, "output")
    assert list(found) == list(ARRAYS)
    for key, value in ARRAYS.items():
        np.testing.assert_array_equal(found[key], value)
    assert {p.name for p in tmp_path.iterdir()} == {name}


def test_a_single_array_and_narrow_floats(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.npy", {"x": ARRAYS["file"]})
    assert read_arrays(tmp_path / "a.npy")["0"] == 3
    write_arrays(tmp_path / "b.npz", {"x": np.array([1.5], ml_dtypes.bfloat16)})
    assert read_arrays(tmp_path / "b.npz")["x"] == np.float32(1.5)


def test_what_is_no_array_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.npz").write_bytes(b"x")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object))
    for name in ("bad.npz", "objects.npy", "none.npy"):
        with pytest.raises(UsageError):
            read_arrays(tmp_path / name)
    with pytest.raises(UsageError, match="one array"):
        write_arrays(tmp_path / "c.npy", ARRAYS)
    with pytest.raises(UsageError, match=r"found \.txt"):
        write_arrays(tmp_path / "c.txt", ARRAYS)


def test_values_are_read_as_the_inputs_type_and_shape() -> None:
    assert parse_value("1,2", Port("x", 7, (2,))).tolist() == [1, 2]
    assert parse_value("5", Port("x", 7, ())).shape == ()
    assert parse_value("1,2,3,4", Port("x", 1, (2, 2))).dtype == np.float32
    with pytest.raises(UsageError, match="'a'"):
        parse_value("a", Port("x", 7, (1,)))


def test_random_inputs_depend_on_seed_and_name_alone() -> None:
    x, y = Port("x", 1, (3,)), Port("y", 7, (50,))
    shapes = {"x": (3,), "y": (50,)}
    both = random_inputs([x, y], shapes, 0)
    np.testing.assert_array_equal(random_inputs([x], shapes, 0)["x"], both["x"])
    assert not np.array_equal(random_inputs([x], shapes, 1)["x"], both["x"])
    assert set(both["y"].tolist()) == {0, 1}
