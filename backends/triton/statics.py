"""What a compiled kernel is like: registers, spills, shared memory, occupancy, and which instructions it has.

    statics(ptxas_log, ptx, shared=98304, warps=8, arch="sm_90")
    Statics(registers=123, spilled=0, stack=0, shared=98304, warps=8, resident=1, counts={"wgmma": 4, "ld.128": 8, ..})

Instructions are counted in PTX, which ptxas translates one by one as far as these go; `instructions` counts them in the
binary, which takes NVIDIA's disassembler a second.
"""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile

WIDE = r"\S*\.(?:v4\.[bfsu]32|v2\.[bfsu]64)"
PTX = {
    name: re.compile(pattern)
    for name, pattern in {
        "wgmma": r"\bwgmma\.mma_async",
        "mma": r"\bmma\.sync",
        "ld": r"\bld\.global\b",
        "ld.128": rf"\bld\.global{WIDE}",
        "st": r"\bst\.global\b",
        "st.128": rf"\bst\.global{WIDE}",
        "cp.async": r"\bcp\.async\.c[ag]\b",
        "cp.async.128": r"\bcp\.async\.c[ag]\b[^;]*, (?:0x10|16),",
        "tma": r"\bcp\.async\.bulk\.tensor",
        "setmaxnreg": r"\bsetmaxnreg",
        "barrier": r"\bbar(?:rier)?\.",
        "fma": r"\bfma\.rn\.f32",
    }.items()
}
"""Instructions that are counted, in PTX."""
SASS = {
    name: re.compile(pattern)
    for name, pattern in {
        "HGMMA": r"\bHGMMA",
        "QGMMA": r"\bQGMMA",
        "HMMA": r"\bHMMA",
        "IMMA": r"\bIMMA",
        "UTMALDG": r"\bUTMALDG",
        "LDGSTS.128": r"\bLDGSTS\.E\S*\.128",
        "LDG.128": r"\bLDG\.E\S*\.128",
        "STG.128": r"\bSTG\.E\S*\.128",
        "LDL": r"\bLDL",
        "STL": r"\bSTL",
    }.items()
}
"""The same in NVIDIA's assembly."""
TENSOR = ("wgmma", "mma", "mfma")
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
        loads, wide = (sum(counts.get(n + end, 0) for n in ("ld", "cp.async")) for end in ("", ".128"))
        return bool(wide or not loads) and bool(counts.get("st.128") or not counts.get("st"))

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


def statics(log: str, ptx: str, shared: int, warps: int, arch: str) -> Statics:
    """From ptxas' log (-v), the PTX, and what Triton tells: bytes of shared memory, warps of a program."""
    registers, spilled, stack = (_number(log, p) for p in (r"Used (\d+) registers", SPILLED, STACK))
    counts = {name: n for name, pattern in PTX.items() if (n := len(pattern.findall(ptx)))}
    return Statics(registers, spilled, stack, shared, warps, resident(registers, shared, warps, arch), counts)


SPILLED, STACK = r"(\d+) bytes spill stores", r"(\d+) bytes stack frame"


def amd(text: str, shared: int, warps: int) -> Statics:
    """From the assembly of an AMD kernel; how many programs are resident is not told."""
    vgprs, spills, scratch = (_number(text, rf"\.{key}:\s+(\d+)") for key in AMD)
    return Statics(vgprs, 4 * spills, scratch, shared, warps, 1, {"mfma": len(re.findall(r"v_mfma_\w+", text))})


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


def instructions(cubin: bytes) -> dict[str, int]:
    """Instructions counted in a binary; triton has to be installed."""
    spec = find_spec("triton")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("triton")
    tool = Path(spec.origin).parent / "backends" / "nvidia" / "bin" / "nvdisasm"
    with NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        line = [str(tool), "-c", file.name]
        text = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True).stdout
    return {name: n for name, pattern in SASS.items() if (n := len(pattern.findall(text)))}
