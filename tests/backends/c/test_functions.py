"""Vector math against numpy in float64: units in the last place, and what ONNX says of NaN, infinities and -0.0."""

import numpy as np
import pytest
from numpy.typing import NDArray

POINTWISE = """
kernel.func @k0(%x: memref<{n}x{a}>, %y: memref<{n}x{b}>) {{
  %t = bufferization.to_tensor %x : memref<{n}x{a}> to tensor<{n}x{a}>
  %e = tensor.empty() : tensor<{n}x{b}>
  %r = linalg.generic
      {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}}
      ins(%t : tensor<{n}x{a}>) outs(%e : tensor<{n}x{b}>) {{
  ^bb0(%v: {a}, %o: {b}):
    {body}
    linalg.yield %w : {b}
  }} -> tensor<{n}x{b}>
  bufferization.materialize_in_destination %r in writable %y : (tensor<{n}x{b}>, memref<{n}x{b}>) -> ()
  kernel.return
}}
func.func @main(%x: memref<{n}x{a}>, %y: memref<{n}x{b}>) {{
  kernel.launch @k0(%x, %y) : (memref<{n}x{a}>, memref<{n}x{b}>) -> ()
  func.return
}}
"""
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3.4e38, -3.4e38, 1.0, -1.0], np.float32)


def pointwise(compiled, body: str, x: NDArray, a: str, b: str, out: type, vector_bytes: int = 32) -> NDArray:
    y = np.full(x.shape, 99).astype(out)
    compiled(POINTWISE.format(n=len(x), a=a, b=b, body=body), vector_bytes)(x, y)
    return y


def ulps(found: NDArray, exact: NDArray) -> float:
    """The largest error in units in the last place of the float32 nearest to the exact value."""
    nearest = exact.astype(np.float32)
    good = np.isfinite(nearest) & (np.abs(nearest) > 1.2e-38)
    return float(np.max(np.abs(found[good] - exact[good]) / np.spacing(np.abs(nearest[good]))))


@pytest.mark.parametrize("vector_bytes", [4, 16, 32, 64])
@pytest.mark.parametrize(
    ("name", "exact", "limit", "low", "high"),
    [("exp", np.exp, 2.0, -87, 88), ("log", np.log, 4.0, 1e-30, 100), ("tanh", np.tanh, 6.0, -9, 9),
     ("sqrt", np.sqrt, 0.5, 0, 9)],
)  # fmt: skip
def test_accuracy(compiled, name, exact, limit, low, high, vector_bytes):
    x = np.concatenate([np.linspace(low, high, 4001, dtype=np.float32), SPECIAL])
    found = pointwise(compiled, f"%w = math.{name} %v : f32", x, "f32", "f32", np.float32, vector_bytes)
    with np.errstate(all="ignore"):
        want = exact(x.astype(np.float64))
        np.testing.assert_array_equal(np.isnan(found), np.isnan(want))
        special = ~np.isfinite(want.astype(np.float32))
        np.testing.assert_array_equal(found[special], want.astype(np.float32)[special])
        assert ulps(found, want) <= limit


@pytest.mark.parametrize("vector_bytes", [16, 32])
def test_erf(compiled, vector_bytes):
    from math import erf

    x = np.concatenate([np.linspace(-5, 5, 4001, dtype=np.float32), SPECIAL])
    found = pointwise(compiled, "%w = math.erf %v : f32", x, "f32", "f32", np.float32, vector_bytes)
    np.testing.assert_allclose(found, [erf(v) for v in x], atol=5e-7, rtol=2e-6)


@pytest.mark.parametrize("op", ["maximumf", "minimumf"])
def test_extrema_keep_nan(compiled, op):
    x = np.concatenate([np.linspace(-2, 2, 50, dtype=np.float32), SPECIAL])
    function = {"maximumf": np.maximum, "minimumf": np.minimum}[op]
    by_constant = f"%c = arith.constant 0.5 : f32\n    %w = arith.{op} %v, %c : f32"
    by_value = f"%n = arith.negf %v : f32\n    %w = arith.{op} %v, %n : f32"
    np.testing.assert_array_equal(
        pointwise(compiled, by_constant, x, "f32", "f32", np.float32), function(x, np.float32(0.5))
    )
    np.testing.assert_array_equal(pointwise(compiled, by_value, x, "f32", "f32", np.float32), function(x, -x))


