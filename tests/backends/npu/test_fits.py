"""What the fields of instructions can hold, and what they cannot."""

import numpy as np
import pytest
from aic.backends.npu.layer import (
    Copy,
    Depthwise,
    Elementwise,
    Item,
    Matrix,
    Norm,
    Pool,
    Post,
    Product,
    Residual,
    Softmax,
    Tensor,
    View,
    Weights,
)
from aic.backends.npu.machine import machine_from
from aic.backends.npu.vector.fits import fits
from aic.backends.npu.vector.spans import Span, spans
from hypothesis import given
from hypothesis import strategies as st

from .vector_bench import view

EDGE = machine_from("edge")
ONES = Post(np.zeros(1, np.int32), np.ones(1, np.float32))


def tensor(*shape, type="i8", name="x") -> Tensor:
    return Tensor(name, *shape, type)


def weights(*shape) -> Weights:
    return Weights("w", shape, lambda: pytest.fail("weights were read"))


def depthwise(kernel=(3, 3), stride=(1, 1), dilation=(1, 1), pads=(1, 1, 1, 1), post=ONES) -> Depthwise:
    x = View.whole(tensor(1, 40, 40, 64))
    rest = dict(kernel=kernel, stride=stride, dilation=dilation, pads=pads, post=post)
    out = View.whole(tensor(1, 40 // stride[0], 40 // stride[1], 64, name="y"))
    return Depthwise(name="dw", x=x, out=out, weights=weights(*kernel, 64), **rest)


def matrix(kernel=(3, 3), channels=64, at=0, type="i8", groups=1, post=ONES) -> Matrix:
    x, out = tensor(1, 8, 8, channels + at, type=type), tensor(1, 8, 8, 64, type=type, name="y")
    rest = dict(kernel=kernel, groups=groups, post=post)
    shape = (*kernel, channels // groups, 64)
    return Matrix(name="m", x=view(x, at, channels), out=View.whole(out), weights=weights(*shape), **rest)


def elementwise(b: Tensor) -> Elementwise:
    a = View.whole(tensor(1, 4, 4, 64, name="a"))
    return Elementwise(name="e", a=a, b=View.whole(b), out=a, mode="max")


def product(at: int, depth: int = 48) -> Product:
    x, out = tensor(1, 1, 8, 256), tensor(1, 1, 8, 64, name="y")
    items = (Item((0, at), (0, 0), (0, 0)),)
    rest = dict(items=items, depth=depth, width=8, transposed=True, post=ONES)
    return Product(name="p", x=View.whole(x), y=View.whole(x), out=View.whole(out), **rest)


def norm(channels: int) -> Norm:
    x = View.whole(tensor(1, 1, 4, channels))
    one = np.ones(1, np.float32)
    return Norm(name="n", x=x, out=x, mode="ln", gamma=one, beta=one, epsilon=1e-5)


WIDE = View.whole(tensor(1, 40, 40, 64))
LUT = Post(np.zeros(1, np.int32), np.ones(1, np.float32), act="lut")
BF16 = Post(
    np.zeros(1, np.int32), np.ones(1, np.float32), residual=Residual(View.whole(tensor(1, 8, 8, 64, type="bf16")))
)


@pytest.mark.parametrize(
    "layer",
    [
        depthwise(),
        depthwise((15, 1)),
        depthwise(dilation=(4, 4), pads=(4, 4, 4, 4)),
        depthwise(stride=(7, 7)),
        matrix(),
        matrix((63, 63)),
        matrix(at=16),
        matrix(groups=4),
        elementwise(tensor(1, 1, 1, 64)),
        product(32),
        product(16, 16),
        norm(4096),
        Softmax(name="s", x=WIDE, out=WIDE, mask=View.whole(tensor(1, 1, 1, 64, type="bf16"))),
        Pool(name="p", x=WIDE, out=WIDE, mode="max", kernel=(3, 3), pads=(1, 1, 1, 1)),
    ],
)
def test_fits(layer):
    assert fits(layer, EDGE) is None


@pytest.mark.parametrize(
    "layer, why",
    [
        (depthwise((17, 3)), "dw: v.dw has kh = 17, expected 0 to 15"),
        (depthwise(stride=(8, 1)), "dw: v.dw has sy = 8, expected 0 to 7"),
        (depthwise(pads=(1, 16, 1, 1)), "dw: v.dw has pl = 16, expected 0 to 15"),
        (depthwise(post=LUT), "dw: expected no activation and no residual after v.dw, found lut"),
        (matrix((64, 1)), "m: mm has nkh = 64, expected at most 63"),
        (matrix(at=8), "m: x from channel 8 does not begin with a granule of 16 bytes"),
        (matrix(groups=3), "m: 64 and 64 channels cannot be parted into 3 groups"),
        (matrix(type="i16"), "m: expected i8 or bf16 for the array, found i16xi8"),
        (matrix(post=BF16), "m: expected a residual of i8, found bf16"),
        (elementwise(tensor(1, 4, 4, 64, type="bf16")), "e: expected two operands of one type, found i8 and bf16"),
        (elementwise(tensor(1, 4, 4, 1)), "e: expected 64 channels of x, found 1"),
        (product(8), "p: x from channel 8 crosses the end of a line of 32 lanes"),
        (product(8, 16), "p: x from channel 8 does not begin with a granule of 16 bytes"),
        (norm(16384), "n: 131072 bytes of parameters at once, PMEM has 65536"),
        (
            Copy(name="c", x=WIDE, out=View(tensor(1, 9, 9, 64), (0, 0, 0, 0), (1, 9, 10, 64))),
            "c: expected a view within x (1, 9, 9, 64), found one up to (0, 8, 9, 63)",
        ),
    ],
)
def test_does_not_fit(layer, why):
    assert fits(layer, EDGE) == why


def test_a_dilated_window_falls_into_lattices():
    even, odd = spans(0, 6, 6, 3, 1, 2, 2)
    assert even == Span(out=0, every=2, count=3, at=0, step=2, stride=1, before=1, after=1)
    assert odd == Span(out=1, every=2, count=3, at=1, step=2, stride=1, before=1, after=1)


@given(
    *(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 4)),
    st.integers(0, 5),
    st.integers(1, 9),
)
def test_spans_meet_every_tap(size, kernel, stride, dilation, pad, first, count):
    """Tap by tap what the layer's definition says, in every lattice."""
    done = set()
    for span in spans(first, first + count, size, kernel, stride, dilation, pad):
        inputs = (span.count - 1) * span.stride + kernel - span.before - span.after
        for n in range(span.count):
            out = span.out + n * span.every
            done.add(out)
            for tap in range(kernel):
                at = n * span.stride + tap - span.before
                inside = 0 <= at < inputs
                place = out * stride - pad + tap * dilation
                assert inside == (0 <= place < size)
                assert not inside or span.at + at * span.step == place
    assert done == set(range(first, first + count))
