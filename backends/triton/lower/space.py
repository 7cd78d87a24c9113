"""The legal schedules of a kernel in blocks, pruned by the numbers of a machine before any is compiled.

contraction 3136 x 256 x 64     BM, BN, BK, warps, stages: 170 of 1,600; the others do not fit registers or memory,
                                or have fewer steps than stages
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import product
from math import log2, prod
from random import Random

from ....dialects import _schedules
from ....dialects._schedules import Features, Space
from ....dialects._shape import dtype, element, shape
from ....dialects._stages import Kernel
from .choose import SPLITS, Gpu, choose, factor_bytes, product_seconds, product_sizes, shares
from .flash import Attention
from .schedule import KNOBS, Schedule, ScheduleError, parse_schedule, power
from .shape import Pointwise, Product, Rows

Form = Pointwise | Rows | Product | Attention
HELD = {True: 64, False: 128}
"""Sums that a thread holds at most, of exact products and of those by tensor cores."""
ELEMENTS = 64
"""Elements of a row's block that a thread holds at most."""
WARPS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class BlockSpace(Space):
    """A kernel with its schedules, the default first."""

    found: Kernel
    form: Form
    gpu: Gpu
    precision: str
    schedules: tuple[Schedule, ...]

    @property
    def size(self) -> int:
        return len(self.schedules)

    def all(self) -> Iterator[Schedule]:
        yield from self.schedules

    def random(self, random: Random) -> Schedule:
        return random.choice(self.schedules)

    def mutated(self, schedule: _schedules.Schedule, random: Random) -> Schedule:
        near = [s for s in self.schedules if distance(s, ours(schedule)) == 1]
        return random.choice(near or self.schedules)

    def crossed(self, one: _schedules.Schedule, other: _schedules.Schedule, random: Random) -> Schedule:
        pairs = {k: (getattr(ours(one), k), getattr(ours(other), k)) for k in KNOBS}
        child = Schedule(**{k: random.choice(pair) for k, pair in pairs.items()})
        return child if child in self.schedules else ours(one)

    def features(self, schedule: _schedules.Schedule) -> Features:
        one = ours(schedule)
        cost = seconds(self.found, self.form, one, self.gpu, self.precision)
        return Features(cost, (log2(1e9 * cost), *(log2(max(getattr(one, k), 1)) for k in KNOBS)))

    def text(self, schedule: _schedules.Schedule) -> str:
        return ours(schedule).text

    def parsed(self, text: str) -> Schedule | None:
        try:
            found = parse_schedule(text)
        except ScheduleError:
            return None
        return found if found in self.schedules else None

    def attribute(self, schedule: _schedules.Schedule) -> _schedules.Attribute:
        return ours(schedule).attribute()

    def lighter(self, schedule: _schedules.Schedule) -> Iterator[Schedule]:
        limit, seen = weight(ours(schedule)), set[Schedule]()
        for other in sorted(self.schedules, key=lambda s: self.features(s).cost):
            kind, found = replace(other, stages=0, group=0), weight(other)
            if found[0] < limit[0] and found[1] <= limit[1] and kind not in seen:
                seen.add(kind)
                yield other


def ours(schedule: _schedules.Schedule) -> Schedule:
    """A schedule as one of these."""
    if not isinstance(schedule, Schedule):
        raise TypeError(f"expected a schedule in blocks, found {schedule}")
    return schedule


def distance(one: Schedule, other: Schedule) -> int:
    """In how many knobs two schedules differ."""
    return sum(getattr(one, f.name) != getattr(other, f.name) for f in fields(Schedule))


def weight(schedule: Schedule) -> tuple[float, int]:
    """What a schedule takes, by guess: elements that a thread holds, and that shared memory holds."""
    s = schedule
    held = max(s.BM * s.BN, s.BX * max(s.BR, 1)) / s.warps
    return held, (s.BM + s.BN) * max(s.BK, 1) * s.stages


def space_of(found: Kernel, form: Form, gpu: Gpu, precision: str) -> BlockSpace | None:
    """The schedules of a kernel that are worth a try; None if there is but one."""
    default = choose(found, form, gpu, precision)
    match form:
        case Pointwise(x=dims):
            tried = _flat(prod(found.sizes[d] for d in dims), default)
        case Rows():
            tried = _rows(found, form, default)
        case Product():
            tried = _products(found, form, default, gpu, precision)
        case Attention():
            tried = _attentions(found, form, default, gpu, precision)
    schedules = tuple(dict.fromkeys((default, *tried)))
    return BlockSpace(found, form, gpu, precision, schedules) if len(schedules) > 1 else None


def _powers(low: int, high: int, most: int) -> list[int]:
    """Powers of two from low to high, none of which reaches past `most` by half."""
    found = [1 << e for e in range(low.bit_length() - 1, high.bit_length()) if 1 << e < 2 * most]
    return found or [low]


