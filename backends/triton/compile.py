"""Printed kernels compiled ahead of time, without a GPU: by triton, in processes of their own, each with a time limit.

    found = compile_kernels(kernels, ("sm_80", "sm_90"), jobs=2, cached=cached)
    found["add_k0", "sm_90"]        Binary: the cubin, its entry, shared memory, statics; or a Failure with its reason

A kernel that makes ptxas run for minutes is given up; its process is killed and a new one goes on with the others.
"""

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from queue import SimpleQueue
from select import select
from tempfile import TemporaryDirectory

from ..target import Cached, TargetError
from .kernel import Kernel
from .statics import Statics, amd, statics

LIMIT = 60.0
"""Seconds that a kernel may take to compile."""
WORKER = Path(__file__).parent / "worker.py"
STAMP = (1980, 1, 1, 0, 0, 0)
"""The date of files in an archive: equal content, equal bytes."""


@dataclass(frozen=True)
class Binary:
    """A compiled kernel: bytes for the driver, the name in them, bytes of shared memory, threads of a program, bytes of
    scratch memory that each program wants, the assembly as text, and what it is like."""

    code: bytes
    entry: str
    shared: int
    threads: int
    scratch: int
    assembly: str
    statics: Statics


@dataclass(frozen=True)
class Failure:
    """Why a kernel was not compiled."""

    reason: str


class CompileFailed(Exception):
    """Triton refused a kernel, or took too long over it."""


@cache
def triton_version() -> str:
    """The version of triton that is installed; TargetError if none is."""
    try:
        return version("triton")
    except PackageNotFoundError:
        message = "binaries of kernels want triton: pip install 'aic-compiler[gpu]'"
        raise TargetError(message, missing=True) from None


def compile_kernels(
    kernels: Sequence[Kernel], archs: Sequence[str], jobs: int, cached: Cached, limit: float = LIMIT
) -> dict[tuple[str, str], Binary | Failure]:
    """Every kernel for every architecture, by name and architecture. TargetError without triton."""
    triton_version()
    wanted = [(kernel, arch) for kernel in kernels for arch in archs]
    with workers(min(jobs, max(len(wanted), 1)), limit) as pool:
        return {(k.name, a): b for (k, a), b in zip(wanted, compile_by(pool, wanted, cached), strict=True)}


def compile_by(pool: "Workers", wanted: Sequence[tuple[Kernel, str]], cached: Cached) -> list[Binary | Failure]:
    """Kernels, each for an architecture, in order, by processes that wait for them."""
    release = triton_version()

    def one(item: tuple[Kernel, str]) -> Binary | Failure:
        kernel, arch = item
        try:
            key = f"{kernel.key(arch, release)}"
            return unpacked(cached(key, lambda path: pool.compile(kernel, arch, path)), kernel, arch)
        except CompileFailed as error:
            return Failure(str(error))

    with ThreadPoolExecutor(pool.count) as threads:
        return [*threads.map(one, wanted)]


class Workers:
    """Processes that wait for kernels."""

    def __init__(self, count: int, limit: float):
        self.count = count
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        self._all = [Worker(limit) for _ in range(count)]
        for worker in self._all:
            self._idle.put(worker)

    def compile(self, kernel: Kernel, arch: str, path: Path) -> None:
        """Compile a kernel into an archive; CompileFailed."""
        worker = self._idle.get()
        try:
            with TemporaryDirectory(prefix="aic-triton-") as folder:
                answer = worker.ask(request(kernel, arch, folder))
                if "error" in answer:
                    raise CompileFailed(str(answer["error"]))
                pack(path, Path(folder), answer)
        finally:
            self._idle.put(worker)

    def stop(self) -> None:
        """End the processes."""
        for worker in self._all:
            worker.stop()


@contextmanager
def workers(count: int, limit: float) -> Iterator[Workers]:
    """Processes that compile, while they are wanted."""
    found = Workers(count, limit)
    try:
        yield found
    finally:
        found.stop()


def request(kernel: Kernel, arch: str, folder: str) -> dict[str, object]:
    """What a worker is told of a kernel."""
    return {
        "text": kernel.text,
        "name": kernel.name,
        "types": {p.name: p.type for p in kernel.parameters},
        "divisible": [p.name for p in kernel.parameters if p.divisible % 16 == 0],
        "constants": dict(kernel.constants),
        "options": kernel.options,
        "arch": arch,
        "folder": folder,
    }


class Worker:
    """One process; begun at its first request, begun anew after one that took too long."""

    def __init__(self, limit: float):
        self._limit = limit
        self._process: subprocess.Popen[str] | None = None

    def ask(self, told: dict[str, object]) -> dict[str, object]:
        """The answer to a request; CompileFailed if none comes in time."""
        process = self._process or self._begun()
        if process.stdin is None or process.stdout is None:
            raise CompileFailed("the compiling process has no pipes")
        try:
            print(json.dumps(told), file=process.stdin, flush=True)
            if not select([process.stdout], [], [], self._limit)[0]:
                self.stop()
                raise CompileFailed(f"took longer than {self._limit:g} s")
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.stop()
            raise CompileFailed("the compiling process died")
        return json.loads(line)

    def _begun(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        print(json.dumps({"path": sys.path}), file=self._process.stdin, flush=True)
        return self._process

    def stop(self) -> None:
        """End the process, and ptxas if it runs one."""
        if (process := self._process) is None:
            return
        self._process = None
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def pack(path: Path, folder: Path, answer: dict[str, object]) -> None:
    """What a worker made, as one file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        told = {key: answer[key] for key in ("entry", "shared", "warps", "scratch", "log")}
        out.writestr(zipfile.ZipInfo("answer.json", STAMP), json.dumps(told))
        for name in ("cubin", "hsaco", "ptx", "amdgcn"):
            if (folder / name).is_file():
                out.writestr(zipfile.ZipInfo(name, STAMP), (folder / name).read_bytes(), zipfile.ZIP_DEFLATED)


def unpacked(path: Path, kernel: Kernel, arch: str) -> Binary:
    """The binary in such a file."""
    with zipfile.ZipFile(path) as found:
        answer = json.loads(found.read("answer.json"))
        shared, warps = int(answer["shared"]), int(answer["warps"])
        if arch.startswith("sm_"):
            code, text = found.read("cubin"), found.read("ptx").decode()
            like = statics(answer["log"], text, shared, warps, arch)
        else:
            code, text = found.read("hsaco"), found.read("amdgcn").decode()
            like = amd(text, shared, warps)
    threads = warps * (32 if arch.startswith("sm_") else 64)
    return Binary(code, answer["entry"], shared, threads, int(answer["scratch"]), text, like)


def uncached(folder: Path) -> Callable[[str, Callable[[Path], None]], Path]:
    """A `cached` that keeps nothing beyond `folder`."""

    def make(key: str, build: Callable[[Path], None]) -> Path:
        if not (path := folder / key).exists():
            build(path)
        return path

    return make
