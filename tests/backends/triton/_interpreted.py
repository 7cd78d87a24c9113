"""Runs a model.py under Triton's own interpreter, without torch and without a GPU: python _interpreted.py FOLDER NAME.

It stands in for torch by numpy arrays, reads FOLDER/inputs.npz, writes FOLDER/outputs.npz. A process of its own: the
interpreter changes triton.language for good, and is chosen when triton is imported (TRITON_INTERPRET=1).
"""

import contextlib
import sys
import types
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import triton.runtime.interpreter as interpreter

NAMES = {
    "float64": "fp64",
    "float32": "fp32",
    "float16": "fp16",
    "bfloat16": "bf16",
    "bool": "i1",
    **{f"int{n}": f"i{n}" for n in (8, 16, 32, 64)},
    **{f"uint{n}": f"u{n}" for n in (8, 16, 32, 64)},
}


class Tensor:
    """A numpy array with what the interpreter and model.py ask of a tensor."""

    def __init__(self, array: np.ndarray):
        self.array = array
        self.dtype, self.shape = NAMES[array.dtype.name], array.shape

    def view(self, kind):
        return Tensor(self.array.view(kind) if isinstance(kind, np.dtype) else self.array.reshape(kind))

    def __getitem__(self, part):
        return Tensor(self.array[part.array if isinstance(part, Tensor) else part])

    def copy_(self, other):
        if isinstance(other, np.ndarray | Tensor):
            self.array[...] = getattr(other, "array", other)
        return self

    def fill_(self, byte):
        self.array[...] = byte

    def clone(self):
        return Tensor(self.array.copy())

    def reshape(self, *dims):
        return Tensor(self.array.reshape(*dims))

    def to(self, device):
        return self

    def double(self):
        return Tensor(self.array.astype(np.float64))

    def numpy(self):
        return self.array

    def numel(self):
        return self.array.size

    @property
    def device(self):
        return "cpu"

    def data_ptr(self):
        return self.array.ctypes.data

    def untyped_storage(self):
        return self

    def cpu(self):
        return self

    def new_empty(self, n, device=None):
        return Tensor(self.array)

    def set_(self, storage, offset, size, stride):
        pass

    def storage_offset(self):
        return 0

    def size(self):
        return self.array.shape

    def stride(self):
        return tuple(s // self.array.itemsize for s in self.array.strides)


def torch_of_numpy():
    """A module that stands in for torch."""
    import ml_dtypes

    found = types.ModuleType("torch")
    for name in NAMES:
        setattr(found, name, np.dtype(getattr(ml_dtypes, name, name)))
    found.device = lambda name: name
    found.empty = lambda shape, dtype, device: Tensor(poisoned(shape, dtype))
    found.from_file = lambda path, size, dtype: np.fromfile(path, dtype, size)
    found.Tensor, found.from_numpy = Tensor, Tensor
    found.equal = lambda a, b: np.array_equal(a.array, b.array)
    found.cuda = types.SimpleNamespace(synchronize=lambda: None)
    flags = types.SimpleNamespace(allow_tf32=False)
    found.backends = types.SimpleNamespace(cuda=types.SimpleNamespace(matmul=flags), cudnn=flags)
    return found


def interpreted():
    """Let triton's interpreter run on numpy, and torch be a stand-in."""
    interpreter._patch_lang_tensor = mended(interpreter._patch_lang_tensor)
    sys.modules["torch"] = torch_of_numpy()


def poisoned(shape, dtype):
    """An array whose every byte is 0xFF, which as a float is NaN; aligned as the driver aligns."""
    count = int(np.prod(shape)) * dtype.itemsize
    raw = np.full(count + 256, 0xFF, np.uint8)
    start = -raw.ctypes.data % 256
    return raw[start : start + count].view(dtype).reshape(shape)


def mended(patch):
    """3.6.0 makes an int of an array of one element, which numpy no longer does."""

    def patched(tensor, scope):
        patch(tensor, scope)
        tensor.__index__ = lambda self: int(self.handle.data.reshape(-1)[0])

    return patched


def main(folder, name):
    interpreted()
    spec = spec_from_file_location(name, folder / f"{name}.py")
    module = module_from_spec(spec)
    with contextlib.suppress(FileNotFoundError):
        spec.loader.exec_module(module)
    with np.load(folder / "inputs.npz") as given:
        outputs = module.Model().run(*(given[key] for key in given.files))
    np.savez(folder / "outputs.npz", *(made.array for made in outputs))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
