"""A libcuda without a device, and models run against it in a process of their own."""

import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from aic.backends.triton.kernel import Kernel

HERE = Path(__file__).parent
RUN = """
import ctypes, json, sys
import numpy as np
name, inputs, outputs, runs, sizes = json.loads(sys.argv[1])
library = ctypes.CDLL(f"./{name}_gpu.so")
gpu = ctypes.c_void_p()
code = getattr(library, name + "_gpu_init")(ctypes.byref(gpu), 0)
if code:
    print(json.dumps(code))
    sys.exit()
ins = [np.full(n, 1 + i, np.uint8) for i, n in enumerate(inputs)]
outs = [np.zeros(n, np.uint8) for n in outputs]
for run in range(runs):
    size = [sizes[run]] if sizes else []
    code = getattr(library, name + "_gpu_run")(gpu, *size, *(ctypes.c_void_p(a.ctypes.data) for a in (*ins, *outs)))
getattr(library, name + "_gpu_destroy")(gpu)
print(json.dumps([code, [bytes(a[:4]).hex() for a in outs]]))
"""


def fake_driver(folder: Path) -> Path:
    """Build the fake libcuda.so.1 into a folder."""
    made = folder / "libcuda.so.1"
    line = ["cc", "-shared", "-fPIC", "-O1", "-w", "-D_GNU_SOURCE", "-o", str(made), str(HERE / "fake_libcuda.c")]
    subprocess.run(line, check=True, timeout=60)
    return made


def taken(kernel: Kernel) -> str:
    """A kernel's parameters as the fake is told of them."""
    told = [f"{'w' if p.written else 'p'}{p.bytes}" if p.is_pointer else f"i{p.bytes}" for p in kernel.parameters]
    return f"{kernel.name}={','.join(told)}"


def run_fake(
    folder: Path,
    name: str,
    kernels: Sequence[Kernel],
    sizes: tuple[Sequence[int], Sequence[int]],
    *,
    driver: Path,
    device: str = "90",
    runs: int = 1,
    numbers: Sequence[int] = (),
) -> tuple[object, list[str]]:
    """What a run of NAME_gpu.so of a folder answers, and the calls that the driver told of; `numbers` are the sizes of
    the runs, where there are several."""
    log = folder / "calls.txt"
    log.write_text("")
    environment = [
        f"LD_LIBRARY_PATH={driver.parent}",
        f"AIC_FAKE_LOG={log}",
        f"AIC_FAKE_KERNELS={';'.join(map(taken, kernels))}",
        f"AIC_FAKE_DEVICE={device}",
    ]
    told = json.dumps([name, list(sizes[0]), list(sizes[1]), runs, list(numbers)])
    line = ["env", *environment, sys.executable, "-c", RUN, told]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), log.read_text().splitlines()


def fake_cubin(entry: str, size: int = 512) -> bytes:
    """As little of an ELF file for CUDA as has a name in it."""
    names = b"\0.text\0" + entry.encode() + b"\0"
    section = struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, 64, len(names), 0, 0, 1, 0)
    table = 64 + len(names) + -len(names) % 8
    head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 190, 1, 0, 0, table, 90, 64, 0, 0, 64, 1, 0)
    return (head + names.ljust(table - 64, b"\0") + section).ljust(size, b"\0")
