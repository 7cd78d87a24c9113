"""arith and math against numpy and against what MLIR's documents say, on scalars and on arrays."""

import math

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.interpret._scalars import erf
from xdsl.parser import Parser

ELEMENTS = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64", np.dtype(np.bool_): "i1"}


def element(array):
    return ELEMENTS.get(array.dtype) or f"i{8 * array.dtype.itemsize}"


def apply(line, result, *arrays):
    """`%r = ...` of %a, %b, %c on each element, in a scalar loop and in a generic; both must agree."""
    n, names = len(arrays[0]), "abc"[: len(arrays)]
    types = [element(a) for a in arrays]
    args = ", ".join(f"%t{x}: tensor<{n}x{t}>" for x, t in zip(names, types, strict=True))
    ins = ", ".join(f"%t{x}" for x in names)
    kinds = ", ".join(f"tensor<{n}x{t}>" for t in types)
    body_args = ", ".join(f"%{x}: {t}" for x, t in zip(names, types, strict=True))
    reads = "\n".join(f"%{x} = tensor.extract %t{x}[%i] : tensor<{n}x{t}>" for x, t in zip(names, types, strict=True))
    maps = ", ".join(["affine_map<(d) -> (d)>"] * (len(arrays) + 1))
    out = f"tensor<{n}x{result}>"
    text = f"""func.func @main({args}) -> ({out}, {out}) {{
      %e = tensor.empty() : {out}
      %whole = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel"]}}
        ins({ins} : {kinds}) outs(%e : {out}) {{ ^bb0({body_args}, %o: {result}): {line}
        linalg.yield %r : {result} }} -> {out}
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %n = arith.constant {n} : index
      %each = scf.for %i = %zero to %n step %one iter_args(%acc = %e) -> ({out}) {{
        {reads}
        {line}
        %next = tensor.insert %r into %acc[%i] : {out}
        scf.yield %next : {out}
      }}
      func.return %whole, %each : {out}, {out} }}"""
    ctx = context()
    whole, each = interpret(ctx, Parser(ctx, text).parse_module(), list(arrays))
    np.testing.assert_array_equal(whole, each)
    return whole


I8 = np.array([-128, -128, 127, -7, 7, -7, 0, 5], np.int8)
J8 = np.array([-1, 1, 127, 2, -2, -2, 3, 0], np.int8)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("addi", [127, -127, -2, -5, 5, -9, 3, 5]),
        ("muli", [-128, -128, 1, -14, -14, 14, 0, 0]),
        ("divsi", [-128, -128, 1, -3, -3, 3, 0, None]),
        ("remsi", [0, 0, 0, -1, 1, -1, 0, None]),
        ("floordivsi", [-128, -128, 1, -4, -4, 3, 0, None]),
        ("ceildivsi", [-128, -128, 1, -3, -3, 4, 0, None]),
        ("divui", [0, -128, 1, 124, 0, 0, 0, None]),
        ("remui", [-128, 0, 0, 1, 7, -7, 0, None]),
        ("maxui", [-1, -128, 127, -7, -2, -2, 3, 5]),
        ("minsi", [-128, -128, 127, -7, -2, -7, 0, 0]),
        ("xori", [127, -127, 0, -5, -7, 7, 3, 5]),
    ],
)
def test_integers_wrap_and_divide_as_c_does(op, expected):
    found = apply(f"%r = arith.{op} %a, %b : i8", "i8", I8, J8)
    for value, wanted in zip(found, expected, strict=True):
        assert wanted is None or value == wanted


@pytest.mark.parametrize(
    ("op", "by", "expected"), [("shli", 7, -128), ("shrsi", 7, -1), ("shrui", 7, 1), ("shrui", 1, 127), ("shli", 8, 0)]
)
def test_shifts(op, by, expected):
    ones, shift = np.array([-1], np.int8), np.array([by], np.int8)
    assert apply(f"%r = arith.{op} %a, %b : i8", "i8", ones, shift)[0] == expected


@pytest.mark.parametrize(("predicate", "expected"), [("slt", True), ("ult", False), ("uge", True), ("ne", True)])
def test_comparison_signed_and_unsigned(predicate, expected):
    a, b = np.array([-1], np.int32), np.array([1], np.int32)
    assert apply(f"%r = arith.cmpi {predicate}, %a, %b : i32", "i1", a, b)[0] == expected


@pytest.mark.parametrize(
    ("predicate", "less", "equal", "nan"),
    [
        ("oeq", 0, 1, 0), ("ogt", 0, 0, 0), ("oge", 0, 1, 0), ("olt", 1, 0, 0), ("ole", 1, 1, 0), ("one", 1, 0, 0),
        ("ord", 1, 1, 0), ("ueq", 0, 1, 1), ("ugt", 0, 0, 1), ("uge", 0, 1, 1), ("ult", 1, 0, 1), ("ule", 1, 1, 1),
        ("une", 1, 0, 1), ("uno", 0, 0, 1), ("true", 1, 1, 1), ("false", 0, 0, 0),
    ],
)  # fmt: skip
def test_float_comparison_with_nan(predicate, less, equal, nan):
    a, b = np.array([1, 2, np.nan], np.float32), np.array([2, 2, 1], np.float32)
    found = apply(f"%r = arith.cmpf {predicate}, %a, %b : f32", "i1", a, b)
    assert found.tolist() == [bool(less), bool(equal), bool(nan)]


