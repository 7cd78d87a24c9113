"""Artifacts on a GPU: the C library by ctypes, without torch; or the Python module, with it."""

import ctypes
import weakref
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np

from ...dialects._shape import Array
from ..target import TargetError

ERRORS = {
    1001: "there is no CUDA driver: libcuda.so.1",
    1002: "there are no binaries for this GPU in the artifact",
    1003: "the host has no memory left",
    1004: "there is no program for these sizes",
    2: "the GPU has not the memory",
    100: "there is no GPU",
    209: "the driver takes no such binary",
    700: "a kernel reached past its memory",
}
Ports = list[tuple[tuple[int, ...], np.dtype[np.generic]]]


class Library:
    """NAME_gpu.so on the first GPU. One run at a time."""

    def __init__(self, folder: Path, manifest: Mapping[str, object]):
        self._library = ctypes.CDLL(str(folder / str(manifest["library"])))
        stem = manifest["stem"]
        self._sizes = _sizes(manifest)
        self._is_sized = "sizes" in manifest
        self._run = self._library[f"{stem}_gpu_run"]
        self._gpu = ctypes.c_void_p()
        _expect(self._library[f"{stem}_gpu_init"](ctypes.byref(self._gpu), 0), "load")
        weakref.finalize(self, self._library[f"{stem}_gpu_destroy"], self._gpu)

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """Run on contiguous arrays; answers fresh ones."""
        number, ports = self._sizes[tuple(a.shape for a in inputs)]
        outputs = [np.empty(shape, kind) for shape, kind in ports]
        which = [ctypes.c_int(number)] if self._is_sized else []
        _expect(self._run(self._gpu, *which, *(ctypes.c_void_p(a.ctypes.data) for a in (*inputs, *outputs))), "run")
        return outputs


class Module:
    """NAME.py with torch and triton, as one CUDA graph."""

    def __init__(self, folder: Path, manifest: Mapping[str, object]):
        path = folder / f"{manifest['stem']}.py"
        spec = spec_from_file_location(f"aic_{manifest['stem']}", path)
        if spec is None or spec.loader is None:
            raise TargetError(f"{path} is no Python module")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        self._torch = import_module("torch")
        self._model = module.Model()
        self._model.capture()

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """Run on arrays; answers fresh ones."""
        outputs = self._model.run(*(self._torch.from_numpy(np.ascontiguousarray(a)) for a in inputs))
        return [tensor.cpu().numpy() for tensor in outputs]


def _expect(code: int, verb: str) -> None:
    """TargetError, or RuntimeError of a run, with what an error code means."""
    if code:
        kind = RuntimeError if verb == "run" else TargetError
        raise kind(f"the GPU cannot {verb} the model: {ERRORS.get(code, f'CUDA error {code}')}")


def _sizes(manifest: Mapping[str, object]) -> dict[tuple[tuple[int, ...], ...], tuple[int, Ports]]:
    """By the shapes of the inputs, the number of their size and the outputs."""
    found = manifest.get("sizes")
    parts = found if isinstance(found, list) else [manifest]
    return {
        tuple(shape for shape, _ in _ports(part["inputs"])): (number, _ports(part["outputs"]))
        for number, part in enumerate(parts)
    }


def _ports(entries: object) -> Ports:
    import ml_dtypes  # noqa: F401  registers bfloat16 and friends by name

    if not isinstance(entries, list):
        raise TargetError("the manifest names no outputs")
    return [(tuple(e["shape"]), np.dtype(e["dtype"])) for e in entries]
