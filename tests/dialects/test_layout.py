"""Layouts against numpy: strides of views, orders, and packed arrays."""

from math import prod

import numpy as np
import pytest
from aic.dialects import _layout as layout
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import AffineMapAttr, NoneAttr, StridedLayoutAttr, TensorType, f32
from xdsl.ir.affine import AffineMap

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=5)


def typed(shape, encoding=None):
    return TensorType(f32, shape, encoding or NoneAttr())


def packed(shape, function):
    return typed(shape, AffineMapAttr(AffineMap.from_callable(function)))


def test_row_major_is_no_layout():
    assert layout.ordered((2, 3, 4, 5), (0, 1, 2, 3)) == NoneAttr()
    assert layout.ordered((2, 1, 4, 5), (1, 0, 2, 3)) == NoneAttr()
    assert layout.strides_of(typed((2, 3))) == (0, (3, 1))


def test_channels_last_has_one_spelling():
    assert layout.ordered((1, 3, 4, 5), (0, 2, 3, 1)) == StridedLayoutAttr([60, 1, 15, 3])
    assert layout.ordered((1, 3, 4, 5), (2, 3, 0, 1)) == StridedLayoutAttr([60, 1, 15, 3])
    assert layout.ordered((2, 8, 1, 1), (0, 2, 3, 1)) == NoneAttr()


def test_dense_and_contiguous():
    last = typed((2, 3, 4, 5), layout.ordered((2, 3, 4, 5), (0, 2, 3, 1)))
    assert layout.is_dense(last) and not layout.is_contiguous(last)
    assert layout.is_contiguous(typed((2, 3), StridedLayoutAttr([3, 1], 6)))
    assert not layout.is_dense(typed((2, 3), StridedLayoutAttr([4, 1])))
    assert layout.order_of(last) == (0, 2, 3, 1)


def test_an_affine_map_has_no_strides():
    assert layout.strides_of(packed((8, 6), lambda n, k: (n // 4, k, n % 4))) is None


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_reshape_follows_numpy(data):
    shape = data.draw(shapes)
    perm = data.draw(st.permutations(range(len(shape))))
    base = np.arange(prod(shape), dtype=np.int32).reshape([shape[p] for p in perm]).transpose(np.argsort(perm))
    steps = data.draw(st.lists(st.integers(1, 2), min_size=len(shape), max_size=len(shape)))
    view = base[tuple(slice(None, None, s) for s in steps)]
    wanted = data.draw(st.permutations([*factors(view.size), 1]))
    found = layout.reshaped(view.shape, tuple(s // 4 for s in view.strides), wanted)
    other = view.view()
    try:
        other.shape = tuple(wanted)
    except AttributeError:
        assert found is None
    else:
        assert found is not None
        shown = np.lib.stride_tricks.as_strided(view, wanted, [4 * s for s in found])
        np.testing.assert_array_equal(shown, view.reshape(wanted))


def factors(n):
    found, p = [], 2
    while n > 1:
        while n % p == 0:
            found.append(p)
            n //= p
        p += 1
    return found


def test_slices_and_transposes_move_offset_and_strides():
    array = np.arange(120).reshape(4, 5, 6)
    offset, strides = layout.sliced(0, (30, 6, 1), (1, 2, 0), (2, 1, 3))
    view = array[1::2, 2:, ::3]
    assert offset == view[0, 0, 0] and strides == tuple(s // 8 for s in view.strides)
    assert layout.transposed((30, 6, 1), (2, 0, 1)) == (1, 30, 6)


@pytest.mark.parametrize(
    "function",
    [
        lambda n, k: (n // 4, k, n % 4),
        lambda n, k: (n // 4, k // 2, n % 4, k % 2),
        lambda n, k: (k, n),
        lambda n, k: (n // 8, k, (n // 2) % 4, n % 2),
        lambda n, k: (n + 2 * k, k),
    ],
)
def test_packing_places_every_element_at_its_index(function):
    array = np.arange(7 * 5, dtype=np.float32).reshape(7, 5) + 1
    type = packed((7, 5), function)
    shape, lay = layout.physical(type)
    stored = lay(array)
    assert stored.shape == shape and stored.size == layout.footprint(type)
    map = AffineMap.from_callable(function)
    for index in np.ndindex(7, 5):
        assert stored[map.eval(index, [])] == array[index]
    assert np.count_nonzero(stored) == array.size


def test_strides_are_laid_out_flat():
    type = typed((2, 3), StridedLayoutAttr([1, 4], 1))
    shape, lay = layout.physical(type)
    assert shape == (11,)
    assert lay(np.array([[1, 2, 3], [4, 5, 6]])).tolist() == [0, 1, 4, 0, 0, 2, 5, 0, 0, 3, 6]
