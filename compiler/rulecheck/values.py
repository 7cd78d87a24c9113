"""Numbers that find faults: those at which arithmetic is odd, and such as have nothing odd about them."""

import ml_dtypes
import numpy as np

from ...dialects._shape import Array

Random = np.random.Generator
PLAIN = (0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -4.0, 0.25)
SPECIAL = (0.0, -0.0, float("inf"), float("-inf"), float("nan"))


def numbers(kind: np.dtype[np.generic], dims: tuple[int, ...], random: Random, *, tame: bool = False) -> Array:
    """Random numbers of a type: with its extremes and all that is special; tame ones lie round 1."""
    match kind.kind:
        case "b":
            return random.integers(0, 2, dims).astype(np.bool_)
        case "i" | "u":
            return _integers(kind, dims, random, tame)
        case _:
            return _floats(kind, dims, random, tame)


def _integers(kind: np.dtype[np.generic], dims: tuple[int, ...], random: Random, tame: bool) -> Array:
    ends = np.iinfo(kind.name)
    odd = np.asarray([ends.min, ends.min + 1, ends.max, ends.max - 1, 0, 1, 2, ends.max // 2 + 1], kind)
    near = random.integers(0 if kind.kind == "u" or tame else -9, 10, dims).astype(kind)
    anywhere = random.integers(ends.min, ends.max, dims, kind.name, endpoint=True)
    choice = random.integers(0, 3, dims)
    picked = np.where(choice == 0, random.choice(odd, dims), np.where(choice == 1, near, anywhere))
    return (near if tame else picked).astype(kind)


def _floats(kind: np.dtype[np.generic], dims: tuple[int, ...], random: Random, tame: bool) -> Array:
    signs = random.choice([-1.0, 1.0], dims)
    around = np.exp2(random.uniform(-2, 2, dims)) * signs
    if tame:
        return around.astype(kind)
    ends = ml_dtypes.finfo(kind)
    odd = [*SPECIAL, *PLAIN, *(float(v) for v in (ends.max, ends.min, ends.tiny, ends.smallest_subnormal, ends.eps))]
    wide = np.exp2(random.uniform(float(np.log2(float(ends.tiny))), float(ends.maxexp) - 1, dims)) * signs
    choice = random.integers(0, 4, dims)
    with np.errstate(all="ignore"):
        picked = np.where(choice == 0, random.choice(odd, dims), np.where(choice == 1, wide, around))
        return picked.astype(kind)


def constant_numbers(kind: np.dtype[np.generic], dims: tuple[int, ...], random: Random, *, tame: bool = False) -> Array:
    """Numbers for a constant: one all over, powers of two, an ascending row, or any."""
    style = random.integers(0, 4)
    if kind.kind not in "fV" or style == 3:
        one = random.integers(0, 5) if kind.kind != "b" else random.integers(0, 2)
        return np.full(dims, one, kind) if style < 2 else numbers(kind, dims, random, tame=tame)
    with np.errstate(all="ignore"):
        if style == 0:
            choice = random.choice([1.0, 2.0, 3.0, 0.5, -1.0, 6.0] if tame else [*PLAIN, *SPECIAL, 6.0])
            return np.full(dims, choice).astype(kind)
        if style == 1:
            return (np.exp2(random.integers(-3, 4, dims)) * random.choice([-1.0, 1.0], dims)).astype(kind)
        return np.abs(numbers(kind, dims, random, tame=True))


def equal_bits(a: Array, b: Array) -> bool:
    """Whether two arrays hold the same bits; NaN is NaN."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind not in "fV":
        return bool(np.array_equal(a, b))
    wide = [x.astype(np.float64) for x in (a, b)]
    same = (wide[0] == wide[1]) & (np.signbit(wide[0]) == np.signbit(wide[1]))
    return bool((same | (np.isnan(wide[0]) & np.isnan(wide[1]))).all())


def equal_numbers(a: Array, b: Array) -> bool:
    """Whether two arrays hold the same numbers; NaN is NaN, -0.0 is 0.0."""
    if a.dtype.kind not in "fV":
        return bool(np.array_equal(a, b))
    x, y = a.astype(np.float64), b.astype(np.float64)
    return bool(((x == y) | (np.isnan(x) & np.isnan(y))).all())
