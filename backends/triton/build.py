"""Builds the C launcher into a shared object: three small files, by the C compiler, with nothing of CUDA at hand."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..target import TargetError

FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-fPIC", "-fvisibility=hidden")
LIMIT = 300.0


def shared_object(folder: Path, name: str, cc: str, cflags: Sequence[str] = ()) -> Path:
    """NAME_gpu.so from NAME_gpu.c and NAME_gpu_data.c of a folder; TargetError."""
    command = (cc or "cc").split()
    if shutil.which(command[0]) is None:
        raise TargetError(f"C compiler {command[0]} not found: install gcc (Debian: apt install gcc)", missing=True)
    sources = [f"{name}_gpu.c", f"{name}_gpu_data.c"]
    made = folder / f"{name}_gpu.so"
    line = [*command, *FLAGS, *cflags, "-shared", "-o", made.name, *sources, "-ldl"]
    try:
        done = subprocess.run(line, capture_output=True, text=True, cwd=folder, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise TargetError(f"{command[0]} took longer than {LIMIT:.0f} s") from None
    if done.returncode:
        raise TargetError(f"{command[0]} failed with exit code {done.returncode}:\n{done.stderr.strip()[:4000]}")
    return made
