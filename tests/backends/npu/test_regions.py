"""Regions against the functional simulator, on random descriptors: an instruction writes every granule of its region
and no other, and what it writes does not depend on any granule that it is not said to read."""

import numpy as np
import pytest
from aic.backends.npu.machine import machine_from
from aic.backends.npu.order.regions import accesses
from aic.backends.npu.program import Program, SegmentInfo
from aic.backends.npu.sim.functional import Functional

from .instructions import append

SPACES = {1: "spad", 2: "wmem", 3: "acc", 4: "pmem"}
SIZES = "mem.spad.bytes=524288,mem.wmem.bytes=65536,mem.acc.bytes=262144,mem.pmem.bytes=16384"
ODD = "mem.spad.bytes=1966080,mem.wmem.bytes=256000,mem.acc.bytes=1280000,mem.pmem.bytes=16384"
MACHINES = [f"edge,{SIZES}", f"edge,rows=64,cols=16,{SIZES}", f"edge,rows=16,cols=32,{SIZES}"]
MACHINES += [f"edge,rows=48,cols=80,{ODD}"]
TYPES = ("i8", "i16", "i32", "f32", "bf16", "u8")
BYTES = {"i8": 1, "i16": 2, "i32": 4, "f32": 4, "bf16": 2, "u8": 1}


