"""C for CPUs: a dependency-free library and what it takes to build it."""

import ctypes
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from weakref import WeakValueDictionary

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from ...dialects import kernel
from ...dialects._shape import Array
from ...dialects.graph.weight import AicContext
from ..target import SIZE, EmitOptions, Event, Rig, Speeds, Stages, Target, TargetError, joined
from . import project
from .banner import stamped
from .build import FLAGS, Compiler, CompilerError, embedded, shared_object, uncached
from .machine import Cpu, cpu
from .program import Program, locations, program
from .rig import CRig
from .speed import speeds

BASIC = "fold-constants,drop-redundant,cancel-inverse"
PARTS = "split-products,raise-slices"
ALGEBRA = f"flatten-atrous,fold-batch-norm,{PARTS},sink-ops,fold-scale,simplify-algebra,recompose,cse,fast-math"
CLEAN = "drop-redundant,cancel-inverse,fold-constants,dce"
GRAPH = (
    {"pre": "fold-constants"},
    {"pre": BASIC, "main": "fold-batch-norm", "post": CLEAN},
    {"pre": BASIC, "main": ALGEBRA, "post": CLEAN},
)
JOIN = {2: "join-launches", 3: "join-launches{elements=65536}", SIZE: "join-launches"}
FILTERED = (2, 3)
"""Levels at which 3x3 convolutions are filtered: the code and the weights are larger, the sums rounded otherwise."""
NARROW = 0.99
"""The cosine that outputs keep with weights in fewer bits."""
FEW = 8
"""Vector registers that small code makes use of: smaller tiles, unrolled less."""


class CTarget(Target[Cpu]):
    """Plain C with GCC vector types."""

    name = "c"
    kinds = ("so", "c", "h", "project")
    threaded = True

    def machine(self, settings: Mapping[str, str]) -> Cpu:
        return cpu(settings)

    def promised_cosine(self, machine: Cpu) -> float | None:
        return None if machine.weights_dtype == "f32" else NARROW

    def describe(self, machine: Cpu) -> dict[str, int | float | str]:
        told = asdict(machine)
        if machine.threads == 1:
            del told["threads"]
        return {k: " ".join(v) if isinstance(v, tuple) else v for k, v in told.items()}

    def pipeline(self, machine: Cpu, level: int) -> dict[str, str]:
        return joined(self.stages(machine, level))

    def stages(self, machine: Cpu, level: int) -> Stages:
        lanes = 1 if level == 0 else machine.vector_bytes
        registers = min(machine.registers, FEW) if level == SIZE else machine.registers
        numbers = f"vector-bytes={lanes} registers={registers} l1={machine.l1} l2={machine.l2}"
        views, joins = "sink-concat,fold-views," if level else "", f",{JOIN[level]}" if level in JOIN else ""
        blocks = f"block-channels{{block={machine.block}}}," if machine.block else ""
        last = machine.layout in ("auto", "NHWC")
        order = "" if last else "{order=row-major}"
        threads = f",parallelize{{threads={machine.threads}}}" if machine.threads > 1 else ""
        filters = f"winograd{{vector-bytes={lanes} l2={machine.l2}}}," if last and level in FILTERED else ""
        narrow = f"narrow-weights{{dtype={machine.weights_dtype}}}," if machine.weights_dtype != "f32" else ""
        return {
            "graph": GRAPH[min(level, 2)],
            "tensor": {
                "main": f"lower-graph-to-tensor,{filters}{narrow}{views}{blocks}fuse-kernels",
                "post": f"assign-layout{order},choose-schedule{{{numbers}}}",
            },
            "loop": {
                "main": f"bufferize,lower-kernel-to-loop{{{numbers}}}{joins}{threads}",
                "post": "dce,plan-memory,check-memory",
            },
        }

    def emit(
        self, ctx: AicContext, module: ModuleOp, folder: Path, machine: Cpu, options: EmitOptions
    ) -> dict[str, object]:
        made = program(module, options.name, timed=options.timed)
        kinds = options.kinds or self.kinds[:1]
        flags = {**self.describe(machine), "prefix": made.name, "weights": options.weights}
        _write(made, folder, options, flags)
        with (folder / f"{made.name}.weights").open("wb") as out:
            made.weights.write(out, ctx.weights)
        if "project" in kinds:
            project.write(made, folder, (*machine.flags, *made.flags), options.vectors())
        if "so" in kinds:
            _build(made, folder, machine, options)
        return {
            "code": [f"{made.name}.c", f"{made.name}.h"],
            "library": f"{made.name}.so" if "so" in kinds else None,
            "function": f"{made.name}_run",
            "weights": {"file": f"{made.name}.weights", "bytes": made.weights.size, "mode": options.weights},
            **({"threads": made.threads} if machine.threads > 1 else {}),
            "memory": {"arena_bytes": made.arena_bytes, "lower_bound_bytes": made.lower_bound_bytes},
            "launches": [
                {"kernel": op.kernel, "nodes": list(locations(op))}
                for op in module.walk()
                if isinstance(op, kernel.LaunchOp)
            ],
        }

    def timed(self, folder: Path, manifest: Mapping[str, object]) -> Callable[[Sequence[Array]], list[Event]]:
        return Library(folder, manifest).events

    def rig(self, machine: Cpu, options: EmitOptions) -> Rig:
        command = tuple((options.cc or "cc").split())
        return CRig(Compiler(command, (*FLAGS, *machine.flags, *options.cflags)))

    def speeds(self, machine: Cpu, cc: str) -> Speeds:
        return speeds(machine, cc)

    def load(self, folder: Path, manifest: Mapping[str, object]) -> Callable[[Sequence[Array]], list[Array]]:
        return Library(folder, manifest)


