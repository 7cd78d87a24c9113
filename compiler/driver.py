"""The road from a model to an artifact: import, the target's passes level by level, emission, the manifest.

compiled = compile_model("model.onnx", "c", "out/")         a folder with C, weights, manifest.json
lowered = lower("model.onnx", "c", until="tensor")          the IR at a level, to print, run or go on from
"""

import gc
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute
from xdsl.passes import ModulePass

from .._version import VERSION
from ..backends.target import Cached, EmitOptions, Sized, TargetError, Vector
from ..dialects._schedules import Chooser
from ..dialects._shape import Array, dtype, shape
from ..dialects._signature import launched
from ..dialects.graph.weight import AicContext
from .artifact import read_manifest, write_folder, write_manifest
from .context import context
from .errors import CompileError, MissingToolError, UsageError
from .frontends.onnx.importer import import_model
from .frontends.onnx.model import Model, Source, load
from .interpret import interpret
from .pipeline import Observer, parse_pipeline, print_pipeline, run_pipeline
from .simulated import simulated
from .sizes import choosing
from .sizes import parts as parts_of
from .targets import target_named
from .tune.tables import shipped
from .vectors import random_input

LEVELS = ("graph", "tensor", "loop", "hardware")
"""The levels of IR from the model down; each is a stage that can be dumped and run."""
Plan = Mapping[str, tuple[ModulePass, ...]]


@dataclass(frozen=True)
class Options:
    """What a compilation may be told. `dims`, `shapes` and `values` are those of `import_onnx`; `settings` change the
    target's machine; `level` is the optimisation level 0 to 3; `edit` may change the passes of each level."""

    dims: Mapping[str, int] = field(default_factory=dict[str, int])
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    values: Mapping[str, Array] = field(default_factory=dict[str, Array])
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    sizes: Sequence[Mapping[str, int]] = ()
    """Several choices of symbolic dimensions, for an artifact of a program for each."""
    level: int = 2
    name: str = "model"
    kinds: tuple[str, ...] = ()
    weights: str = "bin"
    cc: str = ""
    cflags: tuple[str, ...] = ()
    jobs: int = 2
    cached: Cached | None = None
    edit: Callable[[Plan], Plan] | None = None
    schedules: Mapping[str, str] = field(default_factory=dict[str, str])
    """Schedules that a tuner found best, by the signature of their kernels."""
    observers: Sequence[Observer] = ()
    verify_each: bool = False
    timed: bool = False
    """Code that notes when each launch begins and ends."""
    stage: Callable[[str, AicContext, ModuleOp], None] | None = None
    """Called with each level's name when the module has reached it."""


@dataclass
class Lowered:
    """A module on its way: the level that it is at, the passes' text by level, and (stage, pass, seconds) in order."""

    ctx: AicContext
    module: ModuleOp
    model: Model
    level: str
    pipeline: dict[str, str]
    machine: object
    times: list[tuple[str, str, float]]


@dataclass(frozen=True)
class Compiled:
    """An artifact on disk; a temporary one lives as long as this object."""

    folder: Path
    manifest: dict[str, object]
    times: tuple[tuple[str, str, float], ...] = ()
    _held: object = field(default=None, repr=False)

    def load(self) -> Callable[[Sequence[Array]], list[Array]]:
        """The artifact as a function from input arrays, in order, to outputs."""
        return load_artifact(self.folder, self.manifest)


class Scratch:
    """A temporary folder that goes when this object does."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="aic-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def kept(folder: Path) -> Cached:
    """A `cached` that keeps nothing beyond a folder."""

    def make(key: str, build: Callable[[Path], None]) -> Path:
        if not (path := folder / key).exists():
            build(path)
        return path

    return make


@contextmanager
def garbage_later() -> Iterator[None]:
    """No cyclic garbage collection meanwhile: IR is one large cycle, and walking it again and again costs a third."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def plan(target: str, options: Options = Options(), until: str = "hardware") -> Plan:
    """The passes of each level down to `until`, in order, as `edit` leaves them. UsageError for an unknown level."""
    if until not in LEVELS:
        raise UsageError(f"no level {until!r}; expected one of {', '.join(LEVELS)}", code="unknown-level")
    texts = target_named(target).pipeline(machine_of(target, options), options.level)
    steps = {level: parse_pipeline(texts.get(level, "")) for level in LEVELS[: LEVELS.index(until) + 1]}
    return options.edit(steps) if options.edit else steps


