"""Products of matrices as the array forms them: exact for integers, float32 sums of bf16.

product(a, b, "i8", za, zb): a[M, K] holds whole numbers as float32, b[K, N] likewise -> int32[M, N] mod 2**32
"""

from collections.abc import Iterator

import numpy as np

from ._meaning import Numbers

BITS = {"i8": (8, 8), "i16xi8": (16, 8), "i16": (16, 16)}


def work_type(dtype: str) -> type[np.float32] | type[np.float64]:
    """The type whose products are used: float32 for i8 and bf16, else float64."""
    return np.float32 if dtype in ("i8", "bf16") else np.float64


def chunk(dtype: str, za: int = 0, zb: int = 0) -> int:
    """How many products, at most, add up exactly; 1024 for int8 without zero points."""
    if dtype == "bf16":
        return 1 << 30
    low = [1 << bits - 1 for bits in BITS[dtype]]
    ra, rb = (max(m - 1 - z, m + z) if z else m for m, z in zip(low, (za, zb), strict=True))
    return (1 << (24 if dtype == "i8" else 53)) // (ra * rb)


def products(
    a: Numbers, b: Numbers, dtype: str, za: int = 0, zb: int = 0, out: Numbers | None = None
) -> Iterator[Numbers]:
    """Partial products that add up to a @ b, each exact; a and b in the work type, zero points subtracted."""
    step = chunk(dtype, za, zb)
    for k in range(0, a.shape[1], step):
        yield np.matmul(a[:, k : k + step], b[k : k + step], out=out)


def product(a: Numbers, b: Numbers, dtype: str = "i8", za: int = 0, zb: int = 0) -> Numbers:
    """(a - za) @ (b - zb): int32 mod 2**32, or for `bf16` (numbers that bf16 holds) float32."""
    kind = work_type(dtype)
    x, y = a.astype(kind), b.astype(kind)
    if za:
        x -= kind(za)
    if zb:
        y -= kind(zb)
    if dtype == "bf16":
        return x @ y
    total = np.zeros((len(x), y.shape[1]), np.int32)
    for part in products(x, y, dtype, za, zb):
        total += whole(part)
    return total


def whole(part: Numbers) -> Numbers:
    """Exact float sums as int32, mod 2**32."""
    return part.astype(np.int32) if part.dtype == np.float32 else part.astype(np.int64).astype(np.int32)