def _write(made: Program, folder: Path, options: EmitOptions, flags: Mapping[str, object]) -> None:
    (folder / f"{made.name}.h").write_text(stamped(made.header, flags))
    (folder / f"{made.name}.c").write_text(stamped(made.source(), flags))
    if made.weights.size and (options.weights == "embed" or "project" in options.kinds):
        text = embedded(f"{made.name}_weights", f"{made.name}.weights")
        (folder / f"{made.name}_weights.c").write_text(stamped(text, flags))


def _build(made: Program, folder: Path, machine: Cpu, options: EmitOptions) -> None:
    compiler = Compiler(
        tuple((options.cc or "cc").split()), (*FLAGS, *machine.flags, *options.cflags), jobs=options.jobs
    )
    pointer = "#define AIC_WEIGHTS_POINTER 1\n" if options.weights == "bin" else ""
    units = {u.digest: u for u in made.units}
    sources = [("main", f"{pointer}{made.header}{made.main()}")]
    sources += [(digest, unit.alone(f"aic_k_{digest}")) for digest, unit in units.items()]
    with TemporaryDirectory(prefix="aic-") as scratch:
        cached = options.cached or uncached(Path(scratch))
        extra: list[str] = []
        if made.weights.size and options.weights == "embed":
            extra = [f"{made.name}_weights.c"]
        try:
            shared_object(sources, folder / f"{made.name}.so", compiler, cached, folder, [*extra, *made.flags, "-lm"])
        except CompilerError as error:
            raise TargetError(str(error), missing=error.missing) from None


_mapped: WeakValueDictionary[int, np.memmap] = WeakValueDictionary()
"""The weights of each library that is in use, by its handle: a file that is loaded twice is one library."""


class Library:
    """A loaded shared object with its arena. Not for concurrent calls: the arena is one. What is loaded twice has one
    number of threads, the one that was asked for last."""

    def __init__(self, folder: Path, manifest: Mapping[str, object]):
        part = dict(manifest)
        self._folder = folder
        self._library = _opened(folder / str(part["library"]))
        self._run = self._library[str(part["function"])]
        self._inputs = _signature(part["inputs"])
        self._outputs = _signature(part["outputs"])
        self._stem = str(part["function"]).removesuffix("_run")
        memory, weights = part["memory"], part["weights"]
        if not isinstance(memory, Mapping) or not isinstance(weights, Mapping):
            raise TargetError(f"{folder}: the manifest has no memory or weights")
        self._arena = _aligned(int(memory["arena_bytes"]))
        if weights["mode"] == "bin" and weights["bytes"]:
            self._weights = _mapped.get(self._library._handle)
            if self._weights is None:
                self._weights = np.memmap(folder / str(weights["file"]), np.uint8, "r")
                _mapped[self._library._handle] = self._weights
            set_weights = self._library[f"{self._stem}_set_weights"]
            set_weights.argtypes, set_weights.restype = [ctypes.c_void_p], None
            set_weights(self._weights.ctypes.data)
        if "threads" in part and "run_threads" in part:
            self._library[f"{self._stem}_set_threads"](int(str(part["run_threads"])))
        self._run.restype = ctypes.c_int
        count = len(self._inputs) + len(self._outputs) + 1
        self._run.argtypes = [ctypes.c_void_p] * count
        self._base = self._arena.ctypes.data

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """Run on contiguous arrays of the manifest's shapes and types; answers fresh arrays."""
        outputs = [np.empty(shape, kind) for shape, kind in self._outputs]
        if code := self._run(*map(_address, inputs), *map(_address, outputs), self._base):
            raise RuntimeError(f"the compiled model answered error code {code}")
        return outputs

    def events(self, inputs: Sequence[Array]) -> list[Event]:
        """Run code that is timed; answers when each launch began and ended."""
        self(inputs)
        count = ctypes.c_int64.in_dll(self._library, f"{self._stem}_event_count").value
        found = (_Event * count).in_dll(self._library, f"{self._stem}_events")
        return [Event(e.launch, e.start, e.stop) for e in found]


def _opened(path: Path) -> ctypes.CDLL:
    """A shared object; TargetError if it is there and cannot be loaded."""
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        if not path.is_file():
            raise
        raise TargetError(f"{path} cannot be loaded: it is not for this machine's processor, or is damaged") from error


class _Event(ctypes.Structure):
    _fields_ = (("start", ctypes.c_double), ("stop", ctypes.c_double), ("launch", ctypes.c_int64))


def _address(array: Array, byte: type[ctypes.c_char] = ctypes.c_char) -> int:
    """Where an array lies; the first way costs a quarter of the second, but wants it writable and not empty."""
    try:
        return ctypes.addressof(byte.from_buffer(array))  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return array.ctypes.data


def _signature(entries: object) -> list[tuple[tuple[int, ...], np.dtype[np.generic]]]:
    import ml_dtypes  # noqa: F401  registers bfloat16 and friends by name

    if not isinstance(entries, list):
        raise TargetError("the manifest names no inputs or outputs")
    return [(tuple(e["shape"]), np.dtype(e["dtype"])) for e in entries]


def _aligned(size: int) -> Array:
    raw = np.empty(size + 128, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + max(size, 64)]


assert sys.byteorder == "little", "weights are written little-endian"
