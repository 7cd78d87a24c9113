"""A model, an artifact or IR text as something that runs on arrays by name, at any level."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from xdsl.parser import Parser

from ..dialects._shape import Array
from .artifact import is_artifact
from .context import context
from .driver import Options, lower, module_ports
from .errors import UsageError
from .frontends.onnx.model import Model, Port, load
from .interpret import interpret
from .limits import check_sizes
from .ort_types import SessionOptions
from .pipeline import verify
from .session import InferenceSession, ports_of
from .weights import random_weights

Given = Mapping[str, Array | str]
PROGRAM = ".npux"
"""The ending of a program of an NPU by itself."""


@dataclass
class Runnable:
    """`run` takes all inputs by name and answers the outputs by name."""

    inputs: tuple[Port, ...]
    run: Callable[[Mapping[str, Array]], dict[str, Array]]
    clock: Mapping[str, object] | None = None
    """What a run takes on a simulated machine."""


def runnable(path: Path, target: str, options: Callable[[Model | None], Options], level: str, given: Given) -> Runnable:
    """What is at `path`, at a level: `hardware` is the target's own code, the others run in the interpreter. The shapes
    of the inputs given as arrays count as --shape. UsageError if an artifact is asked for another level."""
    if is_artifact(path):
        if level != "hardware":
            raise UsageError(f"{path} is an artifact: it has no {level} level; give the model itself")
        threads = int(options(None).settings.get("threads", 0))
        return _of_session(InferenceSession(path, SessionOptions(intra_op_num_threads=threads)))
    if path.suffix == ".mlir":
        return _of_text(path)
    if path.suffix == PROGRAM:
        return _of_program(path)
    model = load(path)
    return of_model(model, target, shaped(options(model), model, given), level)


def of_model(model: Model, target: str, options: Options, level: str) -> Runnable:
    """A model at a level; `hardware` is the target's own code."""
    if level == "hardware":
        return _of_session(InferenceSession(model, providers=[target], **vars(options)))
    lowered = lower(model, target, options, until=level)

    def run(feed: Mapping[str, Array]) -> dict[str, Array]:
        results = interpret(lowered.ctx, lowered.module, [feed[port.name] for port in ports])
        return dict(zip((port.name for port in model.outputs), results, strict=True))

    ports = ports_of(module_ports(lowered.module, "arg"))
    return Runnable(ports, run)


def shaped(options: Options, model: Model, given: Given) -> Options:
    """The options with the shapes of the inputs that are given as arrays, by name or position."""
    names = [port.name for port in model.inputs]
    arrays = {name: value for name, value in given.items() if isinstance(value, np.ndarray)}
    shapes = {
        names[int(name)] if name not in names and name.isdigit() and int(name) < len(names) else name: value.shape
        for name, value in arrays.items()
    }
    known = {name: dims for name, dims in shapes.items() if name in names}
    return replace(options, shapes={**known, **options.shapes})


def _of_session(session: InferenceSession) -> Runnable:
    def run(feed: Mapping[str, Array]) -> dict[str, Array]:
        return dict(zip(names, session.run(None, feed), strict=True))

    names = [output.name for output in session.get_outputs()]
    return Runnable(session.static_inputs(), run, session.clock())


def _of_program(path: Path) -> Runnable:
    from .npu.run import ProgramFile

    found = ProgramFile(path)
    return Runnable(found.inputs, found.run, found.clock())


def _of_text(path: Path) -> Runnable:
    """IR text, at whatever level it is; the weights that it names are random."""
    ctx = context()
    module = Parser(ctx, path.read_text(encoding="utf8"), str(path)).parse_module()
    check_sizes(module)
    verify(module)
    random_weights(ctx, module, 0)
    ports = ports_of(module_ports(module, "arg"))
    names = [str(entry["name"]) for entry in module_ports(module, "res")]

    def run(feed: Mapping[str, Array]) -> dict[str, Array]:
        results = interpret(ctx, module, [feed[port.name] for port in ports])
        return dict(zip(names, results, strict=True))

    return Runnable(ports, run)
