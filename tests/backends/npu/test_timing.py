"""Times against independent sources: SCALE-Sim's tables, the TPU v1 paper's applications; more of something is never
slower where it must not be; values do not depend on times."""

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aic.backends.npu.code import Buffer, Code, Ref, Segment
from aic.backends.npu.cost import ceil, mm_time
from aic.backends.npu.emit.encode import encode
from aic.backends.npu.machine import Machine, Port, machine_from
from aic.backends.npu.order.check import check
from aic.backends.npu.order.sync import synchronise
from aic.backends.npu.program import Program
from aic.backends.npu.sim.event import timeline
from aic.backends.npu.sim.functional import Functional

from .instructions import append

SIDES = ("16", "32", "128", "256")


def test_scalesim_layers_take_the_same_cycles():
    """SCALE-Sim 3.0.0, layers of ResNet-50 and MobileNetV2; `cycles` counts the rows of its demand matrix."""
    machines: dict[str, Machine] = {}
    with (Path(__file__).parent / "data" / "scalesim.csv").open(encoding="utf8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        name = f"scalesim,rows={row['rows']},cols={row['cols']}"
        m = machines.setdefault(name, machine_from(name))
        M, K, N = (int(row[name]) for name in "MKN")
        program = Program(m)
        gemm = {"mx": M, "nc1": ceil(K, m.rows), "klast": K % m.rows, "nn": ceil(N, m.cols), "nlast": N % m.cols}
        df = ("", "ws", "os").index(row["dataflow"])
        append(program, "mm", x=("spad", 0), y=("wmem", 0), z=("acc", 0), kind="gemm", df=df, **gemm)
        assert timeline(program).cycles == int(row["cycles"]), row
        _, busy, done = mm_time(m, M, ceil(K, m.rows), ceil(N, m.cols), K, row["dataflow"])
        assert busy == done == int(row["cycles"]), row
    by_table = Counter((row["network"], row["rows"], row["dataflow"]) for row in rows)
    whole = {(net, r, df): n for net, n in (("rn50", 24), ("mbv2", 21)) for r in SIDES for df in ("ws", "os")}
    assert by_table == {**whole, ("rn50", "16", "os"): 3}, "every row of the sixteen tables"


def at(space: str, address: int) -> Ref:
    return Ref(Buffer(space, 0, space, 16, address=address))


def application(layers: int, tiles: int, rows: int, wide: int, lines: int = 1) -> Program:
    """Each layer is `tiles` weight tiles of 64 KiB through a FIFO of four, one `mm` of all rows a tile, and one
    instruction of the vector unit for `wide` x 256 results a row, which the next layer waits for. `lines`: SPAD lines
    of 256 inputs, 1 for int8, 2 for 16 bits."""
    m = machine_from("tpu-v1-like")
    code = Code(m.line)
    weights = Segment(1, "weights", "weights")
    code.segments, size, loads = [weights], m.rows * m.cols, 0
    line, block = m.spad.line // 16, rows * m.spad.line // 16 * lines
    for layer in range(layers):
        x, y = (at("spad", n % 2 * (12 << 20)) for n in (layer, layer + 1))
        for tile in range(tiles):
            w, loads = at("wmem", loads % 4 * size), loads + 1
            fields = {"n0": m.cols, "n1": m.rows, "g1": m.cols, "l1": m.cols // 16}
            code.add("ld.w", x=w, dram=(weights, weights.reserve(size)), desc=("dma", fields))
            down, across = divmod(tile, wide)
            gemm = {"mx": rows, "ax": line, "nc1": lines, "sc1": rows * line, "dtype": lines - 1}
            a, c = Ref(x.buffer, 16 * block * min(down, wide - 1)), at("acc", across * rows * m.acc.line)
            code.add("mm.acc" if down else "mm", x=a, y=w, z=c, desc=("gemm", gemm))
        vec = {"nx": rows, "nc1": wide * lines, "s0x": m.acc.line // 16, "s0c": rows * m.acc.line // 16}
        vec |= {"dx": line, "dc": rows * line, "dtype": 2, "odt": lines - 1}
        code.add("v.rq", x=at("acc", 0), y=at("pmem", 0), z=y, desc=("vec", vec))
    synchronise(code, m)
    return encode(code, m)


@pytest.mark.parametrize(
    ("name", "layers", "rows", "weights", "lines", "active"),
    [
        ("MLP0", 5, 200, 20e6, 1, 14.7),
        ("MLP1", 4, 168, 5e6, 1, 12.2),
        ("LSTM0", 58, 64, 52e6, 1, 4.7),
        ("LSTM0, 16 bits", 58, 64, 52e6, 2, 9.5),
        ("LSTM1", 56, 96, 34e6, 1, 7.1),
        ("LSTM1, 16 bits", 56, 96, 34e6, 2, 14.2),
        ("CNN0", 16, 2888, 16 * 8 * 65536, 1, 86.0),
    ],
)
def test_tpu_v1_applications(name: str, layers: int, rows: int, weights: float, lines: int, active: float):
    """The share of cycles in which the array is fed, of the applications of the TPU v1 paper (ISCA 2017), table 3:
    MLP0 12.7 there, MLP1 10.6, LSTM0 8.2, LSTM1 10.5, CNN0 78.2."""
    tiles = round(weights / layers / 65536)
    wide = 1 if name == "CNN0" else round(tiles**0.5)
    cycles = timeline(application(layers, tiles, rows, wide, lines)).cycles
    assert 100 * layers * tiles * rows * lines / cycles == pytest.approx(active, abs=0.3)


QUEUES = ("lda", "ldw", "st")


def own_ports(m: Machine, speeds: tuple[float, float, float]) -> Machine:
    """The machine with a port for each queue, of so many bytes a cycle."""
    return replace(m, ports=tuple(Port(q, s, s, (q,)) for q, s in zip(QUEUES, speeds, strict=True)))


def random_program(rng: np.random.Generator, size: int, buffers: int = 3) -> Program:
    """Loads, products, vector instructions and stores of random sizes on `buffers` buffers of each memory."""
    m = machine_from("edge")
    code = Code(m.line)
    data = rng.integers(0, 256, 1 << 16).astype(np.uint8)
    segments = [Segment(0, "in", "input"), Segment(1, "w", "weights"), Segment(2, "out", "output", 1 << 16, True)]
    code.segments = segments
    for segment in segments[:2]:
        segment.reserve(1 << 16)
        segment.pieces = [(0, lambda: data)]

    def place(space: str, step: int) -> Ref:
        return at(space, int(rng.integers(0, 12)) % buffers * step)

    def some(most: int) -> int:
        return int(rng.integers(1, most + 1))

    def far() -> int:
        return 64 * int(rng.integers(0, 256))

    for _ in range(size):
        rows = some(64)
        dma = {"n0": 32, "n1": rows, "g1": 32 * some(3), "l1": 2}
        vec = {"nx": rows, "nc1": some(2), "s0c": 128, "dx": 2, "dc": 128, "lo": -128, "hi": 127, "rnd": 2}
        match int(rng.integers(0, 6)):
            case 0:
                code.add("ld.a", x=place("spad", 4096), dram=(segments[0], far()), desc=("dma", dma))
            case 1:
                code.add("ld.w", x=place("wmem", 2048), dram=(segments[1], far()), desc=("dma", {**dma, "l1": 2}))
            case 2:
                gemm = {"mx": rows, "ax": 2, "nc1": some(2), "sc1": 128, "nn": 1}
                name = ("mm", "mm.acc")[int(rng.integers(0, 2))]
                code.add(name, x=place("spad", 4096), y=place("wmem", 2048), z=place("acc", 8192), desc=("gemm", gemm))
            case 3:
                fields = {**vec, "nc1": 1, "s0x": 8, "dtype": 2}
                code.add("v.rq", x=place("acc", 8192), y=at("pmem", 0), z=place("spad", 4096), desc=("vec", fields))
            case 4:
                fields = {**vec, "s0x": 2, "s1x": 2, "s1c": 128, "imm0": 0.5, "imm1": 0.25, "imm2": 1.0}
                a, b, c = (place("spad", 4096) for _ in range(3))
                code.add("v.ew.add", x=a, y=b, z=c, desc=("vec", fields))
            case _:
                code.add("st", x=place("spad", 4096), dram=(segments[2], far()), desc=("dma", {**dma, "g1": 32}))
    synchronise(code, m)
    return encode(code, m)


@pytest.mark.parametrize("seed", range(120))
def test_more_of_something_is_never_slower_where_queues_have_their_own_ports(seed: int):
    """With a port that is shared it can be: the shares of a transfer change."""
    rng = np.random.default_rng(seed)
    program = random_program(rng, 60)
    speeds = tuple((2.0 ** rng.integers(0, 6, 3)).tolist())
    m = own_ports(machine_from("edge,seq.queue_depth=4,vpu.lanes=32"), speeds)
    cycles = timeline(program, m).cycles
    for faster in (
        own_ports(m, tuple(s * float(f) for s, f in zip(speeds, rng.choice([1, 1.25, 2], 3), strict=True))),
        replace(m, vpu=replace(m.vpu, lanes=128)),
        replace(m, queue_depth=int(rng.integers(5, 64))),
        replace(m, latency=50),
    ):
        assert timeline(program, faster).cycles <= cycles


@pytest.mark.parametrize("seed", range(60))
def test_one_buffer_is_never_faster_than_several(seed: int, monkeypatch: pytest.MonkeyPatch):
    """Dispatch is made free, since the `sync`s of the two programs differ; nothing is dropped of either."""
    monkeypatch.setattr("aic.backends.npu.order.sync.unread", lambda *_: set())
    m = own_ports(machine_from("edge,seq.dispatch_per_cycle=1000,seq.queue_depth=1000"), (16.0, 16.0, 16.0))
    few, many = (timeline(random_program(np.random.default_rng(seed), 60, n), m).cycles for n in (1, 3))
    assert many <= few


@pytest.mark.parametrize("seed", range(25))
def test_values_do_not_depend_on_times(seed: int):
    rng = np.random.default_rng(seed)
    program = random_program(rng, 50)

    def run(order: list[int] | None) -> list[np.ndarray]:
        sim = Functional(program)
        sim.run(order)
        return [sim.segments[2], sim.memories.local[1].data]

    wanted = run(None)
    for _ in range(4):
        m = own_ports(machine_from("edge"), tuple((2.0 ** rng.integers(0, 6, 3)).tolist()))
        m = replace(m, latency=int(rng.integers(0, 300)), queue_depth=int(rng.integers(2, 20)))
        m = replace(m, vpu=replace(m.vpu, lanes=int(2 ** rng.integers(4, 9))))
        starts = [start for start, _, _ in timeline(program, m).times]
        order = sorted(range(len(starts)), key=starts.__getitem__)
        assert all(np.array_equal(a, b) for a, b in zip(run(order), wanted, strict=True))


def test_the_checker_has_nothing_to_say_of_random_programs():
    for seed in range(10):
        found = check(random_program(np.random.default_rng(seed), 80))
        assert not [f for f in found if f.rule not in ("E-UNINIT", "W-DEAD")]
