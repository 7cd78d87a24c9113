"""Ops on single elements, lowered: each against its numpy meaning on numbers of all sizes, and on the odd ones."""

import inspect
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest
from aic.dialects._shape import Array, element_of
from aic.dialects.graph import activation, compare, elementwise, logical, trigonometry
from aic.dialects.graph._base import GraphOp
from aic.dialects.graph._pointwise import FloatUnaryOp, PointwiseOp, UnaryOp
from aic.dialects.graph.cast import BitcastOp, CastOp
from aic.passes.tensor._lower._rules import load_rules, rule_for

Agrees = Callable[..., list[Array]]
ODD = [
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    20,
    -20,
    100,
    -100,
    1e-3,
    -1e-3,
    1e30,
    -1e30,
]
FLOATS = [np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]
BOOL = np.dtype(bool)
INTS = [np.dtype(k) for k in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")]
SETTINGS = {
    activation.LeakyReluOp: {"alpha": 0.01},
    activation.EluOp: {"alpha": 1.5},
    activation.CeluOp: {"alpha": 0.75},
    activation.SeluOp: {"alpha": 1.67, "gamma": 1.05},
    activation.HardSigmoidOp: {"alpha": 0.2, "beta": 0.5},
    activation.GeluOp: {"approximate": "none"},
    compare.IsInfOp: {"negative": True, "positive": True},
    elementwise.ModOp: {"fmod": False},
}


def ops(*files: object) -> list[type[GraphOp]]:
    """The ops that files define."""
    classes = {c for f in files for _, c in inspect.getmembers(f, inspect.isclass) if issubclass(c, PointwiseOp)}
    return sorted((c for c in classes if "name" in vars(c)), key=lambda c: c.name)


ALL = ops(activation, compare, elementwise, logical, trigonometry)
UNARY = [c for c in ALL if issubclass(c, FloatUnaryOp | compare.ClassifyOp)]
BINARY = ops(elementwise, compare, activation)
BINARY = [c for c in BINARY if not issubclass(c, UnaryOp | compare.ClassifyOp | compare.WhereOp | activation.PReluOp)]


def floats(kind: np.dtype[np.generic], seed: int = 0) -> Array:
    random = np.random.default_rng(seed).standard_normal(44) * np.exp2(np.random.default_rng(seed).integers(-6, 5, 44))
    with np.errstate(over="ignore"):
        return np.concatenate([np.array(ODD), random]).astype(kind)


def integers(kind: np.dtype[np.generic], seed: int = 0) -> Array:
    limits = np.iinfo(kind.name)
    random = np.random.default_rng(seed).integers(limits.min, limits.max, 40, kind, endpoint=True)
    few = np.arange(-3 if limits.min else 0, 5).astype(kind)
    return np.concatenate([few, np.array([limits.min, limits.max], kind), random])


def pairs(values: Array) -> tuple[Array, Array]:
    """Two arrays whose broadcast pairs up many of the values."""
    return values.reshape(1, -1), values[:24].reshape(-1, 1)


def test_every_op_has_a_rule() -> None:
    load_rules()
    assert not [c.name for c in [*ALL, CastOp, BitcastOp] if rule_for(c) is None]


@pytest.mark.parametrize("op", UNARY, ids=lambda c: c.name[6:])
@pytest.mark.parametrize("kind", FLOATS, ids=str)
def test_unary(agrees: Agrees, op: type[GraphOp], kind: np.dtype[np.generic]) -> None:
    agrees(op, floats(kind), atol=1e-6, **SETTINGS.get(op, {}))


@pytest.mark.parametrize("op", BINARY, ids=lambda c: c.name[6:])
@pytest.mark.parametrize("kind", [*FLOATS[:3], *INTS], ids=str)
def test_binary(agrees: Agrees, op: type[GraphOp], kind: np.dtype[np.generic]) -> None:
    values = floats(kind) if kind.kind == "f" else integers(kind)
    if op is elementwise.ModOp and kind.kind == "f":
        values = values[~(np.abs(values) > 1e4) | np.isinf(values)]  # exact up to quotients of 2^26
    agrees(op, *pairs(values), atol=0, **SETTINGS.get(op, {}))


@pytest.mark.parametrize("kind", [*FLOATS, np.dtype(np.int8), np.dtype(np.int64)], ids=str)
def test_fmod(agrees: Agrees, kind: np.dtype[np.generic]) -> None:
    few = np.array([7.5, -7.5, 5.3, 0.1, -0.1, 0, 3, -3, 100, 1e-3, np.inf, -np.inf, np.nan])
    values = integers(kind) if kind in INTS else few.astype(kind)
    agrees(elementwise.ModOp, *pairs(values), atol=0, fmod=True)


@pytest.mark.parametrize("op", [elementwise.AbsOp, elementwise.NegOp, elementwise.SignOp, activation.ReluOp])
@pytest.mark.parametrize("kind", [*FLOATS, *INTS], ids=str)
def test_numbers(agrees: Agrees, op: type[GraphOp], kind: np.dtype[np.generic]) -> None:
    agrees(op, integers(kind) if kind in INTS else floats(kind), atol=0)


@pytest.mark.parametrize("op", [logical.AndOp, logical.OrOp, logical.XorOp, compare.EqualOp])
@pytest.mark.parametrize("kind", [BOOL, *INTS], ids=str)
def test_bits(agrees: Agrees, op: type[GraphOp], kind: np.dtype[np.generic]) -> None:
    values = np.array([False, True]) if kind == BOOL else integers(kind)
    agrees(op, *pairs(values))
    agrees(logical.NotOp, values)


@pytest.mark.parametrize("op", [logical.ShiftLeftOp, logical.ShiftRightOp])
@pytest.mark.parametrize("kind", INTS, ids=str)
def test_shifts(agrees: Agrees, op: type[GraphOp], kind: np.dtype[np.generic]) -> None:
    by = np.array([[0], [1], [7], [8], [31], [32], [63], [64], [100], [-1]]).astype(kind)
    agrees(op, integers(kind).reshape(1, -1), by)


@pytest.mark.parametrize("negative", [True, False])
@pytest.mark.parametrize("positive", [True, False])
def test_infinities(agrees: Agrees, negative: bool, positive: bool) -> None:
    agrees(compare.IsInfOp, floats(FLOATS[0]), negative=negative, positive=positive)


@pytest.mark.parametrize("kind", [*FLOATS, *INTS, BOOL], ids=str)
def test_choices(agrees: Agrees, kind: np.dtype[np.generic]) -> None:
    x, y = np.arange(6).reshape(2, 3).astype(kind), np.array(1).astype(kind)
    agrees(compare.WhereOp, np.array([True, False, True]), x, y)


def test_slopes(agrees: Agrees) -> None:
    agrees(activation.PReluOp, floats(FLOATS[0]).reshape(8, -1), np.linspace(-1, 1, 8, dtype=np.float32).reshape(8, 1))
    agrees(activation.PReluOp, integers(INTS[2]), np.array(3, np.int32))
    agrees(activation.GeluOp, floats(FLOATS[0]), approximate="tanh")


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, 5, 0.5, -0.5, -1, -2, 0.3])
@pytest.mark.parametrize("kind", [FLOATS[0], FLOATS[1], np.dtype(np.int32), np.dtype(np.uint8)], ids=str)
def test_known_exponents(agrees: Agrees, exponent: float, kind: np.dtype[np.generic]) -> None:
    values = floats(kind) if kind.kind == "f" else integers(kind)
    power = np.array(exponent, np.int64 if exponent == int(exponent) else np.float32)
    agrees(elementwise.PowOp, values, power, known=(1,), atol=0)
    agrees(elementwise.PowOp, values, np.full(values.shape, power), atol=0)