def test_casts_keep_their_signedness():
    bits = np.array([-1, 1], np.int8)
    assert apply("%r = arith.extsi %a : i8 to i32", "i32", bits).tolist() == [-1, 1]
    assert apply("%r = arith.extui %a : i8 to i32", "i32", bits).tolist() == [255, 1]
    assert apply("%r = arith.uitofp %a : i8 to f32", "f32", bits).tolist() == [255.0, 1.0]
    assert apply("%r = arith.sitofp %a : i8 to f32", "f32", bits).tolist() == [-1.0, 1.0]
    assert apply("%r = arith.trunci %a : i32 to i8", "i8", np.array([300, -129], np.int32)).tolist() == [44, 127]
    assert apply("%r = arith.fptoui %a : f32 to i8", "i8", np.array([255.9, 3], np.float32)).tolist() == [-1, 3]
    assert apply("%r = arith.bitcast %a : f32 to i32", "i32", np.array([1.0], np.float32)).tolist() == [0x3F800000]


def test_one_bit_integers_are_bools():
    bits = np.array([True, False])
    assert apply("%r = arith.extui %a : i1 to i8", "i8", bits).tolist() == [1, 0]
    assert apply("%r = arith.extsi %a : i1 to i8", "i8", bits).tolist() == [-1, 0]
    assert apply("%r = arith.addi %a, %a : i1", "i1", bits).tolist() == [False, False]
    assert apply("%r = arith.maxui %a, %b : i1", "i1", bits, ~bits).tolist() == [True, True]


def test_maxima_and_nan():
    a, b = np.array([np.nan, 1], np.float32), np.array([2, 3], np.float32)
    assert np.isnan(apply("%r = arith.maximumf %a, %b : f32", "f32", a, b)[0])
    assert apply("%r = arith.maxnumf %a, %b : f32", "f32", a, b).tolist() == [2, 3]


def test_arithmetic_stays_in_its_type():
    a = np.array([1e38, 1.0], np.float32)
    found = apply("%r = arith.mulf %a, %a : f32", "f32", a)
    assert found.dtype == np.float32 and np.isinf(found[0])


@pytest.mark.parametrize(
    ("op", "reference"),
    [
        ("erf", math.erf),
        ("exp", math.exp),
        ("tanh", math.tanh),
        ("rsqrt", lambda x: 1 / math.sqrt(x)),
        ("log1p", math.log1p),
    ],
)
def test_functions(op, reference):
    a = np.array([0.1, 0.5, 2.0], np.float32)
    found = apply(f"%r = math.{op} %a : f32", "f32", a)
    np.testing.assert_allclose(found, [reference(float(x)) for x in a], rtol=1e-6)


def test_rounding():
    a = np.array([0.5, 1.5, -0.5, 0.49999997, -2.5], np.float32)
    assert apply("%r = math.roundeven %a : f32", "f32", a).tolist() == [0, 2, -0.0, 0, -2]
    assert apply("%r = math.round %a : f32", "f32", a).tolist() == [1, 2, -1, 0, -3]


def test_fused_multiply_add_rounds_once():
    x = np.float32(1 + 2**-12)
    found = apply(
        "%r = math.fma %a, %b, %c : f32", "f32", np.array([x]), np.array([x]), np.array([-np.float32(1 + 2**-11)])
    )
    assert found[0] == np.float32(2**-24)


def test_bit_counts():
    a = np.array([0, 1, -1, 64], np.int8)
    assert apply("%r = math.ctlz %a : i8", "i8", a).tolist() == [8, 7, 0, 1]
    assert apply("%r = math.cttz %a : i8", "i8", a).tolist() == [8, 0, 0, 6]
    assert apply("%r = math.ctpop %a : i8", "i8", a).tolist() == [0, 1, 8, 1]


def test_select():
    c, a, b = np.array([True, False]), np.array([1, 2], np.int32), np.array([3, 4], np.int32)
    assert apply("%r = arith.select %a, %b, %c : i32", "i32", c, a, b).tolist() == [1, 4]


def test_erf_of_f32_is_rounded_as_that_of_f64():
    x = np.concatenate([np.linspace(-6, 6, 20001), [0.0, -0.0, np.inf, -np.inf, 1e-30, 0.46875, 4.0]]).astype(
        np.float32
    )
    exact = np.array([math.erf(float(v)) for v in x]).astype(np.float32)
    found = apply("%r = math.erf %a : f32", "f32", x[::50])
    np.testing.assert_array_equal(found.view(np.int32), exact[::50].view(np.int32))
    np.testing.assert_array_equal(erf(x.astype(np.float64)).astype(np.float32).view(np.int32), exact.view(np.int32))
    assert np.isnan(erf(np.array([np.nan]))).all()
