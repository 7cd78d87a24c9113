"""`aic.npu`: machines, programs, simulation and reports of the NPU, from Python.

made = aic.npu.compile("model.onnx", "edge,array.rows=16")     call it with arrays; made.folder is the artifact
ran = aic.npu.simulate(made.folder)                            or a .npux, a model, a network by name
ran.cycles; ran.report.layers[0].bound_by; print(ran.text())
"""

from .backends.npu.machine import Machine
from .backends.npu.report.report import Report
from .compiler.npu.api import (
    Simulation,
    assemble,
    check,
    compile,
    debugger,
    diff,
    disassemble,
    machine,
    presets,
    roofline,
    simulate,
    sweep,
)

__all__ = [
    "Machine",
    "Report",
    "Simulation",
    "assemble",
    "check",
    "compile",
    "debugger",
    "diff",
    "disassemble",
    "machine",
    "presets",
    "roofline",
    "simulate",
    "sweep",
]
