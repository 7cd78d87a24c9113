"""The numbers of a CPU that schedules are chosen by: detected on this machine, or from a TOML file.

vector_bytes = 32     # bytes of a vector register
registers = 16        # of them
l1 = 32768            # bytes of the first data cache
l2 = 524288           # of the second
cores = 2
threads = 2           # that loops are split among at most; 1 where it is not given, and nothing of threads in the code
gflops = 120          # peak of a core, billions of f32 operations a second; measured where it is not given
bandwidth = 14        # what a core reads from memory, billions of bytes a second; the same
flags = ["-march=native"]

`-t c,isa=neon` takes vectors, registers and flags of an instruction set instead (`ISAS`), to build for another machine
than this one, with `--cc aarch64-linux-gnu-gcc` if its processor is another one too.
"""

import os
import platform
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from ..target import TargetError

THREADS = 256
"""As many as a pool may hold."""
CHOICES = ("layout", "weights_dtype")
"""Settings that are no numbers of the machine."""


@dataclass(frozen=True)
class Isa:
    """An instruction set: processors that have it, bytes and number of its vector registers, flags that select it."""

    processors: tuple[str, ...]
    vector_bytes: int
    registers: int
    flags: tuple[str, ...]


X86 = ("x86_64", "AMD64")
ISAS = {
    "sse4.2": Isa(X86, 16, 16, ("-march=x86-64-v2",)),
    "avx2": Isa(X86, 32, 16, ("-march=x86-64-v3",)),
    "avx512": Isa(X86, 64, 32, ("-march=x86-64-v4", "-mprefer-vector-width=512")),
    "neon": Isa(("aarch64", "arm64"), 16, 32, ("-march=armv8-a",)),
}
"""SSE4.2 has no fused multiply-add, the others have."""


@dataclass(frozen=True)
class Cpu:
    """A CPU as the C target sees it; sizes in bytes. `gflops` and `bandwidth` of 0 are not known."""

    vector_bytes: int = 16
    registers: int = 16
    l1: int = 32 * 1024
    l2: int = 256 * 1024
    cores: int = 1
    threads: int = 1
    gflops: int = 0
    bandwidth: int = 0
    flags: tuple[str, ...] = ()
    layout: str = "auto"
    """How activations lie: NCHW, NHWC, NCcHWc with c channels in a block; auto is as each kernel stores them best."""
    weights_dtype: str = "f32"
    """How the weights of products are stored: f32, bf16 or int8."""

    @property
    def block(self) -> int | None:
        """Channels of a block, if the layout has such."""
        return int(found[1]) if (found := re.fullmatch(r"NC(4|8|16|32|64)HW\1", self.layout)) else None


def cpu(settings: Mapping[str, str]) -> Cpu:
    """The CPU at hand, or the one of `config`'s TOML file, with `settings` on top; TargetError on what does not fit."""
    rest = dict(settings)
    layout, dtype = rest.pop("layout", "auto"), rest.pop("weights_dtype", "f32")
    found = _read(Path(rest.pop("config"))) if "config" in rest else detect()
    found = _of(rest.pop("isa"), found) if "isa" in rest else found
    found = replace(found, layout=layout, weights_dtype=dtype)
    if dtype not in ("f32", "bf16", "int8"):
        raise TargetError(f"target c: expected a weights_dtype of f32, bf16 or int8, found {dtype!r}")
    if layout not in ("auto", "NCHW", "NHWC") and found.block is None:
        raise TargetError(f"target c: expected a layout of auto, NCHW, NHWC, NC4HW4 to NC64HW64, found {layout!r}")
    names = {f.name for f in fields(Cpu)} - {"flags", *CHOICES}
    for key, text in rest.items():
        if key not in names:
            raise TargetError(f"target c has no setting {key!r}: expected one of {', '.join(sorted({*names, 'isa'}))}")
        if not text.isdigit() or int(text) == 0:
            raise TargetError(f"target c: expected a positive number for {key}, found {text!r}")
        found = replace(found, **{key: int(text)})
    if found.threads > THREADS:
        raise TargetError(f"target c: expected {THREADS} threads or fewer, found {found.threads}")
    if found.vector_bytes not in (4, 8, 16, 32, 64):
        raise TargetError(f"target c: expected vector_bytes of 4, 8, 16, 32 or 64, found {found.vector_bytes}")
    return found


def detect() -> Cpu:
    """The CPU that runs this process, by what Linux tells of it."""
    words = _cpu_flags()
    if "avx512f" in words and "avx512vl" in words:
        wide, registers, flags = 64, 32, ("-march=native", "-mprefer-vector-width=512")
    elif "avx2" in words and "fma" in words:
        wide, registers, flags = 32, 16, ("-march=native",)
    else:
        wide, registers, flags = 16, 32 if "asimd" in words else 16, ("-march=native",)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Cpu(wide, registers, _cache(1, 32 * 1024), _cache(2, 256 * 1024), cores, flags=flags)


def _of(name: str, here: Cpu) -> Cpu:
    """A CPU with that instruction set: this one if it may have it, else one of whose caches nothing is known."""
    if (isa := ISAS.get(name)) is None:
        raise TargetError(f"target c: expected an isa of {', '.join(ISAS)}, found {name!r}")
    base = here if platform.machine() in isa.processors else Cpu()
    return replace(base, vector_bytes=isa.vector_bytes, registers=isa.registers, flags=isa.flags)


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.split(":")[1].split()) for line in lines if line.startswith(("flags", "Features"))), set())


def _cache(level: int, default: int) -> int:
    """Bytes of the data cache of a level."""
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            if int((index / "level").read_text()) == level and "Instruction" not in (index / "type").read_text():
                text = (index / "size").read_text().strip()
                return int(text.removesuffix("K")) * 1024 if text.endswith("K") else int(text)
        except (OSError, ValueError):
            continue
    return default


def _read(path: Path) -> Cpu:
    try:
        data = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise TargetError(f"machine file {path}: {error}") from None
    known = {f.name: f for f in fields(Cpu) if f.name not in CHOICES}
    for key, value in data.items():
        if key not in known:
            raise TargetError(f"machine file {path}: unknown field {key!r}; expected {', '.join(known)}")
        good = (
            isinstance(value, list) and all(isinstance(v, str) for v in value)
            if key == "flags"
            else (isinstance(value, int) and not isinstance(value, bool) and value > 0)
        )
        if not good:
            raise TargetError(f"machine file {path}: {key} = {value!r} is not what {key} takes")
    flags = tuple(data.pop("flags", ()))
    return replace(Cpu(flags=flags), **data)
