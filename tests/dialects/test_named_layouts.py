"""The layouts that machines have names for, as index maps: each logical element has a place of its own, and the places
in between are padding.

NCHW -> (n, c, h, w)   NHWC -> (n, h, w, c)   NC4HW4 -> (n, c / 4, h, w, c mod 4)   NC1HWC0: blocks of 16 (f16), 32 (i8)
fractal of a matrix in blocks of 16 x 16, order of the blocks then order within: zZ, nZ (weights), zN (= NZ, results)
"""

from collections.abc import Callable
from math import prod

import numpy as np
import pytest
from aic.dialects import _layout as layout
from xdsl.dialects.builtin import AffineMapAttr, TensorType, f32
from xdsl.ir.affine import AffineExpr, AffineMap

Exprs = tuple[AffineExpr, ...]


def blocked(size: int) -> Callable[..., Exprs]:
    """Channels in blocks: NCHWc."""
    return lambda n, c, h, w: (n, c // size, h, w, c % size)


IMAGES: dict[str, Callable[..., Exprs]] = {
    "NCHW": lambda n, c, h, w: (n, c, h, w),
    "NHWC": lambda n, c, h, w: (n, h, w, c),
    "NC4HW4": blocked(4),
    "NC8HW8": blocked(8),
    "NC1HWC0 of 16": blocked(16),
    "NC1HWC0 of 32": blocked(32),
    "NC64HW64": blocked(64),
    "weights OIHW16i16o": lambda o, i, h, w: (o // 16, i // 16, h, w, i % 16, o % 16),
}
MATRICES: dict[str, Callable[..., Exprs]] = {
    "ND": lambda m, n: (m, n),
    "zZ": lambda m, n: (m // 16, n // 16, m % 16, n % 16),
    "nZ": lambda m, n: (m // 16, n // 16, n % 16, m % 16),
    "zN (NZ)": lambda m, n: (n // 16, m // 16, m % 16, n % 16),
    "nN": lambda m, n: (n // 16, m // 16, n % 16, m % 16),
}
CASES = [(f, (2, c, 3, 5)) for f in IMAGES.values() for c in (1, 16, 35)]
CASES += [(f, dims) for f in MATRICES.values() for dims in ((16, 32), (17, 5))]
NAMES = [f"{n} {c}" for n in IMAGES for c in (1, 16, 35)] + [f"{n} {d}" for n in MATRICES for d in ("even", "odd")]


@pytest.mark.parametrize(("function", "dims"), CASES, ids=NAMES)
def test_every_element_has_a_place_of_its_own(function: Callable[..., Exprs], dims: tuple[int, ...]):
    map = AffineMap.from_callable(function)
    type = TensorType(f32, dims, AffineMapAttr(map))
    stored, lay = layout.physical(type)
    assert prod(stored) == layout.footprint(type) >= prod(dims)
    places = {map.eval(index, []) for index in np.ndindex(*dims)}
    assert len(places) == prod(dims), "two elements in one place"
    assert all(0 <= at < size for place in places for at, size in zip(place, stored, strict=True))
    array = np.arange(1, prod(dims) + 1, dtype=np.float32).reshape(dims)
    laid = lay(array)
    assert laid.shape == stored and np.count_nonzero(laid) == prod(dims), "padding holds zeros"
    assert all(laid[map.eval(index, [])] == array[index] for index in np.ndindex(*dims))


@pytest.mark.parametrize(("size", "channels", "wanted"), [(4, 35, 36), (16, 35, 48), (32, 32, 32), (64, 1, 64)])
def test_blocks_are_filled_up(size: int, channels: int, wanted: int):
    type = TensorType(f32, (1, channels, 2, 3), AffineMapAttr(AffineMap.from_callable(blocked(size))))
    assert layout.footprint(type) == wanted * 6
