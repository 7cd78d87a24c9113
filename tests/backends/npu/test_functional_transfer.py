"""Transfers against loops over their rows and bytes, written from the instruction table, on random descriptors."""

import numpy as np
import pytest
from aic.backends.npu.code import Mark
from aic.backends.npu.machine import machine_from
from aic.backends.npu.program import Program, SegmentInfo
from aic.backends.npu.sim.functional import Functional
from aic.backends.npu.sim.memory import SimulationError

from .instructions import append

BYTES = 1 << 16
EDGE = machine_from("edge")
TRANSPOSE, FLIP, PAD = 1, 2, 8


def started(machine=EDGE, seed: int = 0) -> Functional:
    """Memories and two segments full of numbers: 0 is read only, 2 is written."""
    rng = np.random.default_rng(seed)
    segments = [
        SegmentInfo(0, "in", "input", BYTES, False, rng.integers(0, 256, BYTES, dtype=np.uint8)),
        SegmentInfo(2, "out", "output", BYTES, True, rng.integers(0, 256, BYTES, dtype=np.uint8)),
    ]
    sim = Functional(Program(machine, segments=segments))
    for memory in sim.memories.local.values():
        memory.data[:BYTES] = rng.integers(0, 256, memory.data[:BYTES].size, dtype=np.uint8)
    return sim


def rows(f: dict[str, int]):
    """Indices of rows, their far offset and their near offset in bytes."""
    for i3, i2, i1 in np.ndindex(f["n3"], f["n2"], f["n1"]):
        far = i1 * f["g1"] + i2 * f["g2"] + i3 * f["g3"]
        yield (i1, i2, i3), far, 16 * (i1 * f["l1"] + i2 * f["l2"] + i3 * f["l3"])


