"""The schedule of a kernel by estimate: floors of arithmetic, of the second cache and of memory, over the rounds of the
multiprocessors.

    contraction 196 x 1024 x 256      32 programs of 64 x 128: one round of 132
    rows of 768                       a row a program
    rows of 12544 apart (pixels)      64 channels side by side, 64 pixels at a time
    contraction 49 x 512 x 4608       8 programs of 64 x 64, in 8 parts of K each
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

from ....dialects._shape import dtype, element
from ....dialects._stages import Kernel
from .body import Unsupported
from .flash import Attention
from .schedule import Schedule, power
from .shape import Pointwise, Product, Rows
from .split import parts

SHARED = 160 * 1024
"""Bytes of shared memory that the pipeline's stages may take: what sm_80 has, for which there is a binary too."""
HELD = 8192
"""Elements of a row that a program holds."""
SPLITS = (2, 4, 8, 16, 32)
"""Parts that a contraction's sum may have."""
WORTH = 0.6
"""The share of the time that parts have to come below: they are a launch more, and the estimate is rough."""
LONG, PART = 256 * 1024, 64 * 1024
"""Bytes that a program reads of rows above which these are cut, and of a part of them."""


@dataclass(frozen=True)
class Gpu:
    """What schedules are chosen by: multiprocessors, bytes of shared memory of a program, operations and bytes a second
    (the second cache's, the memory's), seconds of a launch."""

    sms: int = 132
    shared: int = SHARED
    flops: float = 800e12
    l2: float = 5.5e12
    dram: float = 3.0e12
    launch: float = 2.5e-6


def choose(found: Kernel, form: Pointwise | Rows | Product | Attention, gpu: Gpu, precision: str) -> Schedule:
    """The schedule of a kernel of this form."""
    match form:
        case Pointwise(x=dims):
            return _flat(found, prod(found.sizes[d] for d in dims), gpu, 1024)
        case Rows():
            return _rows(found, form, gpu)
        case Product():
            return _product(found, form, gpu, precision)
        case Attention():
            return _attention(found, form, gpu, precision)


