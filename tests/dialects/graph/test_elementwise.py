"""Meanings of ops on single elements where numpy, C and the specification part; shapes, refusals, text."""

import math

import ml_dtypes
import numpy as np
import pytest
from aic.compiler.context import context
from aic.dialects._shape import Array, element_of, tensor
from aic.dialects.graph._base import GraphOp, Plain
from aic.dialects.graph.activation import CeluOp, EluOp, GeluOp, PReluOp, SeluOp, SigmoidOp, SoftplusOp
from aic.dialects.graph.cast import BitcastOp, CastOp
from aic.dialects.graph.compare import GreaterOp, IsInfOp, LessOp, WhereOp
from aic.dialects.graph.elementwise import AddOp, DivOp, ExpOp, MaxOp, MinOp, ModOp, PowOp, RoundOp, SignOp
from aic.dialects.graph.logical import AndOp, NotOp, ShiftLeftOp, ShiftRightOp
from xdsl.dialects.builtin import f16, i1, i8
from xdsl.ir import Block
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException

BF16 = np.dtype(ml_dtypes.bfloat16)


def build(op: type[GraphOp], *arrays: Array, **properties: Plain) -> GraphOp:
    return op.make(*Block(arg_types=[tensor(a.dtype, a.shape) for a in arrays]).args, **properties)


def run(op: type[GraphOp], *arrays: Array, **properties: Plain) -> Array:
    built = build(op, *arrays, **properties)
    built.verify()
    (result,) = built.evaluate(*arrays)
    assert built.results[0].type == tensor(result.dtype, result.shape)
    return result


def ints(*values: int, kind: str = "int32") -> Array:
    return np.array(values, kind)


def floats(*values: float, kind: str = "float32") -> Array:
    return np.array(values, kind)


def test_broadcast() -> None:
    assert run(AddOp, np.zeros((2, 1, 3), np.float32), np.zeros((4, 1), np.float32)).shape == (2, 4, 3)
    assert run(AddOp, np.zeros((2, 0), np.float32), np.zeros((1, 1), np.float32)).shape == (2, 0)
    assert run(ExpOp, np.array(0, np.float32)).shape == ()
    with pytest.raises(VerifyException, match=r"shapes that broadcast, found \[2, 3\], \[4\]"):
        build(AddOp, np.zeros((2, 3), np.float32), np.zeros(4, np.float32))


@pytest.mark.parametrize(
    ("op", "arrays", "message"),
    [
        (AddOp, (ints(1), floats(1)), "one element type, found i32, f32"),
        (AddOp, (ints(1, kind="bool"), ints(1, kind="bool")), "expected numbers, found i1"),
        (ExpOp, (ints(1),), "float elements, found i32"),
        (AndOp, (floats(1), floats(1)), "integer or i1 elements, found f32"),
        (ShiftLeftOp, (floats(1), floats(1)), "integer elements, found f32"),
        (WhereOp, (ints(1), floats(1), floats(1)), "i1 elements, found i32"),
        (PReluOp, (floats(1), floats(1, 2)), r"slope that broadcasts to \[1\], found \[2\]"),
    ],
)
def test_refusals(op: type[GraphOp], arrays: tuple[Array, ...], message: str) -> None:
    with pytest.raises(VerifyException, match=message):
        build(op, *arrays)


def test_integers_divide_towards_zero_and_wrap() -> None:
    least = -(2**31)
    assert run(DivOp, ints(7, -7, 7, -7, 5, least), ints(2, 2, -2, -2, 0, -1)).tolist() == [3, -3, -3, 3, 0, least]
    assert run(DivOp, ints(200, 7, kind="uint8"), ints(3, 0, kind="uint8")).tolist() == [66, 0]
    assert run(ModOp, ints(7, -7, 7, -7, 5), ints(3, 3, -3, -3, 0), fmod=False).tolist() == [1, 2, -2, -1, 0]
    assert run(ModOp, ints(7, -7, 7, -7, 5), ints(3, 3, -3, -3, 0), fmod=True).tolist() == [1, -1, 1, -1, 0]
    assert run(AddOp, ints(127, kind="int8"), ints(1, kind="int8")).tolist() == [-128]


def test_powers() -> None:
    assert run(PowOp, ints(2, 3, -1, -1), ints(10, 4, 3, -2)).tolist() == [1024, 81, -1, 1]
    assert run(PowOp, ints(2, 0, 1), ints(-1, -1, -9)).tolist() == [0, 0, 1]
    assert run(PowOp, ints(2, kind="int8"), ints(7, 8)).tolist() == [-128, 0]
    assert run(PowOp, floats(-2, 4), ints(3, -1)).tolist() == [-8, 0.25]
    assert run(PowOp, ints(4, 9), floats(0.5, -1)).tolist() == [2, 0]
    assert run(PowOp, floats(2, 2), floats(0.5, 3, kind="float64")).dtype == np.float32
    assert run(PowOp, floats(-0.0, -np.inf), floats(0.5)).tolist() == [0, np.inf]