@pytest.mark.parametrize("base", [*FLOATS[:3], np.dtype(np.int32), np.dtype(np.uint8)], ids=str)
@pytest.mark.parametrize("exponent", [*FLOATS[:3], np.dtype(np.int64), np.dtype(np.int8)], ids=str)
def test_mixed_powers(agrees: Agrees, base: np.dtype[np.generic], exponent: np.dtype[np.generic]) -> None:
    x, y = np.arange(0, 6).astype(base), np.arange(-3, 4).astype(exponent)
    agrees(elementwise.PowOp, x, y.reshape(-1, 1), atol=0)


@pytest.mark.parametrize("kind", [*FLOATS, *INTS, BOOL], ids=str)
@pytest.mark.parametrize("to", [*FLOATS, *INTS, BOOL], ids=str)
def test_casts(agrees: Agrees, kind: np.dtype[np.generic], to: np.dtype[np.generic]) -> None:
    values = floats(kind) if kind in FLOATS else np.array([True, False]) if kind == BOOL else integers(kind)
    if kind in FLOATS:
        edges = [s * 2.0**e for e in (7, 8, 15, 16, 31, 32, 63, 64) for s in (1, -1)]
        with np.errstate(over="ignore"):
            values = np.concatenate([values, np.array(edges).astype(kind)])
    agrees(CastOp, values, atol=0, to=element_of(to))


def test_constants_stand_in_the_body(agrees: Agrees) -> None:
    agrees(elementwise.AddOp, floats(FLOATS[2]), np.full((1,), 2, np.float16), known=(1,))
    agrees(elementwise.AddOp, np.zeros((2, 3), np.int32), np.arange(3, dtype=np.int32), known=(1,))


@pytest.mark.parametrize("source", [*FLOATS, *INTS], ids=str)
def test_bitcast(agrees: Agrees, source: np.dtype[np.generic]) -> None:
    x = floats(source) if source in FLOATS else integers(source)[:5]  # later ones may be NaNs that signal
    for kind in (*FLOATS, *INTS):
        if kind.itemsize == source.itemsize:
            agrees(BitcastOp, x, to=element_of(kind))
