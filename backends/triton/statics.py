"""What a compiled kernel is like, read off its binary: registers, spills, shared memory, occupancy, instructions.

statics(ptxas_log, sass, shared=98304, warps=8, arch="sm_90")
    Statics(registers=123, spilled=0, stack=0, shared=98304, warps=8, resident=1, counts={"HGMMA": 4, "LDG.128": 8, ..})
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

SASS = {
    name: re.compile(pattern)
    for name, pattern in {
        "HGMMA": r"\bHGMMA",
        "QGMMA": r"\bQGMMA",
        "IGMMA": r"\bIGMMA",
        "HMMA": r"\bHMMA",
        "IMMA": r"\bIMMA",
        "FFMA": r"\bFFMA",
        "MUFU": r"\bMUFU",
        "UTMALDG": r"\bUTMALDG",
        "UTMASTG": r"\bUTMASTG",
        "LDGSTS": r"\bLDGSTS",
        "LDGSTS.128": r"\bLDGSTS\.E\S*\.128",
        "LDG": r"\bLDG\.",
        "LDG.128": r"\bLDG\.E\S*\.128",
        "STG": r"\bSTG\.",
        "STG.128": r"\bSTG\.E\S*\.128",
        "LDL": r"\bLDL",
        "STL": r"\bSTL",
        "BAR": r"\bBAR\.",
    }.items()
}
"""Instructions that are counted, in NVIDIA's assembly."""
TENSOR = ("HGMMA", "QGMMA", "IGMMA", "HMMA", "IMMA", "MFMA")
"""Those of the tensor cores."""
REGISTERS, UNIT = 65536, 256
"""Registers of a multiprocessor, and how many a warp is given at a time."""
WARPS, BLOCKS = 64, 32
"""Warps and programs that a multiprocessor holds at most (sm_80 and sm_90)."""
SHARED = {"sm_80": (167936, 166912), "sm_90": (233472, 232448)}
"""Bytes of shared memory of a multiprocessor, and of one program at most (CUDA C++ Programming Guide, 20)."""
RESERVED = 1024
"""Bytes of shared memory that the system takes of each program."""


@dataclass(frozen=True)
class Statics:
    """Of one kernel on one architecture: registers of a thread, bytes spilled and of stack, bytes of shared memory,
    warps, programs resident on a multiprocessor, and how often which instructions stand in its code."""

    registers: int
    spilled: int
    stack: int
    shared: int
    warps: int
    resident: int
    counts: Mapping[str, int]

    @property
    def tensor(self) -> str:
        """The instruction of the tensor cores that it uses; "" if it uses none."""
        return next((name for name in TENSOR if self.counts.get(name)), "")

    @property
    def is_wide(self) -> bool:
        """Whether, as far as it has loads and stores of its own, it has some of 128 bits of either."""
        counts = self.counts
        loads, wide = (sum(counts.get(n + end, 0) for n in ("LDG", "LDGSTS")) for end in ("", ".128"))
        return bool(wide or not loads) and bool(counts.get("STG.128") or not counts.get("STG"))

    def json(self) -> dict[str, object]:
        """As plain data."""
        return {
            "registers": self.registers,
            "spilled": self.spilled,
            "stack": self.stack,
            "shared": self.shared,
            "warps": self.warps,
            "resident": self.resident,
            "tensor": self.tensor,
            "wide": self.is_wide,
            "counts": dict(self.counts),
        }


def statics(log: str, sass: str, shared: int, warps: int, arch: str) -> Statics:
    """From ptxas' log (-v), the disassembly, and what Triton tells: bytes of shared memory, warps of a program."""
    registers, spilled, stack = (_number(log, p) for p in (r"Used (\d+) registers", SPILLED, STACK))
    counts = {name: n for name, pattern in SASS.items() if (n := len(pattern.findall(sass)))}
    return Statics(registers, spilled, stack, shared, warps, resident(registers, shared, warps, arch), counts)


SPILLED, STACK = r"(\d+) bytes spill stores", r"(\d+) bytes stack frame"


def amd(text: str, shared: int, warps: int) -> Statics:
    """From the assembly of an AMD kernel; how many programs are resident is not told."""
    vgprs, spills, scratch = (_number(text, rf"\.{key}:\s+(\d+)") for key in AMD)
    return Statics(vgprs, 4 * spills, scratch, shared, warps, 1, {"MFMA": len(re.findall(r"v_mfma_\w+", text))})


AMD = ("vgpr_count", "vgpr_spill_count", "private_segment_fixed_size")


def _number(text: str, pattern: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def resident(registers: int, shared: int, warps: int, arch: str) -> int:
    """Programs that one multiprocessor runs at a time; 0 if it has not the shared memory for one."""
    total, most = SHARED.get(arch, SHARED["sm_80"])
    if shared > most:
        return 0
    by_registers = REGISTERS // (-(-max(registers, 1) * 32 // UNIT) * UNIT) // warps
    by_shared = total // (-(-(shared + RESERVED) // 128) * 128)
    return min(by_registers, by_shared, WARPS // warps, BLOCKS)
