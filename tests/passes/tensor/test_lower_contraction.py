"""Matrix products and einsum: numpy against the graph op against its lowering."""

import numpy as np
import pytest
from aic.dialects.graph.contraction import EinsumOp, GemmOp, MatmulIntegerOp, MatmulOp

CLOSE = {"rtol": 1e-5, "atol": 1e-5}  # sums of at most 24 products of f32 of order 1, in another order


def rand(*dims, kind=np.float32):
    return np.random.default_rng(sum(dims)).standard_normal(dims).astype(kind)


def whole(*dims, kind=np.uint8):
    ends = np.iinfo(kind)
    return np.random.default_rng(sum(dims)).integers(ends.min, ends.max, dims, dtype=kind, endpoint=True)


@pytest.mark.parametrize(
    "left, right",
    [
        ((3, 4), (4, 5)),
        ((4,), (4, 5)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((2, 3, 4), (4, 5)),
        ((2, 3, 4), (1, 4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((1, 3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (6, 4, 5)),
        ((3, 4), (2, 4, 5)),
        ((4,), (2, 4, 5)),
        ((2, 3, 4), (4,)),
        ((3, 0), (0, 5)),
        ((0, 4), (4, 5)),
        ((2, 0, 4), (4, 5)),
        ((1, 1, 3, 4), (2, 2, 4, 5)),
    ],
)
def test_matmul(levels, left, right):
    x, y = rand(*left), rand(*right)
    (meant,), (lowered,) = levels(MatmulOp, x, y)
    np.testing.assert_allclose(meant, np.matmul(x, y), **CLOSE)
    np.testing.assert_allclose(lowered, meant, **CLOSE)


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int32, np.uint32, np.int64])
def test_matmul_kinds(levels, kind):
    x, y = (rand(3, 24) * 9).astype(kind), (rand(24, 5) * 9).astype(kind)
    (meant,), (lowered,) = levels(MatmulOp, x, y)
    with np.errstate(all="ignore"):
        expected = np.matmul(x.astype(np.float32) if kind == np.float16 else x, y).astype(kind)
    rtol = 1e-3 if kind == np.float16 else 1e-12  # f16 is summed in f32 and rounded once
    np.testing.assert_allclose(meant, expected, rtol=rtol)
    np.testing.assert_allclose(lowered, meant, rtol=rtol)


@pytest.mark.parametrize("trans_a", [None, True])
@pytest.mark.parametrize("trans_b", [None, True])
@pytest.mark.parametrize("c", [None, (), (5,), (1, 5), (3, 1), (3, 5)])
@pytest.mark.parametrize("alpha, beta", [(None, None), (0.5, -2.0)])
def test_gemm(levels, trans_a, trans_b, c, alpha, beta):
    a, b = rand(*((4, 3) if trans_a else (3, 4))), rand(*((5, 4) if trans_b else (4, 5)))
    bias = None if c is None else rand(*c)
    props = {"trans_a": trans_a, "trans_b": trans_b, "alpha": alpha, "beta": beta}
    (meant,), (lowered,) = levels(GemmOp, a, b, bias, **props)
    expected = (alpha or 1) * (a.T if trans_a else a) @ (b.T if trans_b else b)
    expected = expected if bias is None else expected + (beta or 1) * bias
    np.testing.assert_allclose(meant, expected, **CLOSE)
    np.testing.assert_allclose(lowered, meant, **CLOSE)


@pytest.mark.parametrize("known", [(), (1,), (1, 2, 3)])
@pytest.mark.parametrize("lhs, rhs", [(np.uint8, np.int8), (np.int8, np.uint8)])
@pytest.mark.parametrize(
    "left, right, z, u",
    [
        ((3, 4), (4, 5), None, None),
        ((3, 4), (4, 5), (), ()),
        ((3, 4), (4, 5), (), None),
        ((3, 4), (4, 5), None, (5,)),
        ((2, 3, 4), (2, 4, 5), (2, 3, 1), (2, 1, 5)),
        ((2, 3, 4), (4, 5), (1,), (5,)),
        ((3, 4), (4, 5), (3,), (1,)),
        ((4,), (4, 5), (), (5,)),
        ((3, 4), (4,), (3,), ()),
        ((4,), (2, 4, 5), (), (2, 1, 5)),
    ],
)
def test_matmul_integer(levels, known, lhs, rhs, left, right, z, u):
    x, y = whole(*left, kind=lhs), whole(*right, kind=rhs)
    zero = None if z is None else whole(*z, 7, kind=lhs)[..., 0]
    other = None if u is None else whole(*u, 7, kind=rhs)[..., 0]
    (meant,), (lowered,) = levels(MatmulIntegerOp, x, y, zero, other, known=known)
    a, b = x.astype(np.int64), y.astype(np.int64)
    if zero is not None:
        a = a - (zero[:, None] if zero.ndim == 1 and zero.size > 1 else zero)
    if other is not None:
        b = b - other
    np.testing.assert_array_equal(meant, a @ b)
    np.testing.assert_array_equal(lowered, meant)


@pytest.mark.parametrize(
    "equation, shapes",
    [
        ("ij->ji", [(3, 4)]),
        ("ij->ij", [(3, 4)]),
        ("ij", [(3, 4)]),
        ("ji", [(3, 4)]),
        ("ij->i", [(3, 4)]),
        ("ii->i", [(3, 3)]),
        ("ii", [(3, 3)]),
        ("...ii->...i", [(2, 3, 3)]),
        ("i,i", [(4,), (4,)]),
        ("i,j->ij", [(3,), (4,)]),
        ("i,j->ji", [(3,), (4,)]),
        ("ij,jk->ki", [(3, 4), (4, 5)]),
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
        ("bqhd,bkhd->bhqk", [(2, 3, 2, 4), (2, 5, 2, 4)]),
        ("...ij,...jk", [(2, 3, 4), (4, 5)]),
        ("...ij,...jk->...ik", [(2, 1, 3, 4), (6, 4, 5)]),
        ("ijk,jkl,lm->im", [(2, 3, 4), (3, 4, 5), (5, 2)]),
        ("ij,ij,ij->i", [(3, 4), (3, 4), (3, 4)]),
        ("iij,jk->ik", [(3, 3, 4), (4, 5)]),
        ("ij,kl->", [(2, 3), (4, 5)]),
        ("ijk,ikl->jl", [(1, 3, 4), (2, 4, 5)]),
        (",ij->ij", [(), (2, 3)]),
        ("->", [()]),
        (" i j , j -> i ", [(2, 3), (3,)]),
        ("ij,jk->ik", [(3, 0), (0, 5)]),
    ],
)
def test_einsum(levels, equation, shapes):
    arrays = [rand(*dims) for dims in shapes]
    (meant,), (lowered,) = levels(EinsumOp, arrays, equation=equation)
    np.testing.assert_allclose(meant, np.einsum(equation, *arrays), **CLOSE)
    np.testing.assert_allclose(lowered, meant, **CLOSE)
