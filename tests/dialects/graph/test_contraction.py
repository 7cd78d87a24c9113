"""Shape rules of products, quantization and attention, and what they refuse; the text forms."""

import numpy as np
import pytest
from aic.compiler.context import context
from aic.dialects._shape import element_of, shape, tensor
from aic.dialects.graph.attention import AttentionOp
from aic.dialects.graph.contraction import EinsumOp, GemmOp, MatmulIntegerOp, MatmulOp
from aic.dialects.graph.quantize import DequantizeOp, QuantizeOp, RequantizeOp
from xdsl.dialects.builtin import f32, i32, i64
from xdsl.ir import Block
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException

I8, U8 = element_of(np.dtype(np.int8)), element_of(np.dtype(np.uint8))


def values(*types):
    return Block(arg_types=[tensor(kind, dims) for kind, dims in types]).args


@pytest.mark.parametrize(
    "left, right, expected",
    [
        ((2, 3, 4), (4, 5), (2, 3, 5)),
        ((4,), (4,), ()),
        ((4,), (2, 4, 5), (2, 5)),
        ((2, 1, 3, 4), (6, 4, 5), (2, 6, 3, 5)),
    ],
)
def test_matmul_shape(left, right, expected):
    assert shape(MatmulOp.make(*values((f32, left), (f32, right))).res) == expected


@pytest.mark.parametrize(
    "left, right, words",
    [
        ((2, 3), (5, 4), "equal inner dimensions, found 3 of .2, 3. and 5 of .5, 4."),
        ((2, 3, 4), (3, 4, 5), "batch dimensions that broadcast, found .2. and .3."),
        ((), (3,), "rank 1 or more"),
    ],
)
def test_matmul_refusals(left, right, words):
    with pytest.raises(VerifyException, match=words):
        MatmulOp.make(*values((f32, left), (f32, right)))


@pytest.mark.parametrize(
    "equation, words",
    [
        ("ij,jk->i!", "expected letters"),
        ("ij,jk->ik->i", "expected letters"),
        ("ij->i", "expected 1 terms|expected 2 terms"),
        ("ijk,jk->i", "a term of 2 dimensions, found 'ijk'"),
        ("ij,kl->im", "distinct output labels"),
        ("ij,kl->ii", "distinct output labels"),
        ("ij,ik->jk", "expected size 2 for i"),
        ("i.j,jk->ik", "found 'i.j'"),
    ],
)
def test_einsum_refusals(equation, words):
    with pytest.raises(VerifyException, match=words):
        EinsumOp.make(values((f32, (2, 3)), (f32, (3, 4))), equation=equation)


def test_gemm_refusals():
    a, b, c = values((f32, (2, 3)), (f32, (4, 3)), (f32, (3, 4)))
    with pytest.raises(VerifyException, match=r"equal inner dimensions, found 3 .* and 4"):
        GemmOp.make(a, b, None)
    with pytest.raises(VerifyException, match=r"c to broadcast to \[2, 4\], found \[3, 4\]"):
        GemmOp.make(a, b, c, trans_b=True)


def test_integer_refusals():
    a, b, z = values((U8, (2, 3)), (I8, (3, 4)), (I8, ()))
    with pytest.raises(VerifyException, match="one element type"):
        MatmulIntegerOp.make(a, b, z, None)
    with pytest.raises(VerifyException, match="zero point of shape"):
        MatmulIntegerOp.make(a, b, None, *values((I8, (3,))))
    with pytest.raises(VerifyException, match="i8 or ui8, found i32"):
        MatmulIntegerOp.make(*values((i32, (2, 3)), (i32, (3, 4))), None, None)


@pytest.mark.parametrize(
    "scale, props, words",
    [
        ((3,), {"axis": 1}, r"scale of shape \[6\], found \[3\]"),
        ((2, 3, 4), {"axis": 1, "block": 3}, r"scale of shape \[2, 2, 4\], found \[2, 3, 4\]"),
        ((6,), {"axis": 5}, "expected an axis in"),
    ],
)
def test_quantize_refusals(scale, props, words):
    with pytest.raises(VerifyException, match=words):
        QuantizeOp.make(*values((f32, (2, 6, 4)), (f32, scale)), None, to=U8, **props)


def test_quantize_type_refusals():
    x, scale, zero = values((f32, (2, 6)), (f32, ()), (I8, ()))
    with pytest.raises(VerifyException, match="zero point of type ui8, found i8"):
        QuantizeOp.make(x, scale, zero, to=U8)
    with pytest.raises(VerifyException, match="8 or 16 bits"):
        QuantizeOp.make(x, scale, None, to=i64)
    with pytest.raises(VerifyException, match="float type, found i8"):
        DequantizeOp.make(*values((I8, (2,)), (f32, ())), None, to=I8)
    with pytest.raises(VerifyException, match=r"\[3\] to broadcast to \[2, 6\]"):
        RequantizeOp.make(*values((i32, (2, 6)), (f32, (3,))), None, to=I8)


@pytest.mark.parametrize(
    "q, k, v, mask, words",
    [
        ((1, 3, 4, 8), (1, 2, 5, 8), (1, 2, 5, 8), None, "G dividing H"),
        ((1, 4, 4, 8), (1, 2, 5, 8), (1, 2, 6, 8), None, "values of shape"),
        ((1, 4, 4, 8), (1, 2, 5, 8), (1, 2, 5, 8), (4, 4), "a mask that broadcasts"),
    ],
)
def test_attention_refusals(q, k, v, mask, words):
    given = [None if d is None else values((f32, d))[0] for d in (q, k, v, mask, None)]
    with pytest.raises(VerifyException, match=words):
        AttentionOp.make(*given, scale=1.0)


def test_text():
    text = """func.func @main(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %c: tensor<4xf32>) -> tensor<2x4xf32> {
      %0 = graph.gemm %a, %b, %c {alpha = 5.000000e-01 : f64} : (tensor<2x3xf32>, tensor<3x4xf32>, tensor<4xf32>)
        -> tensor<2x4xf32>
      %1 = graph.einsum %0 {equation = "ij->ij"} : (tensor<2x4xf32>) -> tensor<2x4xf32>
      func.return %1 : tensor<2x4xf32>
    }"""
    module = Parser(context(), text).parse_module()
    module.verify()
    assert str(Parser(context(), str(module)).parse_module()) == str(module)