def machine_of(target: str, options: Options) -> object:
    """The machine that the settings ask for; UsageError for what they cannot be."""
    with _told("bad-machine"):
        return target_named(target).machine(options.settings)


def lower(
    source: Source | Model,
    target: str = "c",
    options: Options = Options(),
    until: str = "hardware",
) -> Lowered:
    """Import a model and run the passes of every level down to `until`. Verified at each level's boundary.

    UsageError for an unknown target or level, and whatever `import_onnx` and the passes raise."""
    steps = plan(target, options, until)
    machine, known = machine_of(target, options), known_schedules(target, options)
    with garbage_later():
        ctx = context()
        start = time.perf_counter()
        model = source if isinstance(source, Model) else load(source)
        module = import_model(model, ctx, dims=options.dims, shapes=options.shapes, values=options.values)
        times = [("import", "import", time.perf_counter() - start)]
        pipeline: dict[str, str] = {}
        for level in steps:
            ran: list[ModulePass] = []
            checks, observers, settled = options.verify_each, options.observers, _settled(known, ran)
            done = run_pipeline(ctx, module, steps[level], verify_each=checks, observers=observers, settled=settled)
            pipeline[level] = print_pipeline(ran)
            times += [(level, name, seconds) for name, seconds in done]
            if options.stage is not None:
                options.stage(level, ctx, module)
    return Lowered(ctx, module, model, until, {k: text for k, text in pipeline.items() if text}, machine, times)


def known_schedules(target: str, options: Options) -> Mapping[str, str]:
    """The schedules that come with the compiler for the machine, and those of the options, which go before them."""
    return {**shipped(target, machine_of(target, options)), **options.schedules}


def _settled(schedules: Mapping[str, str], ran: list[ModulePass]) -> Callable[[ModulePass, ModuleOp], ModulePass]:
    """Each pass as it is run, noted in `ran`: the one that chooses schedules with those that are known."""

    def settled(step: ModulePass, module: ModuleOp) -> ModulePass:
        ran.append(with_schedules(step, module, schedules))
        return ran[-1]

    return settled


def with_schedules(step: ModulePass, module: ModuleOp, schedules: Mapping[str, str]) -> ModulePass:
    """The pass that chooses schedules with those that are known for the kernels of the module; any other as it is."""
    if not isinstance(step, Chooser) or step.schedules or not schedules:
        return step
    known = dict.fromkeys(step.signature(func, launches) for func, launches in launched(module))
    return step.knowing(";".join(f"{key}@{schedules[key]}" for key in known if key in schedules))


def compile_model(
    source: Source | Model,
    target: str = "c",
    out: str | Path | None = None,
    options: Options = Options(),
) -> Compiled:
    """Compile a model into the folder `out` (by default a temporary one), which appears complete or not at all."""
    held = Scratch() if out is None else None
    folder = held.path / "artifact" if held else Path(out or "")
    times: list[tuple[str, str, float]] = []

    def fill(fresh: Path) -> None:
        times.extend(build(source, target, fresh, options))

    write_folder(folder, fill)
    return Compiled(folder, read_manifest(folder), tuple(times), held)


def build(source: Source | Model, target: str, folder: Path, options: Options) -> list[tuple[str, str, float]]:
    """Fill an empty folder with the artifact; returns (stage, pass, seconds)."""
    if not options.name.isidentifier() or not options.name.isascii():
        raise UsageError(f"the prefix {options.name!r} is not an identifier of C", code="bad-prefix")
    chosen = target_named(target)
    from .eased import eased

    if unknown := [kind for kind in options.kinds if kind not in chosen.kinds]:
        raise UsageError(f"target {target} writes no {unknown[0]!r}; it writes {', '.join(chosen.kinds)}")
    each = [replace(options, dims={**options.dims, **dims}, sizes=()) for dims in options.sizes] or [options]
    model = source if isinstance(source, Model) or not options.sizes else load(source)
    made = [lower(model, target, one) for one in each]
    emit = replace(emit_options(options), vectors=lambda: golden(made[0].model, each[0]))
    scratch = Scratch()
    emit = emit if emit.cached else replace(emit, cached=kept(scratch.path))
    start = time.perf_counter()
    with _told():
        made = eased(chosen, made, each, emit)
    largest, ports = _ports_by_size(options, made)
    with _told():
        dims = options.sizes or ({},)
        sized = [Sized(d, one.ctx, one.module) for d, one in zip(dims, made, strict=True)]
        part = chosen.emit_sizes(sized, folder, largest.machine, emit)
        machine = chosen.describe(largest.machine)
    flags = {"level": options.level, "name": options.name, "kinds": list(emit.kinds), "weights": options.weights}
    write_manifest(
        folder,
        {
            "aic": VERSION,
            "target": target,
            "machine": machine,
            "options": flags,
            "pipeline": largest.pipeline,
            "model": {"name": largest.model.name, "hash": largest.model.digest},
            **ports,
            **part,
        },
    )
    return [*(row for one in made for row in one.times), ("emit", "emit", time.perf_counter() - start)]