@pytest.mark.parametrize("predicate", ["oeq", "une", "olt", "ole", "ogt", "oge", "ult", "ueq", "one", "uno", "ord"])
def test_comparisons_and_select(compiled, predicate):
    x = np.concatenate([np.linspace(-2, 2, 50, dtype=np.float32), SPECIAL])
    compare = f"%c = arith.constant 1.0 : f32\n    %m = arith.cmpf {predicate}, %v, %c : f32"
    nan = np.isnan(x)
    table = {"eq": x == 1, "ne": x != 1, "lt": x < 1, "le": x <= 1, "gt": x > 1, "ge": x >= 1}
    want = {"uno": nan, "ord": ~nan, "one": (x != 1) & ~nan, "ueq": (x == 1) | nan}.get(predicate)
    if want is None:
        want = table[predicate[1:]] | nan if predicate[0] == "u" else table[predicate[1:]]
    body = compare.replace("%m", "%w")
    np.testing.assert_array_equal(pointwise(compiled, body, x, "f32", "i1", np.bool_), want)
    chosen = f"{compare}\n    %w = arith.select %m, %c, %v : f32"
    np.testing.assert_array_equal(pointwise(compiled, chosen, x, "f32", "f32", np.float32), np.where(want, 1, x))


@pytest.mark.parametrize(
    ("op", "a", "b", "source", "target"),
    [
        ("sitofp", "i64", "f32", np.int64, np.float32),
        ("sitofp", "i8", "f32", np.int8, np.float32),
        ("uitofp", "i8", "f32", np.uint8, np.float32),
        ("fptosi", "f32", "i32", np.float32, np.int32),
        ("fptosi", "f32", "i8", np.float32, np.int8),
        ("fptosi", "f32", "i64", np.float32, np.int64),
        ("extsi", "i8", "i32", np.int8, np.int32),
        ("extui", "i8", "i32", np.uint8, np.int32),
        ("extui", "i1", "i64", np.bool_, np.int64),
        ("uitofp", "i1", "f32", np.bool_, np.float32),
        ("trunci", "i32", "i8", np.int32, np.int8),
        ("extf", "f16", "f32", np.float16, np.float32),
        ("truncf", "f32", "f16", np.float32, np.float16),
        ("extf", "f32", "f64", np.float32, np.float64),
    ],
)
def test_casts(compiled, op, a, b, source, target):
    x = (np.arange(-40, 45) * (2.7 if source in (np.float32, np.float16) else 1)).astype(source)
    found = pointwise(compiled, f"%w = arith.{op} %v : {a} to {b}", x, a, b, target)
    np.testing.assert_array_equal(found, x.astype(target))


@pytest.mark.parametrize("width", [8, 32, 64])
def test_integers_wrap_and_division_is_total(compiled, width):
    kind = np.dtype(f"int{width}").type
    least = np.iinfo(kind).min
    x = np.array([0, 1, -1, 7, -7, least, np.iinfo(kind).max, 100, -100] * 5, kind)
    a = f"i{width}"
    with np.errstate(all="ignore"):
        for text, want in (
            (f"%w = arith.addi %v, %v : {a}", x + x),
            (f"%w = arith.muli %v, %v : {a}", x * x),
            (f"%c = arith.constant -1 : {a}\n    %w = arith.divsi %v, %c : {a}", -x),
            (f"%c = arith.constant 0 : {a}\n    %w = arith.divsi %v, %c : {a}", x * 0),
            (f"%c = arith.constant 3 : {a}\n    %w = arith.remsi %v, %c : {a}", np.fmod(x, kind(3))),
            (f"%w = math.absi %v : {a}", np.abs(x)),
        ):
            np.testing.assert_array_equal(pointwise(compiled, text, x, a, a, kind), want)


@pytest.mark.parametrize("vector_bytes", [4, 32])
@pytest.mark.parametrize("width", [8, 32, 64])
def test_integer_powers_wrap(compiled, width, vector_bytes):
    kind = np.dtype(f"int{width}").type
    x = np.array([0, 1, -1, 2, -3, 7, -7, 100, np.iinfo(kind).min] * 4, kind)
    for exponent, want in ((0, x**0), (3, x * x * x), (-3, np.where(np.abs(x) == 1, x, 0)), (-2, np.abs(x) == 1)):
        text = f"%c = arith.constant {exponent} : i{width}\n    %w = math.ipowi %v, %c : i{width}"
        found = pointwise(compiled, text, x, f"i{width}", f"i{width}", kind, vector_bytes)
        np.testing.assert_array_equal(found, want.astype(kind))


def test_vectors_of_bf16_are_moved_as_bits(compiled):
    import ml_dtypes

    x = np.arange(-20, 20).astype(ml_dtypes.bfloat16)
    text = (
        "%c = arith.constant 7 : i64\n    %i = linalg.index 0 : index\n    %j = arith.index_cast %i : index to i64\n"
        "    %b = arith.cmpi slt, %j, %c : i64\n    %z = arith.constant 0.0 : bf16\n"
        "    %w = arith.select %b, %z, %v : bf16"
    )
    found = pointwise(compiled, text, x, "bf16", "bf16", ml_dtypes.bfloat16)
    np.testing.assert_array_equal(found[7:], x[7:])
    assert not found[:7].any()
