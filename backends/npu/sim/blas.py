"""One thread for the products of the simulator: they are too small for several, which would wait for each other.

with one_thread():
    left @ right
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np

FOLDERS = ("../numpy.libs", ".dylibs")
"""Where numpy's wheels keep OpenBLAS, from numpy's own folder."""
NAMES = ("scipy_openblas_{}64_", "scipy_openblas_{}", "openblas_{}64_", "openblas_{}")


@cache
def _library() -> tuple[ctypes.CDLL, str] | None:
    """The OpenBLAS that numpy has loaded and how its functions are called; None where it uses another library."""
    files = [file for folder in FOLDERS for file in sorted((Path(np.__file__).parent / folder).glob("*openblas*"))]
    for file, name in product(files, NAMES):
        with suppress(OSError, AttributeError):  # no library, or no such function in it
            found = ctypes.CDLL(str(file))
            found[name.format("set_num_threads")]
            return found, name
    return None


def threads() -> int:
    """How many threads numpy's products may use; 0: not known."""
    found = _library()
    return found[0][found[1].format("get_num_threads")]() if found else 0


@contextmanager
def one_thread() -> Iterator[None]:
    """Products use one thread until the end; nothing happens where numpy has no OpenBLAS."""
    if (found := _library()) is None:
        yield
        return
    library, name = found
    before, change = threads(), library[name.format("set_num_threads")]
    change(1)
    try:
        yield
    finally:
        change(before)
