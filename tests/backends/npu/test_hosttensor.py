"""Arrays of a network to the machine's bytes and back."""

import ml_dtypes
import numpy as np
import pytest
from aic.backends.npu.host.tensor import (
    Entry,
    EntryError,
    arrange,
    dims_of,
    fetch,
    from_storage,
    load,
    restore,
    to_storage,
)
from hypothesis import given
from hypothesis import strategies as st


def nchw(images, channels, rows, columns):
    return ((0, 1, images),), ((3, 1, channels),), ((1, 1, rows),), ((2, 1, columns),)


def test_blocks_of_channels_lie_one_after_the_other():
    entry = Entry("x", 0, (1, 1, 2, 3), "i8", lanes=2, zero_point=7)
    array = np.array([[[[1, 2, 3], [4, 5, 6]]]], np.int8)
    assert to_storage(array, entry).view(np.int8).tolist() == [1, 2, 4, 5, 3, 7, 6, 7]


def test_padding_holds_the_zero_point():
    entry = Entry("x", 0, (1, 1, 1, 1), "i8", "nhwc", pad=(1, 0, 0, 1), zero_point=-128)
    assert to_storage(np.array([[[[5]]]], np.int8), entry).view(np.int8).tolist() == [-128, -128, 5, -128]


@given(
    shape=st.tuples(*[st.integers(1, 5)] * 3, st.integers(1, 40)),
    pad=st.tuples(*[st.integers(0, 3)] * 4),
    lanes=st.sampled_from([4, 8, 16, 32]),
    layout=st.sampled_from(["nc1hwc0", "nhwc"]),
    dtype=st.sampled_from(["i8", "i16", "bf16"]),
)
def test_storage_round_trips(shape, pad, lanes, layout, dtype):
    entry = Entry("x", 0, shape, dtype, layout, lanes, pad)
    array = np.random.default_rng(0).integers(-100, 100, shape).astype(entry.type)
    data = to_storage(array, entry)
    assert len(data) == entry.bytes
    assert np.array_equal(from_storage(data, entry), array)


@pytest.mark.parametrize(
    ("dims", "shape"),
    [
        (nchw(2, 3, 4, 5), (2, 4, 5, 3)),
        ((((0, 1, 2),), ((2, 1, 7),), ((3, 1, 3),)), (2, 1, 7, 3)),
        (((), ((3, 8, 4),), ((2, 1, 6),), ((3, 1, 8),)), (1, 1, 6, 32)),
        (((), ((3, 32, 4),), ((2, 1, 6),), ((3, 1, 8),)), (1, 1, 6, 128)),
        ((((1, 1, 4), (2, 1, 5)), ((3, 1, 3),)), (1, 4, 5, 3)),
        ((), (1, 1, 1, 1)),
    ],
)
def test_an_array_is_arranged_and_restored(dims, shape):
    entry = Entry("x", 0, shape, "i8", dims=dims, zero_point=5)
    array = np.arange(int(np.prod(entry.full))).reshape(entry.full)
    made = arrange(array, entry)
    assert made.shape == shape
    assert np.array_equal(restore(made, entry), array)


def test_dimensions_cut_in_two_are_those_of_one_axis():
    dims = dims_of((1, 6, 4, 8), ((0,), (), (1,), (2, 3)), (1, 6, 32))
    assert dims == ((), ((2, 1, 6),), ((3, 8, 4), (3, 1, 8)))
    with pytest.raises(EntryError, match="cannot be taken"):
        dims_of((6, 4), ((), (), (0,), (1,)), (8, 3))


def test_what_an_array_does_not_have_is_the_zero_point():
    entry = Entry("x", 0, (1, 1, 2, 4), "i8", at=(0, 0, 1, 1), dims=(((3, 2, 2),),), zero_point=9)
    assert arrange(np.array([1, 2]), entry)[0, 0].tolist() == [[9, 9, 9, 9], [9, 1, 9, 2]]


