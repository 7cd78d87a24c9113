"""A kernel as Triton source with all that compiling and launching it takes: what the printer makes of a `tile.kernel`.

Kernel("add", "@triton.jit\\ndef add(x, y, N: tl.constexpr): ..", (Parameter("x", "*fp16"), ..), {"N": 8}, warps=4)
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TypeAlias

Constant: TypeAlias = int | float | bool | str
IMPORTS = "import triton\nimport triton.language as tl\n"
BYTES = {"i1": 1, "i8": 1, "u8": 1, "fp8e4nv": 1, "fp8e5": 1, "i16": 2, "u16": 2, "fp16": 2, "bf16": 2}
BYTES |= {"i32": 4, "u32": 4, "fp32": 4, "i64": 8, "u64": 8, "fp64": 8}
"""Bytes of an element, by Triton's name of its type."""


@dataclass(frozen=True)
class Parameter:
    """An argument that is handed over at a launch: Triton's name of its type (`*fp16` is a pointer), what divides it
    (of a pointer in bytes; 1: nothing is promised), whether the kernel writes there, how many elements it reaches."""

    name: str
    type: str
    divisible: int = 16
    written: bool = False
    elements: int = 0

    @property
    def is_pointer(self) -> bool:
        """Whether it is an address in device memory."""
        return self.type.startswith("*")

    @property
    def element_bytes(self) -> int:
        """Bytes of an element, or of the scalar."""
        return BYTES[self.type.lstrip("*")]

    @property
    def bytes(self) -> int:
        """Bytes that it reaches; of a scalar, its own."""
        return self.element_bytes * (self.elements if self.is_pointer else 1)


@dataclass(frozen=True)
class Kernel:
    """One `@triton.jit` function without imports; `constants` are its tl.constexpr arguments. `dots` counts its
    contractions of at least 16x16x16, for which tensor cores are expected; `contiguous` tells that 128-bit accesses
    are."""

    name: str
    source: str
    parameters: tuple[Parameter, ...]
    constants: Mapping[str, Constant] = field(default_factory=dict[str, Constant])
    warps: int = 4
    stages: int = 3
    maxnreg: int = 0
    bytes: int = 0
    flops: int = 0
    dots: int = 0
    schedule: Mapping[str, int] = field(default_factory=dict[str, int])
    contiguous: bool = True

    @property
    def text(self) -> str:
        """A module of Python with this one kernel."""
        return f"{IMPORTS}\n\n{self.source}"

    @property
    def options(self) -> dict[str, int]:
        """What the launch tells Triton."""
        told = {"num_warps": self.warps, "num_stages": self.stages}
        return told | ({"maxnreg": self.maxnreg} if self.maxnreg else {})

    def key(self, arch: str, version: str) -> str:
        """A hash of all that its binary for an architecture depends on."""
        parameters = [(p.name, p.type, p.divisible % 16 == 0) for p in self.parameters]
        facts = [self.text, parameters, sorted(self.constants.items()), self.options, self.name, arch, version]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def json(self) -> dict[str, object]:
        """As plain data, without its source."""
        return {key: value for key, value in asdict(self).items() if key != "source"}
