"""What an artifact of this target holds beside the Python module: binaries, the C launcher, what is told of them."""

from collections.abc import Sequence
from pathlib import Path

from ..target import Cached, EmitOptions, TargetError
from . import host_c
from .build import shared_object
from .compile import Binary, Failure, compile_kernels, triton_version
from .program import ALIGNMENT, Family, Program


def described(made: Family) -> dict[str, object]:
    """The manifest's part on a model; launches are those of the largest size."""
    largest = max(made.programs, key=lambda program: program.arena_bytes)
    return {
        "stem": made.name,
        "code": [f"{made.name}.py"],
        "library": None,
        "weights": {
            "file": f"{made.name}.weights",
            "bytes": made.weights.size,
            "mode": "bin",
            "alignment": ALIGNMENT,
            **({"places": _places(made)} if made.symbols else {}),
        },
        "memory": {"arena_bytes": largest.arena_bytes, "lower_bound_bytes": largest.lower_bound_bytes},
        "launches": _launches(largest),
        "kernels": [k.json() for k in made.kernels.values()],
    }


def _places(made: Family) -> list[list[object]]:
    """Name, type and first byte of each weight: those that one size uses do not lie one after the other."""
    return [[entry.op.weight, str(entry.op.res.type), entry.offset] for entry in made.weights.entries]


def _launches(program: Program) -> list[dict[str, object]]:
    return [{"kernel": x.kernel, "nodes": list(x.nodes), "grid": list(x.grid)} for x in program.launches]


def library(
    made: Family, folder: Path, archs: Sequence[str], kinds: Sequence[str], options: EmitOptions, cached: Cached
) -> dict[str, object]:
    """Compile all kernels for all architectures; write the C launcher, build it, as `kinds` ask for."""
    kernels = list(made.kernels.values())
    found = compile_kernels(kernels, archs, options.jobs, cached)
    binaries = {key: b for key, b in found.items() if isinstance(b, Binary)}
    failures = [f"{name} ({arch}): {f.reason}" for (name, arch), f in found.items() if isinstance(f, Failure)]
    if failures:
        raise TargetError(f"{len(failures)} of {len(found)} binaries were not made: {failures[0]}")
    part = _described(made, archs, binaries)
    if "ptx" in kinds:
        (folder / "ptx").mkdir()
        for (name, arch), binary in binaries.items():
            (folder / "ptx" / f"{name}.{arch}.ptx").write_text(binary.assembly)
    if {"so", "c"} & {*kinds}:
        _write(made, folder, archs, binaries)
        part["code"] = [f"{made.name}.py", f"{made.name}_gpu.c", f"{made.name}_gpu.h"]
    if "so" in kinds:
        part["library"] = shared_object(folder, made.name, options.cc, options.cflags).name
    return part


def _write(made: Family, folder: Path, archs: Sequence[str], binaries: host_c.Binaries) -> None:
    name = made.name
    (folder / f"{name}_gpu.h").write_text(host_c.header(made))
    (folder / f"{name}_gpu.c").write_text(host_c.source(made, archs, binaries))
    (folder / f"{name}.binaries").write_bytes(host_c.blob(made, archs, binaries)[0])
    parts = ((f"{name}_binaries", f"{name}.binaries"), (f"{name}_gpu_weights", f"{name}.weights"))
    (folder / f"{name}_gpu_data.c").write_text("".join(host_c.embedded(*part) for part in parts))


def _described(made: Family, archs: Sequence[str], binaries: host_c.Binaries) -> dict[str, object]:
    """The triton that made the binaries, and what each is like, by architecture and kernel."""
    like = {arch: {name: binaries[name, arch].statics.json() for name in made.kernels} for arch in archs}
    return {"triton": triton_version(), "statics": like}
