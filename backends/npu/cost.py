"""What an instruction costs on a machine, in closed form: cycles of the array, of the vector unit, bytes of a transfer.

A descriptor's fields come as a dictionary; counts that are missing are 1, other fields 0. The array's times equal the
register-level arrays of `sim/pe.py` and, without overlap, SCALE-Sim's.
"""

from collections.abc import Mapping
from math import ceil as round_up

from .machine import Machine

Fields = Mapping[str, int | float]

GEMM_TYPES = ("i8", "i16xi8", "i16", "bf16")
"""Names of a gemm descriptor's `dtype`."""
A_BYTES = {"i8": 1, "i16xi8": 2, "i16": 2, "bf16": 2}
"""Bytes of an element of the left operand."""
VEC_BYTES = (1, 2, 4, 4, 2, 1)
"""Bytes of an element by a vec descriptor's `dtype`: i8, i16, i32, f32, bf16, u8."""
TRANSPOSE, FLIP, PAD = 1, 2, 8
"""Bits of a dma descriptor's `flags`."""


def ceil(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


def count(fields: Fields, *names: str) -> int:
    """The product of counts, each 1 where it is missing."""
    product = 1
    for name in names:
        product *= int(fields.get(name, 1))
    return product


def feeds(m: Machine, dtype: str, lines: int) -> int:
    """K lines of one output row -> array feeds; a full-rate 2-byte type takes two lines per feed."""
    per = m.rate[dtype] * A_BYTES[dtype]
    return ceil(lines, int(per)) if per >= 1 else lines * round(1 / per)


def mm_time(m: Machine, M: int, nfeed: int, nn: int, K: int, df: str) -> tuple[int, int, int]:
    """-> (pre, busy, done): preload before the first feed; then, from the first feed, cycles until the next `mm` may
    feed and until the last result is visible. K (valid lanes over rate) counts for df "os" only."""
    R, C, fill = m.rows, m.cols, m.rows + m.cols - 2
    if m.kind == "cube":
        n = ceil(M, m.depth) * nfeed * nn
        return 0, n, n + 4
    if df == "os":
        n, drain = ceil(M, R) * nn, R if m.os_drain else 0
        if not m.os_double_buffer:
            return 0, n * (K + fill + drain), n * (K + fill + drain)
        return 0, n * max(K, R), (n - 1) * max(K, R) + K + fill + drain
    n = nfeed * nn
    if not m.weight_double_buffer:
        return 0, n * (2 * R + C + M - 2), n * (2 * R + C + M - 2)
    return R, n * max(M, R), (n - 1) * max(M, R) + M + fill


def dataflow(m: Machine, fields: Fields) -> str:
    """ "ws", "os", or "" on a cube: a gemm descriptor's `df`, 0 being the machine's first."""
    return ("", "ws", "os")[int(fields.get("df", 0))] or (m.dataflow[0] if m.dataflow else "")


def gemm_shape(m: Machine, fields: Fields) -> tuple[int, int, int, int]:
    """M, feeds of one output row and column tile, column tiles, and K valid lanes of a gemm descriptor."""
    dtype = GEMM_TYPES[int(fields.get("dtype", 0))]
    lanes, taps, pack = m.rows // A_BYTES[dtype], count(fields, "nkh", "nkw"), 1 << int(fields.get("kpack", 0))
    blocks, last = count(fields, "nc1"), int(fields.get("klast", 0)) or lanes // pack
    lines = ceil(taps, pack) * blocks
    return count(fields, "my", "mx"), feeds(m, dtype, lines), count(fields, "nn"), taps * ((blocks - 1) * lanes + last)


def gemm_time(m: Machine, fields: Fields) -> tuple[int, int, int]:
    """`mm_time` of a gemm descriptor."""
    rows, nfeed, nn, lanes = gemm_shape(m, fields)
    rate = m.rate[GEMM_TYPES[int(fields.get("dtype", 0))]]
    return mm_time(m, rows, nfeed, nn, round_up(lanes / rate), dataflow(m, fields))


def dma_cost(fields: Fields, burst: int) -> tuple[int, int]:
    """-> bytes moved (rounded to bursts per run), runs. Rows that touch or overlap in DRAM form one run."""
    span = run = int(fields["n0"])
    rows, joined = 1, True
    for i in "123":
        n, g = count(fields, "n" + i), int(fields.get("g" + i, 0))
        joined = joined and (n == 1 or g <= span)
        run, rows = (run * n, rows) if joined else (run, rows * n)
        span = (n - 1) * g + span
    return rows * ceil(run, burst) * burst, rows


def local_lines(fields: Fields, line: int) -> int:
    """Lines that `fill` or `ld.l` writes to a memory of `line` bytes a line: its busy cycles."""
    n0, n1, rest = int(fields["n0"]), count(fields, "n1"), count(fields, "n2", "n3")
    if int(fields.get("flags", 0)) & TRANSPOSE:
        size = int(fields.get("esz", 0))
        return (n0 >> size) * ceil(n1 << size, line) * rest
    return n1 * rest * ceil(n0, line)


def elements(m: Machine, fields: Fields, from_acc: bool) -> int:
    """n of section "instructions": ny * nx * nc1 * L, L the lanes of src0's type, or of the result's if src0 is ACC."""
    lanes = m.rows // VEC_BYTES[int(fields.get("odt" if from_acc else "dtype", 0))]
    return count(fields, "ny", "nx", "nc1") * lanes


def vpu_busy(m: Machine, name: str, fields: Fields, from_acc: bool | None = None) -> int:
    """Cycles a `v.*` instruction takes the vector unit; visible `m.vpu.startup` later. `name` has its suffixes
    (`v.rq.res.gelu`); `from_acc`: src0 is in ACC, by default for `v.rq` alone."""
    base, suffixes = name[: (name + ".").index(".", 2)], name.split(".")[2:]
    n = elements(m, fields, base == "v.rq" if from_acc is None else from_acc)
    lanes, rows = m.vpu.lanes, count(fields, "ny", "nx")
    steps = lanes.bit_length() - 1
    slow = 4 if any(s in SLOW for s in suffixes) else 0
    match base:
        case "v.rq":
            return ceil(n * ((2 if "res" in suffixes else 1) + slow), lanes)
        case "v.dw":
            mac = m.vpu.mac_per_lane
            return ceil(n * (count(fields, "kh", "kw") + mac), lanes * mac)
        case "v.pool":
            return ceil(n * count(fields, "kh", "kw"), lanes)
        case "v.ew" | "v.cp":
            return ceil(n, lanes)
        case "v.act":
            return ceil(n * (slow or 1), lanes)
        case "v.sm":
            return ceil(6 * n, lanes) + rows * steps
        case "v.ln":
            return ceil(4 * n, lanes) + rows * (steps + 16)
        case "v.red":
            return ceil(n, lanes) + steps
        case _:
            raise ValueError(f"expected a vector instruction, found {name}")


SLOW = frozenset(("gelu", "silu", "tanh", "sigmoid", "exp"))
"""Activations that take four passes over their elements."""
