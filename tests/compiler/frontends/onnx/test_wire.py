"""Taking raw data out of a serialized model: the rest is unchanged, and malformed bytes are told."""

import numpy as np
import onnx
import pytest
from aic.compiler.frontends.onnx.wire import WireError, split
from hypothesis import given
from hypothesis import strategies as st

from .models import model, node, tensor

LARGE = np.arange(4000, dtype=np.float32)


def example() -> onnx.ModelProto:
    initializers = [tensor("a", [1, 2, 3]), tensor("b", LARGE), tensor("c", LARGE[:300])]
    return model([node("Relu"), node("Neg", ["y"], ["z"])], initializers=initializers)


def test_large_data_is_taken_out_and_can_be_put_back() -> None:
    proto = example()
    data = proto.SerializeToString()
    rest, slices = split(memoryview(data))
    assert sorted(slices) == [1, 2] and len(rest) < 1000
    found = onnx.ModelProto.FromString(rest)
    for index, where in slices.items():
        assert not found.graph.initializer[index].HasField("raw_data")
        found.graph.initializer[index].raw_data = data[where]
    assert found == proto


@given(st.integers(min_value=1, max_value=60))
def test_a_truncated_model_is_told_or_parsed_as_protobuf_would(cut: int) -> None:
    data = example().SerializeToString()[:-cut]
    try:
        rest, _ = split(memoryview(data))
    except WireError:
        return
    assert len(rest) <= len(data)


@pytest.mark.parametrize(
    "data", [b"\xff" * 11, b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x3fx", b"\x00", b"\x0b", b"\x39abc", b"\x3a\x05abc"]
)
def test_malformed_bytes_are_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        split(memoryview(data))