def _ports_by_size(options: Options, made: Sequence[Lowered]) -> tuple[Lowered, dict[str, object]]:
    """The model at its largest size; what the manifest tells of inputs and outputs, of that and of every size."""
    ports = [{"inputs": module_ports(m.module, "arg"), "outputs": module_ports(m.module, "res")} for m in made]
    if not options.sizes:
        return made[0], dict(ports[0])
    largest = max(range(len(made)), key=lambda i: prod(options.sizes[i].values()))
    sizes = [{"dims": dict(dims), **of} for dims, of in zip(options.sizes, ports, strict=True)]
    return made[largest], {**ports[largest], "sizes": sizes}


def emit_options(options: Options) -> EmitOptions:
    """The part of the options that a target's emission is told."""
    return EmitOptions(
        options.name,
        options.kinds,
        options.weights,
        options.cc,
        options.cflags,
        options.jobs,
        options.cached,
        timed=options.timed,
    )


def golden(model: Model, options: Options, count: int = 2) -> list[Vector]:
    """Random inputs in order with the outputs that the graph level, as imported, gives for them."""
    ctx = context()
    module = import_model(model, ctx, dims=options.dims, shapes=options.shapes, values=options.values)
    ports = dict(_ports(module, "arg"))
    found: list[Vector] = []
    for seed in range(count):
        random = {name: random_input(name, dtype(kind), shape(kind), seed) for name, kind in ports.items()}
        inputs = [*(random | dict(options.values)).values()]
        found.append((inputs, interpret(ctx, module, inputs)))
    return found


def load_artifact(
    folder: Path, manifest: Mapping[str, object] | None = None
) -> Callable[[Sequence[Array]], list[Array]]:
    """An artifact's folder as a function from input arrays, in order, to outputs."""
    found = read_manifest(folder) if manifest is None else manifest
    target, parts = target_named(str(found["target"])), parts_of(found)
    with _told():
        files = [target.simulated(part) for part in parts or [found]]
        if None in files:
            return target.load(folder, found)
        if not parts:
            return simulated(folder / str(files[0]), found)
    return choosing(parts, lambda number: simulated(folder / str(files[number]), parts[number]))


def module_ports(module: ModuleOp, kind: str) -> list[dict[str, object]]:
    """Names, numpy types and shapes of @main's arguments (`arg`) or results (`res`), as they are at the graph level."""
    return [
        {"name": name, "dtype": str(dtype(type)), "shape": list(shape(type))} for name, type in _ports(module, kind)
    ]


def _ports(module: ModuleOp, kind: str) -> list[tuple[str, Attribute]]:
    main = next((op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "main"), None)
    if main is None:
        raise CompileError("no func.func @main in the module", code="bad-ir")
    whole = main.function_type.inputs if kind == "arg" else main.function_type.outputs
    numbered = ArrayAttr([StringAttr(f"{kind}{i}") for i in range(len(whole.data))])
    names = main.attributes.get(f"{kind}_names", numbered)
    types = main.attributes.get(f"{kind}_types", whole)
    if not isinstance(names, ArrayAttr) or not isinstance(types, ArrayAttr):
        raise CompileError(f"@main: expected a list of {kind}_names and {kind}_types", code="bad-ir")
    return [(name.data, type) for name, type in zip(names, types, strict=True) if isinstance(name, StringAttr)]


@contextmanager
def _told(usage: str = "") -> Iterator[None]:
    """A target's refusal as an error of ours: of what a user set if `usage` has that error's code."""
    try:
        yield
    except TargetError as error:
        if usage and not error.missing:
            raise UsageError(str(error), code=usage) from error
        raise (MissingToolError if error.missing else CompileError)(str(error)) from error
