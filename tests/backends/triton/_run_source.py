"""Runs one kernel of a Triton source under Triton's own interpreter: python _run_source.py FOLDER KERNEL GRID..

It reads FOLDER/source.py and FOLDER/arrays.npz, the kernel's arguments in order, and writes them back after the run.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import triton.runtime.interpreter as interpreter

HERE = Path(__file__).parent


def load(path):
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    folder, kernel, *grid = sys.argv[1:]
    stand_in = load(HERE / "_interpreted.py")
    interpreter._patch_lang_tensor = stand_in.mended(interpreter._patch_lang_tensor)
    function = getattr(load(Path(folder) / "source.py"), kernel)
    with np.load(f"{folder}/arrays.npz") as given:
        tensors = [stand_in.Tensor(given[key]) for key in given.files]
    function[tuple(map(int, grid))](*tensors)
    np.savez(f"{folder}/arrays.npz", *(t.array for t in tensors))
