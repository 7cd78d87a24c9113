"""The layouts that machines have names for, as index maps: each logical element has a place of its own, and the places
in between are padding.

NCHW -> (n, c, h, w)   NHWC -> (n, h, w, c)   NC4HW4 -> (n, c / 4, h, w, c mod 4)   NC1HWC0: blocks of 16 (f16), 32 (i8)
fractal of a matrix in blocks of 16 x 16 (f16) or 16 x 32 (i8), order of the blocks then order within, z by rows and n
by columns: zZ, nZ (weights), zN (= NZ, results)
"""

from collections.abc import Callable
from math import prod

import numpy as np
import pytest
from aic.dialects import _layout as layout
from aic.dialects._shape import dtype
from xdsl.dialects.builtin import AffineMapAttr, TensorType, f16, f32, i8
from xdsl.ir import Attribute
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
    "NC16HW16, NC1HWC0 of f16": blocked(16),
    "NC32HW32, NC1HWC0 of i8": blocked(32),
    "NC64HW64": blocked(64),
    "weights OIHW16i16o": lambda o, i, h, w: (o // 16, i // 16, h, w, i % 16, o % 16),
}


def fractals(width: int) -> dict[str, Callable[..., Exprs]]:
    """Matrices in blocks of 16 rows, `width` columns."""
    return {
        f"zZ {width}": lambda m, n: (m // 16, n // width, m % 16, n % width),
        f"nZ {width}": lambda m, n: (m // 16, n // width, n % width, m % 16),
        f"zN (NZ) {width}": lambda m, n: (n // width, m // 16, m % 16, n % width),
        f"nN {width}": lambda m, n: (n // width, m // 16, n % width, m % 16),
    }


MATRICES: dict[str, Callable[..., Exprs]] = {"ND": lambda m, n: (m, n), **fractals(16), **fractals(32)}
CHANNELS, SIZES = (1, 4, 16, 35, 64), ((16, 32), (17, 5), (33, 65))
CASES = [(f, (2, c, 3, 5)) for f in IMAGES.values() for c in CHANNELS]
CASES += [(f, dims) for f in MATRICES.values() for dims in SIZES]
NAMES = [f"{n} {c}" for n in IMAGES for c in CHANNELS] + [f"{n} {d}" for n in MATRICES for d in SIZES]


@pytest.mark.parametrize("kind", [f32, f16, i8], ids=str)
@pytest.mark.parametrize(("function", "dims"), CASES, ids=NAMES)
def test_every_element_has_a_place_of_its_own(function: Callable[..., Exprs], dims: tuple[int, ...], kind: Attribute):
    map = AffineMap.from_callable(function)
    type = TensorType(kind, dims, AffineMapAttr(map))
    stored, lay = layout.physical(type)
    assert prod(stored) == layout.footprint(type) >= prod(dims)
    places = {map.eval(index, []) for index in np.ndindex(*dims)}
    assert len(places) == prod(dims), "two elements in one place"
    assert all(0 <= at < size for place in places for at, size in zip(place, stored, strict=True))
    array = (np.arange(prod(dims)) % 127 + 1).astype(dtype(kind)).reshape(dims)
    laid = lay(array)
    assert laid.shape == stored and np.count_nonzero(laid) == prod(dims), "padding holds zeros"
    assert all(laid[map.eval(index, [])] == array[index] for index in np.ndindex(*dims))


@pytest.mark.parametrize(("size", "channels", "wanted"), [(4, 35, 36), (16, 35, 48), (32, 32, 32), (64, 1, 64)])
def test_blocks_are_filled_up(size: int, channels: int, wanted: int):
    type = TensorType(f32, (1, channels, 2, 3), AffineMapAttr(AffineMap.from_callable(blocked(size))))
    assert layout.footprint(type) == wanted * 6