def _flat(total: int, default: Schedule) -> Iterator[Schedule]:
    for bx, warps in product(_powers(64, 4096, total), WARPS[:4]):
        if 1 <= bx / (32 * warps) <= 32:
            yield replace(default, BX=bx, warps=warps)


def _rows(found: Kernel, form: Rows, default: Schedule) -> Iterator[Schedule]:
    rows = prod(found.sizes[d] for d in form.x)
    length = max(prod(found.sizes[d] for d in dims) for dims in form.r)
    if form.one_by_one:
        yield from (s for s in _flat(rows, default) if s.BX <= 1024)
        return
    wide = [power(length)] if power(length) <= 2 * 8192 else []
    inner = {*wide, *_powers(512, 8192, length // 2)} if form.along else {*_powers(1, 256, length)}
    outer = _powers(1, 16, rows) if form.along else _powers(8, 128, rows)
    for bx, br, warps in product(outer, sorted(inner), WARPS):
        if 1 <= bx * br / (32 * warps) <= ELEMENTS and (not default.split or br == default.BR):
            yield replace(default, BX=bx, BR=br, warps=warps)


def _products(found: Kernel, form: Product, default: Schedule, gpu: Gpu, precision: str) -> Iterator[Schedule]:
    size = _, m, n, k = product_sizes(found, form)
    near, bytes = found.sizes[form.k[-1]], factor_bytes(form, precision)
    exact = precision == "ieee" and bytes >= 4
    fits = [b for b in (16, 32, 64, 128) if near % b == 0]
    deep = [b for b in _powers(16, 128, k) if k == near or not fits or b in fits]
    if near < 16:
        deep = [b for b in deep if b <= 32]
    blocks = product(_powers(16, 256, m), _powers(16, 256, n), deep, WARPS[1:4], (2, 3, 4, 5))
    for bm, bn, bk, warps, stages in blocks:
        held, steps = bm * bn // (32 * warps), -(-k // bk)
        shared = (bm + bn) * bk * bytes * stages
        if 2 <= held <= HELD[exact] and shared <= gpu.shared and (stages == 2 or steps >= stages):
            one = replace(default, BM=bm, BN=bn, BK=bk, warps=warps, stages=stages, split=0)
            yield from (one, *(replace(one, split=parts) for parts in SPLITS if shares(size, one, parts, gpu)))


def _attentions(found: Kernel, form: Attention, default: Schedule, gpu: Gpu, precision: str) -> Iterator[Schedule]:
    m, n, d, e = (prod(found.sizes[i] for i in dims) for dims in (form.m, form.n, form.d, form.e))
    bytes = 4 if precision == "ieee" else 2
    for bm, bn, warps, stages in product(_powers(16, 128, m), _powers(16, 128, n), WARPS[2:4], (1, 2, 3)):
        held = bm * max(e, d) / (32 * warps) + bm * bn / (32 * warps)
        shared = bm * d * bytes + bn * (d + e) * bytes * stages
        if held <= HELD[precision == "ieee"] and shared <= gpu.shared:
            yield replace(default, BM=bm, BN=bn, warps=warps, stages=stages)


def seconds(found: Kernel, form: Form, schedule: Schedule, gpu: Gpu, precision: str) -> float:
    """The time of a launch by guess."""
    match form:
        case Product():
            return product_seconds(product_sizes(found, form), schedule, gpu, factor_bytes(form, precision))
        case Attention():
            batch, m, n, d, e = (
                prod(found.sizes[i] for i in dims) for dims in (form.batch, form.m, form.n, form.d, form.e)
            )
            whole = replace(schedule, BK=schedule.BN, BN=power(d + e))
            return product_seconds((batch, m, d + e, n), whole, gpu, factor_bytes(form, precision))
        case Pointwise(x=dims) | Rows(x=dims):
            return _streamed(found, prod(found.sizes[d] for d in dims), schedule, gpu)


def _streamed(found: Kernel, total: int, schedule: Schedule, gpu: Gpu) -> float:
    """Of a kernel that reads and writes: as fast as the memory where 16 warps on each multiprocessor each move 16 bytes
    a thread at a time."""
    args = found.func.body.block.args
    moved = sum(prod(shape(a)) * dtype(element(a)).itemsize for a in args)
    programs, held = -(-total // schedule.BX), schedule.BX * max(schedule.BR, 1)
    width = max(dtype(element(a)).itemsize for a in args) * held / (32 * schedule.warps)
    busy = min(1.0, programs * schedule.warps / (16 * gpu.sms)) * min(1.0, width / 16)
    tail = -(-programs // gpu.sms) * gpu.sms / programs if programs > gpu.sms else 1.0
    return gpu.launch + moved * min(tail, 2.0) / (gpu.dram * max(busy, 0.01))
