"""What a user sets for the NPU: the machine, and how a float network gets its numbers.

-t npu,machine=edge,rows=16,vpu.lanes=64,quantize=int8,method=kl,data=calibration.npz
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from ..target import TargetError
from .machine import Machine, MachineError, machine_from, presets

DEFAULT = "edge"


@dataclass(frozen=True)
class Quantization:
    """Options of `npu-quantize`, as text; an empty one is left at its default."""

    method: str = ""
    data: str = ""
    samples: str = ""
    seed: str = ""
    percentile: str = ""
    keep: str = ""
    loss: str = ""
    type: str = ""

    def options(self) -> str:
        """The options in a pipeline's text."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}
        plain = {name: text.replace("+", ",") if name == "keep" else text for name, text in given.items()}
        told = " ".join(f"{name}={_text(text, name)}" for name, text in plain.items())
        return f"{{{told}}}" if told else ""


@dataclass(frozen=True)
class Setup:
    """A machine with the text that names it, and the quantisation that was asked for (None: none)."""

    machine: Machine
    text: str
    quantization: Quantization | None = None

    @property
    def identity(self) -> str:
        """A hash of the machine's file, with all that bears on reports only, and of the calibration data."""
        found = hashlib.sha256(self.machine.text.encode())
        if self.quantization is not None and self.quantization.data:
            try:
                found.update(Path(self.quantization.data).read_bytes())
            except OSError as error:
                raise TargetError(f"data={self.quantization.data}: {error.strerror}") from error
        return found.hexdigest()

    @property
    def option(self) -> str:
        """`machine=..` in a pipeline's text."""
        return f'machine="{self.text}"'


def setup_of(settings: Mapping[str, str]) -> Setup:
    """The setup for settings as `-t npu,key=value` gives them: `machine` (a preset) or `config` (a file); `quantize`
    int8 or none, with the options of `npu-quantize`; every other key replaces one of the machine. TargetError."""
    rest = dict(settings)
    name, config = rest.pop("machine", None), rest.pop("config", None)
    if name is not None and config is not None:
        raise TargetError(f"machine={name} and config={config}: expected one of the two")
    if name is not None and name not in presets():
        raise TargetError(f"machine={name}: expected one of {', '.join(presets())}; for a file: config={name}")
    wanted = rest.pop("quantize", "none")
    if wanted not in ("int8", "none"):
        raise TargetError(f"quantize={wanted}: expected int8 or none")
    chosen = {f.name: rest.pop(f.name) for f in fields(Quantization) if f.name in rest}
    if chosen and wanted == "none":
        raise TargetError(f"{next(iter(chosen))}: expected quantize=int8 with it")
    quantization = Quantization(**chosen) if wanted == "int8" else None
    if quantization is not None:
        quantization.options()  # refuses what is no option
    text = ",".join([name or config or DEFAULT, *(f"{key}={value}" for key, value in rest.items())])
    if '"' in text or "\\" in text or "}" in text or "\n" in text:
        raise TargetError(f"machine {text!r}: expected no quotes, backslashes or braces")
    try:
        return Setup(machine_from(text), text, quantization)
    except MachineError as error:
        raise TargetError(str(error)) from error


NUMBERS = {"samples": int, "seed": int, "percentile": float, "loss": float}


def _text(value: str, name: str) -> str:
    """A value as a pipeline's text has it: numbers and words plain, anything else quoted."""
    if '"' in value or "\\" in value or "}" in value or "\n" in value:
        raise TargetError(f"{name}={value!r}: expected no quotes, backslashes or braces")
    if (kind := NUMBERS.get(name)) is not None:
        try:
            return str(kind(value))
        except ValueError:
            words = "a whole number" if kind is int else "a number"
            raise TargetError(f"{name}={value}: expected {words}") from None
    return ",".join(f'"{part}"' for part in (value.split(",") if name == "keep" else [value]))