class Draw:
    """Random fields of an instruction on a machine."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.m = machine_from(MACHINES[seed % len(MACHINES)])
        self.program = Program(self.m)
        data = self.rng.integers(0, 256, 65536).astype(np.uint8)
        self.program.segments = [SegmentInfo(0, "in", "input", 65536, False, data)]
        self.program.segments.append(SegmentInfo(2, "out", "output", 65536, True))

    def int(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def chance(self, part: float = 0.5) -> bool:
        return bool(self.rng.random() < part)

    def place(self, space: str, whole: bool = False) -> tuple[str, int]:
        step = self.m.memory(space).line if whole else 16
        return space, step * self.int(0, 2048 // step)

    def strides(self, prefix: str, blocks: str, counts: tuple[int, int, int], pixel: int) -> dict[str, int]:
        """Strides of rows, columns and blocks that keep pixels of `pixel` granules apart, in a random order."""
        order, found, extent = self.rng.permutation(3), {}, pixel
        names = (f"{prefix}y", f"{prefix}x", f"{prefix}{blocks}")
        for i in order:
            found[names[i]] = extent + pixel * self.int(0, 1)
            extent = found[names[i]] * counts[i]
        return found

    def transfer(self) -> None:
        name = ("ld.a", "ld.w", "ld.p", "st", "fill", "ld.l")[self.int(0, 5)]
        space = {"ld.w": "wmem", "ld.p": "pmem"}.get(name, "spad")
        store = name in ("st", "fill")
        n0, pad = self.int(1, 6) * 16, False
        if not store and self.chance():
            n0, pad = self.int(1, 90), True
        counts = [self.int(1, 3) for _ in range(3)]
        turned = not store and name != "ld.p" and self.chance(0.3)
        esz = self.int(0, 2)
        if turned:
            n0 = self.int(1, 9) << esz
        row = self.m.memory(space).line * 4 // 16
        near, far, local, dram = row, -(-n0 // 16) * 16, {}, {}
        if turned:
            counts[0] = self.int(1, 20)
        for i, count in enumerate((n0 >> esz if turned else counts[0], counts[1], counts[2]), 1):
            local[f"l{i}"] = near
            near *= count
        for i, count in enumerate(counts, 1):
            dram[f"g{i}"] = far + 16 * self.int(0, 1)
            far = dram[f"g{i}"] * count
        fields = {"n0": n0, "n1": counts[0], "n2": counts[1], "n3": counts[2], **local, **dram}
        flags = (1 if turned else 0) | (8 if pad else 0)
        fields |= {"esz": esz if turned else 0, "flags": flags, "fill": 7}
        far_operand = {"y": self.place("spad")} if name == "ld.l" else {"g": (2 if name == "st" else 0, 16)}
        if name == "fill":
            far_operand = {}
        x = (space, 65536 + 16 * self.int(0, 9)) if name == "ld.l" else self.place(space)
        append(self.program, name, x=x, kind="dma", **far_operand, **fields)

    def product(self) -> None:
        bf16, bl, kpack = self.chance(0.3), self.chance(0.3), self.int(0, 2)
        size = 2 if bf16 else 1
        lanes = self.m.rows // size
        kpack = 0 if bl else kpack
        nc1 = 1 if kpack else self.int(1, 3)
        taps = (1, 1) if bl else (self.int(1, 3), self.int(1, 3))
        nn, last = self.int(1, 2), lanes >> kpack
        fields = {"my": self.int(1, 3), "mx": self.int(1, 5), "nc1": nc1, "nkh": taps[0], "nkw": taps[1], "nn": nn}
        fields |= {"ay": 24, "ax": self.int(1, 4), "skh": 24, "skw": self.int(1, 3), "sc1": 200}
        fields |= {"klast": self.int(0, last), "nlast": self.int(0, self.m.cols), "kpack": kpack}
        fields |= {"dtype": 3 if bf16 else 0, "bl": bl, "bt": bl and self.chance()}
        if bl:
            fields |= {"bp": self.m.rows // 16 + self.int(0, 1), "sb": 600}
        elif self.chance():
            fields["sb"] = taps[0] * taps[1] * nc1 * lanes * self.m.cols * size // 16 + self.int(0, 2)
        name = "mm.acc" if self.chance(0.3) else "mm"
        space = "spad" if bl else "wmem"
        b = ("spad", 65536 + 16 * self.int(0, 20)) if bl else self.place(space)
        append(self.program, name, x=self.place("spad"), y=b, z=self.place("acc", True), kind="gemm", **fields)

    def vector(self) -> None:
        names = ("v.rq", "v.dw", "v.pool", "v.ew", "v.act", "v.sm", "v.ln", "v.red", "v.cp")
        name = names[self.int(0, len(names) - 1)]
        floating = self.chance(0.4)
        dtype = odt = "bf16" if floating else ("i8", "u8")[self.int(0, 1)]
        mode, space, operands = "", "spad", {}
        counts = [self.int(1, 3), self.int(1, 4), self.int(1, 3)]
        fields: dict[str, float] = {"imm0": 0.5, "imm1": 0.25, "imm2": 0.125, "rnd": 2, "zo": 3}
        turned = False
        match name:
            case "v.rq":
                space, dtype = "acc", "f32" if floating else "i32"
                odt = dtype if self.chance(0.1) else odt
                lut = not floating and odt != dtype and self.chance(0.3)
                turned = self.chance(0.2)
                mode = (".res" if odt != dtype and not turned and self.chance(0.4) else "") + (".lut" if lut else "")
                operands["y"] = ("spad", 65536) if mode.startswith(".res") else self.place("pmem")
                fields |= {"pm": 100, "lut": 20, "axis": int(turned)}
            case "v.dw" | "v.pool":
                kh, kw = self.int(1, 3), self.int(1, 3)
                pads = {"pt": self.int(0, kh - 1), "pl": self.int(0, kw - 1)}
                pads |= {"pb": self.int(0, kh - 1), "pr": self.int(0, kw - 1)}
                fields |= {"kh": kh, "kw": kw, "sy": self.int(1, 4), "sx": self.int(1, 4), **pads}
                fields["sy"] = fields["sx"] = self.int(1, 4)
                counts[:2] = [c + 2 for c in counts[:2]]
                operands |= {"y": self.place("pmem")} if name == "v.dw" else {}
                mode = (".max", ".avg", ".avgp")[self.int(0, 2)] if name == "v.pool" else ""
            case "v.ew":
                mode, fields["axis"] = (".add", ".mul", ".max")[self.int(0, 2)], int(self.chance())
                operands["y"] = ("spad", 65536 + 16 * self.int(0, 9))
            case "v.act":
                mode = ".gelu" if floating else (".lut", ".relu")[self.int(0, 1)]
                fields["lut"] = self.int(0, 30)
            case "v.sm":
                operands |= {"y": ("spad", 65536)} if self.chance() else {}
            case "v.ln":
                mode, operands["y"] = (".ln", ".rms")[self.int(0, 1)], self.place("pmem")
            case "v.red":
                mode, fields["axis"] = (".sum", ".max")[self.int(0, 1)], self.int(0, 3)
            case _:
                mode, fields["imm0"] = (".t", "")[self.int(0, 1)], 0.0
        if turned:
            counts[0], counts[2] = 1, self.int(1, 2)
        width = self.m.rows // BYTES[dtype if space == "spad" else odt]
        fields |= {"clast": self.int(0, width), "ny": counts[0], "nx": counts[1], "nc1": counts[2]}
        fields |= {"dtype": TYPES.index(dtype), "odt": TYPES.index(odt)}
        line = self.m.rows // 16
        fields |= self.strides("s0", "c", (14, 14, 8), max(line, self.m.cols // 4))
        if turned:
            fields["s0x"] = self.m.cols // 4 * self.int(1, 2)
            fields["s0c"] = 40 * fields["s0x"]
        fields |= self.strides("s1", "c", (4, 4, 8), line)
        fields |= self.strides("d", "c", (3, 192, 1) if mode == ".t" else (6, 6, 8), line)
        z = ("spad", 262144 + (16 * self.int(0, 9) if self.chance(0.3) else 0))
        append(self.program, name + mode, x=self.place(space, True), z=z, kind="vec", **operands, **fields)


def memories(sim: Functional) -> dict[int, np.ndarray]:
    found = {number: memory.data for number, memory in sim.memories.local.items()}
    return found | {16 + number: memory.data for number, memory in sim.memories.segments.items()}


def masks(sim: Functional, parts: list[tuple[int, np.ndarray]]) -> dict[int, np.ndarray]:
    found = {space: np.zeros(data.size, bool) for space, data in memories(sim).items()}
    for space, granules in parts:
        found[space].reshape(-1, 16)[granules] = True
    return found


def snapshot(sim: Functional) -> dict[int, np.ndarray]:
    return {space: data.copy() for space, data in memories(sim).items()}


def with_bytes(program: Program, given: dict[int, np.ndarray]) -> Functional:
    """A simulator whose memories hold these bytes."""
    made = Functional(program)
    for space, data in memories(made).items():
        if data.flags.writeable:
            np.copyto(data, given[space])
    return made


@pytest.mark.parametrize("kind", ["transfer", "product", "vector"])
@pytest.mark.parametrize("seed", range(60))
def test_regions_are_what_the_simulator_touches(seed: int, kind: str):
    draw = Draw(seed)
    getattr(draw, kind)()
    reads, writes = accesses(draw.program, 0)
    sim = Functional(draw.program)
    read, written = masks(sim, reads), masks(sim, writes)
    given = {space: draw.rng.integers(0, 256, data.size).astype(np.uint8) for space, data in memories(sim).items()}
    changed = {space: np.zeros(data.size, bool) for space, data in given.items()}
    results = []
    for _ in range(3):  # the same in what is read, noise elsewhere; a byte may happen to be what it was
        before = {
            s: np.where(read[s], given[s], draw.rng.integers(0, 256, given[s].size).astype(np.uint8)) for s in given
        }
        sim = with_bytes(draw.program, before)
        before = snapshot(sim)
        sim.step(0)
        after = snapshot(sim)
        for space in given:
            changed[space] |= before[space] != after[space]
            assert not (changed[space] & ~written[space]).any(), f"writes beyond its region of {space}"
        results.append(after)
    for result in results[1:]:
        for space in given:
            same = (result[space] == results[0][space]) | ~changed[space]
            assert same.all(), f"space {space} depends on what is not read"
    for space, granules in writes if draw.program.text[0].mnemonic != "mm.acc" else ():
        assert changed[space].reshape(-1, 16)[granules].any(axis=1).all(), (
            f"does not write all of its region of {space}"
        )


def test_windows_in_the_padding_read_no_pixel():
    """A kernel of one row with a row of padding and a stride past the input's only row."""
    draw = Draw(0)
    window = dict(kh=1, kw=1, sy=2, sx=1, pt=1, pb=1, pl=0, pr=0)
    ins = append(draw.program, "v.pool.max", x=("spad", 0), z=("spad", 4096), kind="vec", ny=2, nx=1, **window)
    assert (ins.name, accesses(draw.program, 0)[0]) == ("v.pool", [])