def test_nan_is_kept() -> None:
    odd = floats(np.nan, -0.0, 2.5, -np.inf)
    assert np.isnan(run(MaxOp, odd, floats(1)))[0] and np.isnan(run(MinOp, floats(1), odd))[0]
    assert np.isnan(run(SignOp, odd))[0] and run(SignOp, odd)[1:].tolist() == [0, 1, -1]
    assert run(RoundOp, floats(0.5, 1.5, -2.5)).tolist() == [0, 2, -2]
    assert not run(LessOp, odd, odd).any() and not run(GreaterOp, odd, odd).any()
    assert run(IsInfOp, odd, negative=False, positive=True).tolist() == [False] * 4
    assert run(IsInfOp, odd, negative=True, positive=False).tolist() == [False, False, False, True]


def test_bits() -> None:
    assert run(NotOp, ints(0, 1, kind="bool")).tolist() == [True, False]
    assert run(NotOp, ints(0, 1, kind="uint8")).tolist() == [255, 254]
    assert run(ShiftLeftOp, ints(1, 1, 255, kind="uint8"), ints(7, 8, 4, kind="uint8")).tolist() == [128, 0, 240]
    assert run(ShiftRightOp, ints(-8, -8, 4, -1), ints(1, 32, 33, -1)).tolist() == [-4, -1, 0, -1]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("int8", [3, -3, 0, 0, 44]),
        ("uint8", [3, 253, 0, 0, 44]),
        ("int32", [3, -3, -(2**31), -(2**31), 300]),
        ("uint32", [3, 2**32 - 3, 0, 0, 300]),
        ("int64", [3, -3, -(2**63), -(2**63), 300]),
        ("uint64", [3, 2**64 - 3, 2**63, 2**63, 300]),
        ("bool", [True] * 5),
    ],
)
def test_floats_to_integers(kind: str, expected: list[int]) -> None:
    x = floats(3.9, -3.9, np.nan, np.inf, 300)
    assert run(CastOp, x, to=element_of(np.dtype(kind))).tolist() == expected


def test_casts_round_once() -> None:
    assert run(CastOp, floats(1e30, 65520, 2049), to=f16).tolist() == [np.inf, np.inf, 2048]
    assert run(CastOp, floats(1.00390625), to=element_of(BF16)).astype(float).tolist() == [1]
    assert run(CastOp, ints(300, -1), to=i8).tolist() == [44, -1]
    assert run(CastOp, floats(0, -0.0, 0.1), to=i1).tolist() == [False, False, True]


def test_bitcast_keeps_the_bits() -> None:
    assert run(BitcastOp, floats(1.0, -0.0), to=element_of(np.dtype(np.uint32))).tolist() == [0x3F800000, 0x80000000]
    assert run(BitcastOp, np.array(True), to=i8).tolist() == 1
    with pytest.raises(VerifyException, match="expected a type of 32 bits as f32 has, found i8"):
        run(BitcastOp, floats(1.0), to=i8)


def test_halves_are_computed_in_f32() -> None:
    assert run(MaxOp, np.array([1.5], BF16), np.array([2.5], BF16)).dtype == BF16
    assert run(GeluOp, floats(300, kind="float16"), approximate="tanh").tolist() == [300]  # 300^3 overflows f16


@pytest.mark.parametrize("x", [-20.0, -1.5, -1e-3, 0.0, 1e-3, 0.7, 30.0])
def test_activations_by_their_formulas(x: float) -> None:
    def check(op: type[GraphOp], expected: float, **properties: Plain) -> None:
        np.testing.assert_allclose(run(op, floats(x, kind="float64"), **properties), [expected], rtol=1e-12, atol=1e-15)

    check(SigmoidOp, 1 / (1 + math.exp(-x)))
    check(SoftplusOp, math.log1p(math.exp(x)))
    check(EluOp, x if x > 0 else 2 * math.expm1(x), alpha=2.0)
    check(CeluOp, x if x > 0 else 2 * math.expm1(x / 2), alpha=2.0)
    check(SeluOp, 3 * (x if x > 0 else 2 * math.expm1(x)), alpha=2.0, gamma=3.0)
    check(GeluOp, x / 2 * (1 + math.erf(x / math.sqrt(2))), approximate="none")
    cubic = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    check(GeluOp, x / 2 * (1 + math.tanh(cubic)), approximate="tanh")


@pytest.mark.parametrize(
    "text",
    [
        "%r = graph.add %x, %y : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>",
        "%r = graph.mod %x, %y {fmod = true} : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>",
        "%r = graph.cast %x {to = ui8} : (tensor<2x3xf32>) -> tensor<2x3xui8>",
        '%r = graph.gelu %x {approximate = "tanh"} : (tensor<2x3xf32>) -> tensor<2x3xf32>',
        "%r = graph.is_inf %x {negative = true, positive = false} : (tensor<2x3xf32>) -> tensor<2x3xi1>",
    ],
)
def test_text(text: str) -> None:
    ahead = '%x, %y = "test.op"() : () -> (tensor<2x3xf32>, tensor<3xf32>)\n'
    module = Parser(context(), ahead + text).parse_module()
    module.verify()
    assert text in str(module)