def test_a_float_is_quantised_and_comes_back_within_half_a_step():
    entry = Entry("x", 16, (1, 4, 5, 3), "i8", lanes=32, scale=0.25, zero_point=-3, dims=nchw(1, 3, 4, 5))
    array = np.random.default_rng(1).uniform(-20, 20, (1, 3, 4, 5)).astype(np.float32)
    segment = np.zeros(16 + entry.bytes, np.uint8)
    load(array, entry, segment)
    assert np.abs(fetch(segment, entry, np.dtype(np.float32)) - array).max() <= 0.125


def test_uint8_is_stored_flipped():
    entry = Entry("x", 0, (1, 1, 1, 4), "i8", "nhwc", unsigned=True)
    segment = np.zeros(4, np.uint8)
    load(np.array([[[[0, 127, 128, 255]]]], np.uint8), entry, segment)
    assert segment.view(np.int8).tolist() == [-128, -1, 0, 127]
    assert fetch(segment, entry).tolist() == [[[[0, 127, 128, 255]]]]


def test_bf16_rounds_to_nearest():
    entry = Entry("x", 0, (1, 1, 1, 2), "bf16", "nhwc", graph="float32")
    array = np.array([[[[1.00390625, 3.0]]]], np.float32)
    segment = np.zeros(4, np.uint8)
    load(array, entry, segment)
    assert np.array_equal(fetch(segment, entry), array.astype(ml_dtypes.bfloat16).astype(np.float32))


def test_an_entry_survives_its_json():
    dims = nchw(1, 3, 4, 5)
    entry = Entry("x", 64, (1, 4, 5, 3), "i8", "nc1hwc0", 32, (1, 1, 0, 0), 0.5, -4, True, (0, 0, 0, 0), dims, "uint8")
    assert Entry.read(entry.json()) == entry


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"shape": [1, 2]}, "shape"),
        ({"shape": [1, 2, 3, 0]}, "shape"),
        ({"shape": [1 << 20, 1 << 20, 1, 1]}, "shape"),
        ({"dtype": "f8"}, "type"),
        ({"layout": "chw"}, "layout"),
        ({"offset": -1}, "offset"),
        ({"pad": [1, 2, 3, "4"]}, "pad"),
        ({"scale": float("nan")}, "number"),
        ({"scale": 1e-300}, "scale 1e-300"),
        ({"scale": 1e300}, "scale 1e.300"),
        ({"dims": [[[0, 1, 2]]]}, "outside"),
        ({"dims": [[[4, 1, 1]]]}, "factors"),
        ({"dims": [[[0, 1]]]}, "factor"),
        ({"dims": 7}, "dimensions"),
        ({"name": 3}, "name"),
    ],
)
def test_a_senseless_entry_is_refused(change, told):
    good = Entry("x", 0, (1, 1, 1, 1), "i8").json()
    with pytest.raises(EntryError, match=told):
        Entry.read(good | change)


@pytest.mark.parametrize(("columns", "right"), [(12, [9, 9]), (9, [])])
def test_a_packed_image_has_the_columns_that_its_kernel_reads(columns, right):
    packed = {"packed": [3, 2, 1, columns], "dims": nchw(1, 1, 2, 9)}
    entry = Entry.read(Entry("x", 0, (1, 2, 5, 3), "i8", "nhwc", zero_point=9).json() | packed)
    array = np.arange(18, dtype=np.int8).reshape(1, 1, 2, 9)
    segment = np.zeros(entry.bytes, np.uint8)
    load(array, entry, segment)
    kept = columns - 1
    rows = [[9, *range(9)[:kept], *right], [9, *range(9, 18)[:kept], *right]]
    assert segment.view(np.int8).reshape(2, columns).tolist() == rows


def test_an_array_of_another_shape_is_refused():
    entry = Entry("x", 0, (1, 4, 5, 3), "i8", dims=nchw(1, 3, 4, 5))
    with pytest.raises(EntryError, match=r"expected shape \[1, 3, 4, 5\]"):
        load(np.zeros((1, 3, 4, 4), np.float32), entry, np.zeros(100, np.uint8))
