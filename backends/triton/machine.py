"""The numbers of a GPU that schedules and the cost model go by: a preset of an architecture, or a TOML file.

    -t triton,arch=sm_90,precision=f16            sm_90: H100, H200; sm_80: A100
    -t triton,config=my.toml,sms=114              single numbers replaced

The architecture is by default that of the GPU at hand, without one sm_90. `precision` says how products of f32 multiply
and what passes between kernels: f32 and tf32 store f32; f16 and bf16 store 16 bits, and sum in f32.
"""

import ctypes
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

from ..target import TargetError

PRESETS = Path(__file__).parent / "presets"
PRECISIONS = ("f32", "tf32", "tf32x3", "f16", "bf16")
MAJOR, MINOR = 75, 76
"""Of a device's compute capability, as cuDeviceGetAttribute numbers them."""


@dataclass(frozen=True)
class Gpu:
    """A GPU: multiprocessors, bytes of shared memory that a program may have and of the second cache, 10^12 operations
    a second, 10^9 bytes a second, microseconds that a launch costs."""

    name: str
    arch: str
    sms: int
    shared: int
    l2: int
    f16_tflops: float
    tf32_tflops: float
    f32_tflops: float
    dram_gbs: float
    l2_gbs: float
    launch_us: float
    precision: str = "f32"

    @property
    def tflops(self) -> float:
        """The rate of products in the chosen precision."""
        rates = {"f32": self.f32_tflops, "tf32": self.tf32_tflops, "tf32x3": self.tf32_tflops / 3}
        return rates.get(self.precision, self.f16_tflops)

    @property
    def is_narrow(self) -> bool:
        """Whether 16 bits pass between kernels."""
        return self.precision in ("f16", "bf16")

    @property
    def dots(self) -> str:
        """How products of f32 multiply, in the words of the lowering."""
        return "ieee" if self.precision == "f32" else self.precision


def presets() -> tuple[str, ...]:
    """The architectures of which numbers come with the compiler."""
    return tuple(sorted(file.stem for file in PRESETS.glob("*.toml")))


def gpu(settings: Mapping[str, str]) -> Gpu:
    """The GPU that the settings describe; TargetError on what does not fit."""
    rest = dict(settings)
    file, precision = rest.pop("config", None), rest.pop("precision", "f32")
    arch = rest.pop("arch", None) or attached() or "sm_90"
    if arch not in presets():
        raise TargetError(f"target triton: expected an arch of {', '.join(presets())}, found {arch!r}")
    if precision not in PRECISIONS:
        raise TargetError(f"target triton: expected a precision of {', '.join(PRECISIONS)}, found {precision!r}")
    known = _read(PRESETS / f"{arch}.toml") | ({} if file is None else _read(Path(file)))
    found = Gpu(**{"arch": arch, **known, "precision": precision})
    numbers = {f.name: f.type for f in fields(Gpu) if f.type in (int, float)}
    for key, text in rest.items():
        if key not in numbers:
            told = ", ".join(("arch", "precision", "config", *numbers))
            raise TargetError(f"target triton has no setting {key!r}: expected one of {told}")
        found = replace(found, **{key: _number(key, text, numbers[key] is int)})
    return found


def _number(key: str, text: str, whole: bool) -> float:
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise TargetError(f"target triton: expected a positive number for {key}, found {text!r}")
    return number


def _read(path: Path) -> dict[str, object]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TargetError(f"{path}: {error}") from None
    for key, value in found.items():
        kinds = {f.name: f.type for f in fields(Gpu)}
        kind = kinds.get(key)
        good = (
            isinstance(value, str)
            if kind is str
            else isinstance(value, int) or (kind is float and type(value) is float)
        )
        if kind is None or not good:
            raise TargetError(f"{path}: {key} = {value!r}: expected numbers of {', '.join(kinds)}")
    return found


@cache
def attached() -> str | None:
    """The architecture of the first GPU at hand of those that binaries are made for, None without one."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
        value, found = ctypes.c_int(), []
        if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(value)) or not value.value:
            return None
        for attribute in (MAJOR, MINOR):
            if cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, 0):
                return None
            found.append(value.value)
    except (OSError, AttributeError):
        return None
    fitting = [arch for arch in presets() if arch[3:-1] == str(found[0]) and int(arch[-1]) <= found[1]]
    return max(fitting, default=None)


@cache
def device_name() -> str | None:
    """What the driver calls the first GPU; None without one."""
    try:
        cuda, name = ctypes.CDLL("libcuda.so.1"), ctypes.create_string_buffer(256)
        refused = cuda.cuInit(0) or cuda.cuDeviceGetName(name, 256, 0)
    except (OSError, AttributeError):
        return None
    return None if refused else name.value.decode(errors="replace")
