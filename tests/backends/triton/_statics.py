"""Binaries that nobody compiled: what kernels are like, made up from their schedules."""

from collections.abc import Callable, Sequence

from aic.backends.triton.compile import Binary, Failure
from aic.backends.triton.kernel import Kernel
from aic.backends.triton.statics import Statics, resident

from ._cuda import fake_cubin

COUNTS = {"ld": 2, "ld.128": 2, "st": 1, "st.128": 1, "cp.async": 4, "cp.async.128": 4}


def like(kernel: Kernel, arch: str, spilled: int = 0) -> Statics:
    """Statics that follow from the blocks."""
    told = kernel.schedule
    held = max(told.get("BM", 1) * told.get("BN", 1), told.get("BX", 1) * told.get("BR", 1)) // (32 * kernel.warps)
    shared = 2 * (told.get("BM", 0) + told.get("BN", 0)) * told.get("BK", 1) * kernel.stages
    registers = min(255, 40 + held)
    counts = COUNTS | ({"wgmma": 8} if kernel.dots else {})
    fits = resident(registers, shared, kernel.warps, arch)
    return Statics(registers, spilled, spilled, shared, kernel.warps, fits, counts)


def compiler(
    spilled: Callable[[Kernel], int] = lambda _: 0,
) -> Callable[[object, Sequence[Kernel], Sequence[str], float], list[list[Binary | Failure]]]:
    """What `ModelRig.compiled` answers, with so many bytes spilled; a kernel of -1 is refused."""

    def compiled(rig, kernels, archs, limit):
        return [[made(kernel, arch, spilled(kernel)) for arch in archs] for kernel in kernels]

    def made(kernel: Kernel, arch: str, bytes: int) -> Binary | Failure:
        if bytes < 0:
            return Failure("took longer than 60 s")
        found = like(kernel, arch, bytes)
        return Binary(fake_cubin(kernel.name), kernel.name, found.shared, 32 * kernel.warps, 0, "", found)

    return compiled
