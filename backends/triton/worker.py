"""A process that compiles Triton kernels: a request a line on stdin, an answer a line on stdout. It stands alone, so
that it can be started by its path, where nothing but triton is installed.

    {"path": [..]}                                                              sys.path, the first line
    {"text": "import triton..", "name": "k0", "types": {"x": "*fp16"}, "divisible": ["x"], "constants": {"N": 8},
     "options": {"num_warps": 4}, "arch": "sm_90", "folder": "k0"}
-->
    {"files": ["cubin", "ptx"], "entry": "k0", "shared": 0, "warps": 4, "scratch": 0, "log": "ptxas info : ..",
     "seconds": 0.4}      or      {"error": "CompilationError: .."}
"""

import contextlib
import io
import json
import sys
import time
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

TEXTS = ("ttir", "ttgir", "llir", "ptx", "amdgcn")
"""Stages of a compilation that are text; `cubin` and `hsaco` are bytes."""


def main() -> None:
    """Answer requests until stdin ends."""
    sys.path[:] = json.loads(sys.stdin.readline())["path"]
    out = sys.stdout
    for line in sys.stdin:
        request = json.loads(line)
        start = time.perf_counter()
        try:
            answer = compiled(request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[-4000:]}
        print(json.dumps(answer | {"seconds": time.perf_counter() - start}), file=out, flush=True)


def loaded(path: Path) -> ModuleType:
    """A module from its file: @triton.jit reads a function's source from there."""
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def target_of(arch: str) -> object:
    """Triton's target of `sm_90` or `gfx942`."""
    kind = import_module("triton.backends.compiler").GPUTarget
    if arch.startswith("sm_"):
        return kind("cuda", int(arch[3:].rstrip("a")), 32)
    return kind("hip", arch, 64)


def compiled(request: dict[str, Any]) -> dict[str, object]:
    """Compile one kernel, leave what was made in the request's folder."""
    folder = Path(request["folder"])
    knobs = import_module("triton").knobs
    knobs.cache.dir, knobs.cache.home_dir = str(folder / "cache"), str(folder)
    knobs.compilation.disable_line_info = True  # a binary that names no file is the same everywhere
    knobs.nvidia.dump_ptxas_log = True
    path = folder / "kernel.py"
    path.write_text(request["text"])
    function = getattr(loaded(path), request["name"])
    at = {name: i for i, name in enumerate(function.arg_names)}
    compiler = import_module("triton.compiler")
    source = compiler.ASTSource(
        fn=function,
        signature={name: request["types"].get(name, "constexpr") for name in at},
        constexprs={(at[name],): value for name, value in request["constants"].items()},
        attrs={(at[name],): [["tt.divisibility", 16]] for name in request["divisible"]},
    )
    options = {"enable_fp_fusion": True, **request["options"]}
    with contextlib.redirect_stdout(io.StringIO()) as log:
        made = compiler.compile(source, target=target_of(request["arch"]), options=options)
    for kind, content in made.asm.items():
        if isinstance(content, bytes):
            (folder / kind).write_bytes(content)
        elif kind in TEXTS:
            (folder / kind).write_text(content)
    return {
        "files": sorted(kind for kind in made.asm if (folder / kind).is_file()),
        "entry": made.metadata.name,
        "shared": made.metadata.shared,
        "warps": made.metadata.num_warps,
        "scratch": getattr(made.metadata, "global_scratch_size", 0),
        "log": log.getvalue(),
    }


if __name__ == "__main__":
    main()