def loaded(memory: np.ndarray, far: np.ndarray, f: dict[str, int], line: int, x: int, g: int) -> np.ndarray:
    """A load, byte by byte."""
    memory, xor = memory.copy(), 0x80 if f["flags"] & FLIP else 0
    width = 1 << f["esz"]
    ends = set()
    for (i1, i2, i3), offset, near in rows(f):
        row = far[g + offset : g + offset + f["n0"]] ^ np.uint8(xor)
        if f["flags"] & TRANSPOSE:
            for j in range(f["n0"] // width):
                at = x + 16 * (j * f["l1"] + i2 * f["l2"] + i3 * f["l3"])
                memory[at + i1 * width : at + (i1 + 1) * width] = row[j * width : (j + 1) * width]
                ends.add(at + f["n1"] * width)
        else:
            memory[x + near : x + near + f["n0"]] = row
            ends.add(x + near + f["n0"])
    for end in ends if f["flags"] & PAD else ():
        memory[end : -(-end // line) * line] = f["fill"]
    return memory


def fields_of(rng: np.random.Generator, flags: int) -> dict[str, int]:
    n0 = int(rng.integers(1, 60)) if flags & PAD else 16 * int(rng.integers(1, 5))
    esz = int(rng.integers(0, 3)) if flags & TRANSPOSE else 0
    n0 = -(-n0 >> esz << esz) or 1 << esz
    f = dict(n0=max(n0, 1 << esz), n1=int(rng.integers(1, 5)), n2=int(rng.integers(1, 4)), n3=int(rng.integers(1, 3)))
    f |= dict(flags=flags, esz=esz, fill=int(rng.integers(0, 256)))
    far = int(rng.integers(1, 90))
    f |= dict(g1=far, g2=far * 5 + 7, g3=far * 23)
    near = 2 * (-(-max(f["n0"], f["n1"] << esz) // 32) + int(rng.integers(0, 2)))
    return f | dict(l1=near, l2=near * 80, l3=near * 80 * f["n2"])


@pytest.mark.parametrize("flags", [0, FLIP, PAD, PAD | FLIP, TRANSPOSE, TRANSPOSE | FLIP, TRANSPOSE | PAD])
@pytest.mark.parametrize("name", ["ld.a", "ld.w", "ld.p", "ld.l"])
@pytest.mark.parametrize("seed", range(3))
def test_loads(name: str, flags: int, seed: int):
    """Rows that overlap in DRAM, flips, transposes of elements of 1, 2 and 4 bytes, padding to lines."""
    sim, rng = started(seed=seed), np.random.default_rng(seed)
    f = fields_of(rng, flags)
    if name == "ld.l":
        f |= {k: f[k] // 16 * 16 for k in ("g1", "g2", "g3")}
    space = {"ld.a": "spad", "ld.w": "wmem", "ld.p": "pmem", "ld.l": "wmem"}[name]
    x, g = 512, 4096 if name == "ld.l" else 777
    where = {"y": ("spad", g)} if name == "ld.l" else {"g": (0, g)}
    append(sim.program, name, x=(space, x), kind="dma", **where, **f)
    memory = sim.spaces[space]
    far = sim.spaces["spad"].data if name == "ld.l" else sim.segments[0]
    wanted = loaded(memory.data, far, f, memory.line, x, g)
    sim.run()
    assert np.array_equal(memory.data, wanted)


@pytest.mark.parametrize("space", ["spad", "acc"])
@pytest.mark.parametrize("flags", [0, FLIP])
def test_stores(space: str, flags: int):
    """Rows to DRAM, flipped or not."""
    sim = started()
    f = dict(n0=48, n1=3, n2=2, n3=2, g1=64, g2=208, g3=608, l1=5, l2=16, l3=40, flags=flags)
    append(sim.program, "st", x=(space, 96), g=(2, 160), kind="dma", **f)
    wanted, local = sim.segments[2].copy(), sim.spaces[space].data
    for _, far, near in rows(f):
        wanted[160 + far : 208 + far] = local[96 + near : 144 + near] ^ np.uint8(0x80 if flags else 0)
    sim.run()
    assert np.array_equal(sim.segments[2], wanted)


@pytest.mark.parametrize("space", ["spad", "acc"])
def test_fill(space: str):
    """Rows of one byte."""
    sim = started()
    f = dict(n0=32, n1=3, n2=2, n3=1, l1=4, l2=20, l3=0, g1=0, g2=0, g3=0, fill=0x7B)
    append(sim.program, "fill", x=(space, 32), kind="dma", **f)
    wanted = sim.spaces[space].data.copy()
    for _, _, near in rows(f):
        wanted[32 + near : 64 + near] = 0x7B
    sim.run()
    assert np.array_equal(sim.spaces[space].data, wanted)


def test_copies_within_a_memory_read_before_they_write():
    """`ld.l` by one line, source and destination overlapping."""
    sim = started()
    append(sim.program, "ld.l", x=("spad", 32), y=("spad", 0), kind="dma", n0=256)
    before = sim.spaces["spad"].data[:256].copy()
    sim.run()
    assert np.array_equal(sim.spaces["spad"].data[32:288], before)


def test_what_is_read_only_is_not_written():
    """A store into an input; the program's own bytes stay as they are, too."""
    sim = started()
    append(sim.program, "st", x=("spad", 0), g=(0, 0), kind="dma", n0=16)
    with pytest.raises(SimulationError, match=r"instruction 0 \(st\): in byte 0x0: the segment is read only"):
        sim.run()


def test_a_written_segment_is_a_copy():
    """The program's image of a segment is not touched, so that it can run again."""
    sim = started()
    image = sim.program.segments[1].data
    before = image.copy()
    append(sim.program, "st", x=("spad", 0), g=(2, 0), kind="dma", n0=64)
    sim.run()
    assert np.array_equal(image, before) and not np.array_equal(sim.segments[2][:64], before[:64])


@pytest.mark.parametrize(
    ("name", "where", "message"),
    [
        ("ld.a", dict(x=("spad", 0), g=(0, BYTES - 16)), "in byte 0x1000f"),
        ("ld.a", dict(x=("spad", (1 << 20) - 16), g=(0, 0)), "spad byte 0x10000f"),
        ("ld.a", dict(x=("spad", 0), g=(7, 0)), "segment 7: the program has \\[0, 2\\]"),
        ("st", dict(x=("acc", 131072 - 16), g=(2, 0)), "acc byte 0x2000f"),
        ("fill", dict(x=("spad", (1 << 20) - 16)), "spad byte 0x10000f"),
        ("ld.l", dict(x=("wmem", 0), y=("spad", (1 << 20) - 16)), "spad byte 0x10000f"),
    ],
)
def test_accesses_outside_are_refused(name: str, where: dict, message: str):
    """The error names instruction, memory and byte."""
    sim = started()
    append(sim.program, name, kind="dma", n0=32, **where)
    with pytest.raises(SimulationError, match=rf"instruction 0 \({name}\): {message}"):
        sim.run()


def test_an_error_names_the_layer():
    """The last mark on the instruction's queue."""
    sim = started()
    sim.program.marks = [Mark("conv1", ("Conv_0",), "matrix", 0), Mark("conv2", ("Conv_1",), "matrix", 0)]
    sim.program.text.append(append(Program(EDGE), "mark.lda"))
    sim.program.text[0].d = 1
    append(sim.program, "ld.a", x=("spad", 0), g=(0, BYTES), kind="dma", n0=32)
    with pytest.raises(SimulationError, match=r"instruction 1 \(ld.a, layer conv2\)"):
        sim.run()