def _flat(found: Kernel, total: int, gpu: Gpu, most: int) -> Schedule:
    """Indices of a block of a flat axis: few enough that all multiprocessors have several, enough that each thread of a
    warp moves 16 bytes at a time."""
    warp = 32 * _side_by_side(found)
    bx = min(power(total), max(warp, min(most, power(total // (4 * gpu.sms)))))
    return Schedule(BX=bx, warps=max(1, min(8, bx // warp)))


def _side_by_side(found: Kernel) -> int:
    """Elements that 16 bytes hold of the narrowest numbers; of booleans and of 8 bits as many as of 16."""
    return 16 // max(2, min(dtype(element(a)).itemsize for a in found.func.body.block.args))


def _rows(found: Kernel, form: Rows, gpu: Gpu) -> Schedule:
    rows = prod(found.sizes[d] for d in form.x)
    length = max(prod(found.sizes[d] for d in dims) for dims in form.r)
    if form.one_by_one:
        return replace(_flat(found, rows, gpu, 512), BR=1)
    if form.along:
        br = power(length) if length <= HELD else 2048
        bx = min(power(rows), max(1, 1024 // br), power(max(1, rows // gpu.sms)))
    else:
        bx = min(power(rows), max(16, min(64, power(rows // gpu.sms))))
        br = min(power(length), 4096 // bx)
    schedule = Schedule(BX=bx, BR=br, warps=max(1, min(8, bx * br // 256)))
    return replace(schedule, split=_parts(found, form, schedule, -(-rows // bx), length * bx, gpu))


def _parts(found: Kernel, form: Rows, schedule: Schedule, programs: int, elements: int, gpu: Gpu) -> int:
    """Parts of long rows, where these are so few that most multiprocessors would have none; 0 for none."""
    bytes = elements * max(dtype(element(a)).itemsize for a in found.func.body.block.args)
    if 4 * programs > gpu.sms or bytes < LONG:
        return 0
    wanted = replace(schedule, split=min(gpu.sms // programs, -(-bytes // PART)))
    try:
        return parts(found, form, wanted).count
    except Unsupported:
        return 0


def _attention(found: Kernel, form: Attention, gpu: Gpu, precision: str) -> Schedule:
    """Queries in the largest blocks that still give every multiprocessor one; what a thread holds is the sum of values
    and the block of scores."""
    batch, m, n, d, e = (prod(found.sizes[i] for i in dims) for dims in (form.batch, form.m, form.n, form.d, form.e))
    exact = precision == "ieee"
    sizes = [s for s in (128, 64, 32, 16) if s <= max(16, power(m)) and s * max(d, e) <= (4096 if exact else 16384)]
    bm = next((s for s in sizes if batch * -(-m // s) >= gpu.sms), sizes[-1] if m <= 16 else min(sizes[0], 64))
    bn = min(max(16, power(n)), 32 if exact else 64)
    return Schedule(BM=bm, BN=bn, warps=8 if bm * max(d, bn) > 8192 else 4, stages=2)


def _product(found: Kernel, form: Product, gpu: Gpu, precision: str) -> Schedule:
    size, bytes = product_sizes(found, form), factor_bytes(form, precision)
    return _product_of(size, found.sizes[form.k[-1]], bytes, precision == "ieee" and bytes >= 4, gpu)


def product_sizes(found: Kernel, form: Product) -> tuple[int, int, int, int]:
    """Products of a batch, and M, N, K of each."""
    batch, m, n, k = (prod(found.sizes[d] for d in dims) for dims in (form.batch, form.m, form.n, form.k))
    return batch, m, n, k


def factor_bytes(form: Product | Attention, precision: str) -> int:
    """Bytes of an element of the wider factor, as it is multiplied."""
    factors = form.member.generic.inputs if isinstance(form, Product) else (form.query, form.key)
    return 2 if precision in ("f16", "bf16") else max(dtype(element(a.value)).itemsize for a in factors)


def _product_of(size: tuple[int, int, int, int], near: int, bytes: int, exact: bool, gpu: Gpu) -> Schedule:
    """The schedule of a batch of products of M x N x K, `near` of K side by side; `exact` ones use no tensor core."""
    _, m, n, k = size
    fits = [b for b in (16, 32, 64, 128) if near % b == 0]
    candidates = [s for s in _candidates((m, n, k), bytes, exact, gpu.shared) if k == near or not fits or s.BK in fits]
    if near < 16:  # looked up one by one, and none to be kept in flight
        candidates = [s for s in candidates if s.BK <= 32 and s.BM * s.BK <= 2048]
    best = min(candidates, key=lambda s: (product_seconds(size, s, gpu, bytes), s.BM * s.BN, -s.BK))
    cut = [replace(s, split=parts) for s in candidates for parts in SPLITS if shares(size, s, parts, gpu)]
    split = min(cut, key=lambda s: (product_seconds(size, s, gpu, bytes), s.split, s.BM * s.BN), default=best)
    pays = product_seconds(size, split, gpu, bytes) < WORTH * product_seconds(size, best, gpu, bytes)
    return split if pays else best


def shares(size: tuple[int, int, int, int], schedule: Schedule, parts: int, gpu: Gpu) -> bool:
    """Whether the blocks of results leave multiprocessors idle that so many parts of at least two steps would keep
    busy, without more of them than these."""
    batch, m, n, k = size
    tiles = batch * -(-m // schedule.BM) * -(-n // schedule.BN)
    return tiles * parts <= 2 * gpu.sms and tiles < gpu.sms and -(-k // schedule.BK) >= 2 * parts


def _candidates(size: tuple[int, int, int], bytes: int, exact: bool, shared: int) -> Iterator[Schedule]:
    m, n, k = size
    for bm in (16, 32, 64, 128):
        for bn in (16, 32, 64, 128, 256):
            for bk in (16, 32, 64, 128):
                warps = 8 if bm * bn > 64 * 128 else 4 if bm * bn > 16 * 32 else 2
                stages = 4 if bm <= 16 else 3
                held = bm * bn // (32 * warps)
                if (bm > 16 and bm >= 2 * m) or (bn > 16 and bn >= 2 * n) or (bk > 16 and bk >= 2 * k):
                    continue
                if held > (64 if exact else 128) or (exact and bk > 32) or (bm + bn) * bk * bytes * stages > shared:
                    continue
                yield Schedule(BM=bm, BN=bn, BK=bk, warps=warps, stages=stages, group=8)


def product_seconds(size: tuple[int, int, int, int], schedule: Schedule, gpu: Gpu, bytes: int) -> float:
    """Of a batch of products of M x N x K."""
    (batch, m, n, k), bm, bn, bk = size, schedule.BM, schedule.BN, schedule.BK
    parts = max(1, schedule.split)
    whole, blocks = k, -(-k // bk)
    k = -(-blocks // parts) * bk
    tiles = batch * -(-m // bm) * -(-n // bn) * parts
    resident = max(1, min(gpu.shared // ((bm + bn) * bk * bytes * schedule.stages), 16 // schedule.warps))
    rounds = -(-tiles // (gpu.sms * resident))
    full = min(tiles, gpu.sms * resident) / gpu.sms
    feed = min(1.0, bm * bn / 128**2) ** 0.35 * min(1.0, bk * bytes / 128) ** 0.15
    compute = 2 * bm * bn * -(-k // bk) * bk * rounds * max(1.0, full) / (gpu.flops * feed / gpu.sms)
    traffic = tiles * (bm + bn) * k * bytes / gpu.l2
    memory = batch * bytes * (m * whole + whole * n + m * n) / gpu.dram
    steps = -(-k // bk) * rounds * 2e-7
    adding = 0.0 if parts == 1 else gpu.launch + 2 * 4 * parts * batch * m * n / gpu.l2
    return gpu.launch + max(compute, traffic, memory) + steps + adding
