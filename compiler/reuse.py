"""Compile a model, or take what an equal compilation left in the cache.

The key is a hash of all that the artifact depends on: the model's content, the options, the passes, the machine and
its CPU, the C compiler, and aic's own sources.
"""

import hashlib
import json
import platform
import secrets
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from xdsl.passes import ModulePass

from .._version import VERSION
from .artifact import read_manifest
from .cache import Cache, default_cache
from .driver import Compiled, Options, build, compile_model, plan
from .frontends.onnx.model import Model
from .pipeline import print_pipeline
from .targets import target_named

ROOMS = ("backends", "compiler", "dialects", "passes")


def compile_cached(model: Model, target: str, options: Options, cache: Cache | None = None) -> Compiled:
    """The artifact of a model, from the cache if it is there; without a cache, in a temporary folder."""
    found = default_cache() if cache is None else cache
    if found is None:
        return compile_model(model, target, None, options)
    if options.cached is None:
        options = replace(options, cached=object_cache(found))
    if not model.digest:
        return compile_model(model, target, None, options)
    times: list[tuple[str, str, float]] = []
    folder = found.folder(
        artifact_key(model, target, options), lambda fresh: times.extend(build(model, target, fresh, options))
    )
    return Compiled(folder, read_manifest(folder), tuple(times))


def object_cache(found: Cache) -> Callable[[str, Callable[[Path], None]], Path]:
    """`cached` for a target's emission: its keys, and the CPU that `-march=native` means."""
    return lambda key, make: found.file(_hashed(key, cpu_identity()), make)


def artifact_key(model: Model, target: str, options: Options) -> str:
    """The hash that an artifact is cached under."""
    chosen = target_named(target)
    steps = plan(target, options)
    passes = {level: print_pipeline(found) for level, found in steps.items()}
    values = {name: _hashed(str(v.dtype), str(v.shape), v.tobytes()) for name, v in sorted(options.values.items())}
    facts = {
        "plugins": sorted({_foreign_source(step) for found in steps.values() for step in found}),
        "versions": [VERSION, own_sources(), cpu_identity(), compiler_identity(options.cc or "cc")],
        "model": [model.digest, model.name],
        "target": [target, passes, chosen.describe(chosen.machine(options.settings))],
        "schedules": sorted(options.schedules.items()),
        "shapes": [sorted(options.dims.items()), sorted(options.shapes.items()), values, [*map(dict, options.sizes)]],
        "flags": [options.name, options.kinds, options.weights, options.cflags, options.level],
    }
    return _hashed(json.dumps(facts, sort_keys=True))


def _hashed(*parts: str | bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        found.update(len(data).to_bytes(8, "little") + data)
    return found.hexdigest()


def _foreign_source(step: ModulePass) -> str:
    """A hash of the file that somebody else's pass is in, "" for one of ours or xDSL's; of a pass that is in no file
    nothing is known, so that it gets a name that never comes again."""
    home = type(step).__module__
    if home.partition(".")[0] in (__name__.partition(".")[0], "xdsl"):
        return ""
    file = getattr(sys.modules.get(home), "__file__", None)
    return _hashed(home, Path(file).read_bytes()) if file else secrets.token_hex()


@cache
def own_sources() -> str:
    """A hash of aic's own sources: a changed compiler may make other code."""
    root = Path(__file__).parent.parent
    files = sorted(
        f for room in ROOMS for f in (root / room).rglob("*") if f.suffix in (".py", ".h", ".rules", ".jsonl")
    )
    return _hashed(*(part for f in files for part in (f.relative_to(root).as_posix(), f.read_bytes())))


@cache
def cpu_identity() -> str:
    """The CPU and its features, as Linux tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines()
    except OSError:
        lines = []
    wanted = ("model name", "flags", "Features", "CPU part")
    return _hashed(platform.machine(), platform.processor(), *sorted({x for x in lines if x.startswith(wanted)}))


def compiler_identity(command: str) -> str:
    """The C compiler's file: path, size and time of change."""
    path = shutil.which(command.split()[0])
    if path is None:
        return ""
    info = Path(path).resolve().stat()
    return f"{Path(path).resolve()} {info.st_size} {info.st_mtime_ns}"
