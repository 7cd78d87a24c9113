"""The systolic NPU: programs of its instruction set, which the simulator runs, and what the host does between them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ...dialects._shape import Array
from ...dialects.graph.weight import AicContext
from ..target import SIZE, EmitOptions, Seen, Stages, Target, TargetError, joined
from .host.placement import placement
from .setup import Setup, setup_of

COSINE = 0.99
"""What bf16, or int8 after calibration, keeps of a model of float32."""
FOLD = "fold-constants{keep=dequantize}"
LEGAL = f'legalize{{rules="{__package__}"}}'
PLAIN = f"flatten-ifs,slice-weights,unroll-recurrent,{FOLD},npu-undo-dynamic,{LEGAL}"
FORMS = "recompose-norms,fold-patches,fold-long-kernels,raise-slices"
CLEAN = f"drop-redundant,cancel-inverse,{FOLD},dce"
GRAPH = ({"pre": f"{FOLD},{LEGAL}"}, {"pre": PLAIN, "main": f"{FORMS},fold-batch-norm,{CLEAN}"})


class NpuTarget(Target[Setup]):
    """A machine described by one TOML file, on its simulator."""

    name = "npu"
    kinds = ("npux", "npu-asm", "npu-bin", "report", "trace")

    def machine(self, settings: Mapping[str, str]) -> Setup:
        return setup_of(settings)

    def describe(self, machine: Setup) -> dict[str, int | float | str]:
        m = machine.machine
        return {
            "name": m.name,
            "hash": m.hash.hex(),
            "identity": machine.identity,
            "kind": m.kind,
            "rows": m.rows,
            "cols": m.cols,
            "depth": m.depth,
            "clock_ghz": m.clock_ghz,
            "spad": m.spad.bytes,
            "wmem": m.wmem.bytes,
            "acc": m.acc.bytes,
            "vpu_lanes": m.vpu.lanes,
        }

    def pipeline(self, machine: Setup, level: int) -> dict[str, str]:
        return joined(self.stages(machine, level))

    def stages(self, machine: Setup, level: int) -> Stages:
        option, effort = machine.option, 2 if level == SIZE else level
        wanted = [] if machine.quantization is None else [f"npu-quantize{machine.quantization.options()}"]
        if level > 0:
            wanted.append(f"npu-split-heads{{{option}}},{FOLD},dce")
        return {
            "graph": {**GRAPH[min(level, 1)], "post": ",".join(wanted)},
            "tensor": {"main": f"npu-select{{{option}}}"},
            "hardware": {"main": f"npu-lower{{{option} effort={effort}}},npu-alloc{{{option}}},npu-sync{{{option}}}"},
        }

    def emit(
        self, ctx: AicContext, module: ModuleOp, folder: Path, machine: Setup, options: EmitOptions
    ) -> dict[str, object]:
        from .emit.artifact import write

        return write(module, ctx.weights, folder, machine.machine, options.name, options.kinds)

    def load(self, folder: Path, manifest: Mapping[str, object]) -> Callable[[Sequence[Array]], list[Array]]:
        from .host.loaded import Loaded

        return Loaded(folder, manifest)

    def seen(self, folder: Path, manifest: Mapping[str, object], inputs: Sequence[Array]) -> tuple[list[Array], Seen]:
        from .host.watched import Watched

        machine = Watched(folder, manifest)
        return machine(inputs), machine.seen

    def placement(self, module: ModuleOp) -> dict[str, object]:
        return placement(module).json()

    def promised_cosine(self, machine: Setup) -> float:
        return COSINE

    def unit(self, op: type[Operation]) -> str:
        from .select.units import unit_of

        return unit_of(op)

    def cycles(self, manifest: Mapping[str, object]) -> dict[str, object]:
        listed, machine = manifest.get("programs"), manifest.get("machine")
        if not isinstance(listed, list) or not isinstance(machine, Mapping):
            raise TargetError("the manifest names no programs")
        cycles, ideal = (sum(float(entry[key]) for entry in listed) for key in ("cycles", "ideal"))
        used = 100 * ideal / cycles if cycles else 0.0
        return {"cycles": int(cycles), "clock_ghz": machine["clock_ghz"], "utilisation": used, "programs": listed}
