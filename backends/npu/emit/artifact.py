"""What is written for a compiled model: a container for each program, the host's part, listings and reports on demand.

model.npu0.npux     the program @npu0, its weights inside      model.host.mlir, model.host.npz     what is left of @main
model.npu0.asm      --emit npu-asm                             model.npu0.report.{json,csv,html}   --report
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute

from ....dialects._shape import dtype
from ....dialects.graph.weight import WeightStore
from ....dialects.npu.program import ProgramOp
from ..host.host import host_text, main_of, save_weights
from ..host.placement import placement, single
from ..host.tensor import Entry
from ..ir import from_ir
from ..isa import pack_entry, pack_instruction
from ..machine import Machine
from ..order.check import errors
from ..program import Program
from ..quant.choose import CHOSEN
from ..report.columns import csv_of
from ..report.html import html_of
from ..report.report import Report, report_of
from ..report.trace import trace
from ..sim.event import timeline
from .asm import disassemble
from .container import npux_bytes
from .encode import encode

SUFFIX = ".npux"
TOLD = 8
"""Findings that an error lists."""


class ProgramError(RuntimeError):
    """A compiled program that the checker refuses: a fault of the compiler."""


@dataclass(frozen=True)
class Made:
    """A program with the name of its kernel."""

    name: str
    program: Program


def programs(module: ModuleOp, weights: WeightStore, machine: Machine) -> list[Made]:
    """The module's programs, checked; ProgramError if the checker finds a fault."""
    found = [
        Made(op.sym_name.data, encode(from_ir(op, weights), machine)) for op in module.ops if isinstance(op, ProgramOp)
    ]
    for made in found:
        if wrong := errors(made.program):
            told = "".join(f"\n  {finding}" for finding in wrong[:TOLD])
            raise ProgramError(f"program {made.name}: {len(wrong)} findings of the checker{told}")
    return found


def write(
    module: ModuleOp, weights: WeightStore, folder: Path, machine: Machine, name: str, kinds: Sequence[str]
) -> dict[str, object]:
    """Write the files of `kinds` beside those that a run needs; answers the target's part of the manifest."""
    found = programs(module, weights, machine)
    alone = _named(module, found)
    listed = [_write_program(made, folder, f"{name}.{made.name}", kinds) for made in found]
    text, names = host_text(module)
    (folder / f"{name}.host.mlir").write_text(text, encoding="utf8")
    (folder / f"{name}.host.npz").write_bytes(save_weights(names, weights))
    segments = [s for made in found for s in made.program.segments]
    sizes = {role: sum(s.bytes for s in segments if s.role == role) for role in {s.role for s in segments}}
    ends = sizes.get("input", 0) + sizes.get("output", 0)
    return {
        "precision": _precision(found),
        "quantised": chosen.data if isinstance(chosen := module.attributes.get(CHOSEN), StringAttr) else None,
        "programs": listed,
        "single": listed[0]["file"] if alone else None,
        "endings": [SUFFIX],
        "host": {"text": f"{name}.host.mlir", "weights": f"{name}.host.npz"},
        "placement": placement(module).json(),
        "weights": {"bytes": sizes.get("weights", 0) + sizes.get("params", 0), "mode": "embed"},
        "memory": {"arena_bytes": ends + sizes.get("spill", 0), "lower_bound_bytes": ends},
    }


def _precision(found: Sequence[Made]) -> str:
    types = {str(t.get("dtype")) for made in found for s in made.program.segments for t in s.tensors}
    types |= {name for made in found for kind, fields in made.program.table for name in _array_type(kind, fields)}
    return "mixed" if {"i8", "bf16"} <= types else "int8" if "i8" in types else "bf16" if "bf16" in types else "f32"


def _array_type(kind: str, fields: Mapping[str, int]) -> tuple[str, ...]:
    return ("bf16" if fields["dtype"] == 3 else "i8",) if kind == "gemm" else ()


def _write_program(made: Made, folder: Path, stem: str, kinds: Sequence[str]) -> dict[str, object]:
    program = made.program
    (folder / f"{stem}.npux").write_bytes(npux_bytes(program))
    if "npu-asm" in kinds:
        (folder / f"{stem}.asm").write_text(disassemble(program), encoding="utf8")
    if "npu-bin" in kinds:
        text = (
            pack_instruction(i.name, x=i.x, y=i.y, z=i.z, d=i.d, f=i.f, waits=i.waits, signals=i.signals)
            for i in program.text
        )
        (folder / f"{stem}.text.bin").write_bytes(b"".join(text))
        (folder / f"{stem}.desc.bin").write_bytes(b"".join(pack_entry(kind, fields) for kind, fields in program.table))
    ran = timeline(program)
    report = report_of(program, ran, stem)
    if "report" in kinds:
        write_report(report, folder / stem)
    if "trace" in kinds:
        (folder / f"{stem}.trace.json").write_text(json.dumps(trace(program, ran)), encoding="utf8")
    return {
        "name": made.name,
        "file": f"{stem}.npux",
        "instructions": len(program.text),
        "layers": len(program.marks),
        "macs": sum(mark.macs for mark in program.marks),
        "cycles": ran.cycles,
        "ideal": report.totals["ideal"],
    }


def write_report(report: Report, stem: Path) -> None:
    """`stem`.report.json, .csv and .html."""
    texts = {
        "json": json.dumps(report.document(), indent=2, sort_keys=True) + "\n",
        "csv": csv_of(report),
        "html": html_of(report),
    }
    for ending, text in texts.items():
        stem.with_name(f"{stem.name}.report.{ending}").write_text(text, encoding="utf8")


def _named(module: ModuleOp, found: Sequence[Made]) -> bool:
    """Where one program is the whole model up to conversions, call its tensors as the model does, and let them be
    given and answered in the model's types. Answers whether that is so."""
    if len(found) != 1 or (whole := single(module)) is None:
        return False
    _, arguments, results = whole
    ends = {"input": _ends(module, "arg", arguments), "output": _ends(module, "res", results, back=True)}
    for segment in found[0].program.segments:
        if segment.role in ends and segment.tensors:
            named = zip(segment.tensors, ends[segment.role], strict=True)
            segment.tensors = [_called(described, *end) for described, end in named]
    return True


def _called(described: dict[str, object], name: str, type: Attribute) -> dict[str, object]:
    return described | replace(Entry.read(described), name=name, graph=str(dtype(type))).json()


def _ends(module: ModuleOp, kind: str, order: Sequence[int], back: bool = False) -> list[tuple[str, Attribute]]:
    """Name and type of the model's inputs by argument of the launch, or (`back`) outputs by its results."""
    main: FuncOp = main_of(module)
    types = main.function_type.inputs.data if kind == "arg" else main.function_type.outputs.data
    listed = main.attributes.get(f"{kind}_names")
    names = [n.data if isinstance(n, StringAttr) else f"{kind}{i}" for i, n in enumerate(listed or ())]  # pyright: ignore
    names = names or [f"{kind}{i}" for i in range(len(types))]
    ports = list(zip(names, types, strict=True))
    return [ports[order.index(i)] for i in range(len(order))] if back else [ports[i] for i in order]
