"""From C text to a shared object: gcc (or another C compiler) on each unit, in parallel, cached by content."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FLAGS = (
    "-std=gnu11", "-O2", "-ftree-vectorize", "-fno-predictive-commoning", "-ffp-contract=fast",
    "-fno-math-errno", "-fwrapv", "-fno-semantic-interposition", "-fvisibility=hidden", "-fPIC", "-w",
)  # fmt: skip
"""No -ffast-math: NaN, infinities and signed zeros mean what ONNX says, and sums keep their accumulators. No loads
carried from one round of a loop to the next: they would take the registers of the sums."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler and what to tell it of the machine."""

    command: tuple[str, ...]
    flags: tuple[str, ...]
    jobs: int = 2
    limit: float = 600.0

    def key(self, text: str) -> str:
        """What an object depends on: the text, the command and its flags, the compiler's version."""
        parts = [text, *self.command, *self.flags, version(self.command)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class CompilerError(Exception):
    """The C compiler failed, or there is none; `missing` tells which."""

    def __init__(self, message: str, missing: bool = False):
        super().__init__(message)
        self.missing = missing


@lru_cache
def version(command: tuple[str, ...]) -> str:
    """The first line of `cc --version`; CompilerError if it cannot be run."""
    if shutil.which(command[0]) is None:
        raise CompilerError(f"C compiler {command[0]} not found: install gcc (Debian: apt install gcc)", missing=True)
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise CompilerError(f"{command[0]} --version failed: {done.stderr.strip()[:200]}", missing=True)
    return done.stdout.splitlines()[0] if done.stdout else ""


def shared_object(
    sources: Sequence[tuple[str, str]],
    out: Path,
    compiler: Compiler,
    cached: Callable[[str, Callable[[Path], None]], Path],
    folder: Path,
    libraries: Sequence[str] = ("-lm",),
) -> None:
    """Compile (name, text) units and link them to `out`. `cached(key, make)` answers a file with that content,
    made by `make(path)` if need be; `folder` is where includes and .incbin files are found."""
    version(compiler.command)

    def one(source: tuple[str, str]) -> Path:
        _, text = source
        return cached(compiler.key(text), lambda path: compile_unit(text, path, compiler, folder))

    with ThreadPoolExecutor(compiler.jobs) as pool:
        objects = list(pool.map(one, sources))
    _run([*compiler.command, "-shared", "-o", str(out), *map(str, objects), *libraries], compiler, folder)


def compile_unit(text: str, path: Path, compiler: Compiler, folder: Path) -> None:
    """Compile one unit's text to an object file."""
    with tempfile.TemporaryDirectory(prefix="aic-") as scratch:
        source = Path(scratch) / "unit.c"
        source.write_text(text)
        _run(
            [*compiler.command, *compiler.flags, "-I", str(folder), "-c", str(source), "-o", str(path)],
            compiler,
            folder,
        )


def _run(command: Sequence[str], compiler: Compiler, folder: Path) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=compiler.limit, check=False)
    except subprocess.TimeoutExpired:
        raise CompilerError(f"{command[0]} took longer than {compiler.limit:.0f} s") from None
    if done.returncode:
        raise CompilerError(f"{command[0]} failed with exit code {done.returncode}:\n{done.stderr.strip()[:4000]}")


def embedded(symbol: str, file: str) -> str:
    """C text that defines `symbol` as the bytes of a file, by the assembler."""
    return (
        f'__asm__(".section .rodata\\n.balign 64\\n.global {symbol}\\n.type {symbol}, @object\\n'
        f'{symbol}:\\n.incbin \\"{file}\\"\\n.previous\\n");\n'
    )


def uncached(folder: Path) -> Callable[[str, Callable[[Path], None]], Path]:
    """A `cached` that keeps nothing beyond `folder`."""

    def make(key: str, build: Callable[[Path], None]) -> Path:
        path = folder / f"{key}.o"
        if not path.exists():
            part = path.with_suffix(f".{os.getpid()}.part")
            build(part)
            part.replace(path)
        return path

    return make
