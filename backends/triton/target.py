"""Triton for GPUs: kernels as text, a Python module and a C library that launch them; numpy where there is no GPU."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer

from ...dialects._shape import Array
from ...dialects.graph.weight import AicContext
from ..target import SIZE, EmitOptions, Lighter, Rig, Sized, Speeds, Stages, Target, joined
from . import host_python
from .artifact import described, library
from .compile import uncached
from .easing import eased
from .host import family
from .lower.choose import SHARED
from .machine import Gpu, attached, device_name, gpu, presets
from .measured import DeviceRig
from .rig import ModelRig
from .sizes import share

BASIC = "fold-constants,drop-redundant,cancel-inverse"
ALGEBRA = "flatten-atrous,fold-batch-norm,sink-ops,fold-scale,simplify-algebra,recompose,cse,fast-math"
CLEAN = "drop-redundant,cancel-inverse,fold-constants,dce"
GRAPH = (
    {"pre": "fold-constants"},
    {"pre": BASIC, "main": "fold-batch-norm", "post": CLEAN},
    {"pre": BASIC, "main": ALGEBRA, "post": CLEAN},
)
BINARIES = {"so", "c", "ptx"}
"""The kinds of output that kernels are compiled for."""
ABSENT = (
    "there is no GPU here, and what numpy takes for its kernels says nothing; `aic gpu M.. -t triton -o DIR` writes a "
    "folder that checks and times them where there is one, `aic tune M -t triton` compares schedules by a model of it"
)
TUNED = Path(__file__).parent / "tuned"
"""Schedules that won on a device, a file for each architecture that was measured."""
COSINE = {"f16": 0.999, "bf16": 0.99, "tf32": 0.9999}
"""What outputs keep of a model of f32."""


class TritonTarget(Target[Gpu]):
    """NVIDIA GPUs from sm_80 on, by Triton."""

    name = "triton"
    kinds = ("py", "so", "c", "ptx")

    def machine(self, settings: Mapping[str, str]) -> Gpu:
        return gpu(settings)

    def promised_cosine(self, machine: Gpu) -> float | None:
        return COSINE.get(machine.precision)

    def describe(self, machine: Gpu) -> dict[str, int | float | str]:
        return asdict(machine)

    def pipeline(self, machine: Gpu, level: int) -> dict[str, str]:
        return joined(self.stages(machine, level))

    def stages(self, machine: Gpu, level: int) -> Stages:
        views = "sink-concat,fold-views,cse," if level else ""
        groups = "fuse-kernels{strategy=multi-output},fuse-attention"
        narrow = f",narrow-values{{dtype={machine.precision}}}" if machine.is_narrow else ""
        shared = f" shared={machine.shared}" if machine.shared < SHARED else ""
        numbers = f"{{sms={machine.sms} precision={machine.dots}{shared}}}"
        return {
            "graph": GRAPH[min(level, 2) if level != SIZE else 2],
            "tensor": {
                "main": f"lower-graph-to-tensor,{views}{groups}{narrow}",
                "post": "assign-layout{rows=1048576},sink-pads,lay-out-weights",
            },
            "hardware": {
                "pre": "bufferize,join-copies",
                "main": f"choose-tile-schedule{numbers},lower-kernel-to-tile{{precision={machine.dots}}}",
                "post": "derive-masks,dce,plan-memory,check-memory",
            },
        }

    def eased(
        self, parts: Sequence[Sized], machine: Gpu, options: EmitOptions, lighter: Lighter
    ) -> Mapping[tuple[int, str], str]:
        if not BINARIES & {*self._kinds(options)}:
            return {}
        return eased([part.module for part in parts], ModelRig(machine, options.jobs, options.cached), lighter)

    def _kinds(self, options: EmitOptions) -> Sequence[str]:
        return options.kinds or (("py", "so") if self.is_here() and find_spec("triton") else ("py",))

    def emit(
        self, ctx: AicContext, module: ModuleOp, folder: Path, machine: Gpu, options: EmitOptions
    ) -> dict[str, object]:
        return self.emit_sizes([Sized({}, ctx, module)], folder, machine, options)

    def emit_sizes(self, parts: Sequence[Sized], folder: Path, machine: Gpu, options: EmitOptions) -> dict[str, object]:
        weights = share(parts)
        made = family([(part.sizes, part.module) for part in parts], options.name)
        kinds = self._kinds(options)
        (folder / f"{made.name}.py").write_text(host_python.source(made))
        with (folder / f"{made.name}.weights").open("wb") as out:
            made.weights.write(out, weights)
        for number, part in enumerate(parts):
            with (folder / _text(made.name, number if part.sizes else None)).open("w", encoding="utf8") as text:
                Printer(stream=text, print_debuginfo=False).print_op(part.module)
        told = described(made) | {"precision": machine.precision}
        if BINARIES & {*kinds}:
            with TemporaryDirectory(prefix="aic-") as scratch:
                cached = options.cached or uncached(Path(scratch))
                told |= library(made, folder, presets(), kinds, options, cached)
        return told

    def simulated(self, manifest: Mapping[str, object]) -> str | None:
        can_run = self.is_here() and (manifest.get("library") is not None or find_spec("torch"))
        number = manifest.get("size")
        return None if can_run else _text(str(manifest["stem"]), number if isinstance(number, int) else None)

    def absent(self) -> str:
        return "" if self.is_here() else ABSENT

    @staticmethod
    def is_here() -> bool:
        """Whether there is a GPU to run on."""
        return attached() is not None

    def load(self, folder: Path, manifest: Mapping[str, object]) -> Callable[[Sequence[Array]], list[Array]]:
        from .loaded import Library, Module

        return (Module if manifest.get("library") is None else Library)(folder, manifest)

    def rig(self, machine: Gpu, options: EmitOptions) -> Rig:
        if attached() != machine.arch or (device := device_name()) is None:
            return ModelRig(machine, options.jobs, options.cached)
        return DeviceRig(machine, device, options.jobs, options.cached)

    def winners(self, machine: Gpu) -> Path:
        return TUNED / f"{machine.arch}.jsonl"

    def speeds(self, machine: Gpu, cc: str) -> Speeds:
        return Speeds(1e12 * machine.tflops, 1e9 * machine.dram_gbs, measured=False)


def _text(stem: str, number: int | None) -> str:
    """The file of the tile level, one for each of several sizes."""
    return f"{stem}.mlir" if number is None else f"{stem}{number}.mlir"
