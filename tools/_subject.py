"""What `aic bisect` and `aic reduce` look into: a module before its passes, with inputs to run it on."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from ..compiler.compare import Tolerance
from ..compiler.context import context
from ..compiler.culprit.bisect import Stage, stages_of
from ..compiler.culprit.judge import Numbers
from ..compiler.culprit.submodel import Part
from ..compiler.driver import Options, module_ports, plan
from ..compiler.errors import UsageError
from ..compiler.frontends.onnx.importer import import_model
from ..compiler.frontends.onnx.model import Model, load
from ..compiler.interpret import interpret
from ..compiler.limits import check_sizes
from ..compiler.pipeline import parse_pipeline, verify
from ..compiler.references import reference_arrays
from ..compiler.runnable import of_model as compiled
from ..compiler.session import ports_of
from ..compiler.vectors import random_inputs
from ..compiler.weights import random_weights
from ..dialects._shape import Array
from ..dialects.graph.weight import AicContext
from ._arguments import target_of
from .compare import feed_of


@dataclass
class Subject:
    """A module, its passes, and inputs in order; of a model also where it came from."""

    ctx: AicContext
    start: ModuleOp
    stages: list[Stage]
    inputs: list[Array]
    model: Model | None = None
    path: Path = Path()
    target: str = ""
    options: Options = field(default_factory=Options)

    @property
    def names(self) -> list[str]:
        """The outputs' names."""
        return [str(port["name"]) for port in module_ports(self.start, "res")]

    @property
    def feed(self) -> dict[str, Array]:
        """The inputs by name."""
        return {str(p["name"]): v for p, v in zip(module_ports(self.start, "arg"), self.inputs, strict=True)}

    def judge(self, kind: str | None, tolerance: Tolerance) -> Numbers:
        """Judges by the numbers: against this reference, or what the module computes as it starts."""
        return Numbers(self.inputs, self.names, self._reference(kind), tolerance)

    def _reference(self, kind: str | None) -> Mapping[str, Array]:
        if kind in (None, "aic-interp"):
            return dict(zip(self.names, interpret(self.ctx, self.start, self.inputs), strict=True))
        if self.model is None:
            raise UsageError(f"--ref {kind}: IR text is judged by itself, or by --check")
        return reference_arrays(kind, self.path, self.model, self.options, self.feed, [])

    def code(self, tolerance: Tolerance) -> str:
        """What is wrong with the target's own code for the model, "" if nothing is."""
        if self.model is None:
            raise UsageError("--at hardware: IR text has no code; give the model")
        found = compiled(self.model, self.target, self.options, "hardware").run(self.feed)
        return self.judge(None, tolerance).wrong(found)


def of_text(path: Path, passes: str, seed: int) -> Subject:
    """IR text with random weights and inputs."""
    ctx = context()
    module = Parser(ctx, path.read_text(encoding="utf8"), str(path)).parse_module()
    check_sizes(module)
    verify(module)
    random_weights(ctx, module, seed)
    return Subject(ctx, module, [Stage("", step) for step in parse_pipeline(passes)], random_feed(module, seed))


def random_feed(module: ModuleOp, seed: int) -> list[Array]:
    """Random inputs of @main in order."""
    ports = ports_of(module_ports(module, "arg"))
    shapes = {port.name: tuple(d for d in port.dims or () if isinstance(d, int)) for port in ports}
    return [*random_inputs(ports, shapes, seed).values()]


def feed_and_results(ctx: AicContext, module: ModuleOp, seed: int) -> tuple[list[Array], list[str], dict[str, Array]]:
    """Random inputs, the outputs' names, and what they are."""
    inputs, names = random_feed(module, seed), [str(port["name"]) for port in module_ports(module, "res")]
    return inputs, names, dict(zip(names, interpret(ctx, module, inputs), strict=True))


def of_model(args: argparse.Namespace, target: str) -> Subject:
    """A model with the passes of its target down to --at, or those of -p."""
    model = load(args.model)
    options, feed = feed_of(args, model)
    return _subject(args, model, feed, options, target)


def of_part(args: argparse.Namespace, part: Part, target: str) -> Subject:
    """A part of a model, with its own inputs, and the same passes."""
    options = Options(settings=target_of(args).settings, level=args.level)
    return _subject(args, part.model, part.feed, options, target)


def _subject(
    args: argparse.Namespace, model: Model, feed: Mapping[str, Array], options: Options, target: str
) -> Subject:
    ctx = context()
    module = import_model(model, ctx, dims=options.dims, shapes=options.shapes, values=options.values)
    if args.passes is not None:
        stages = [Stage("graph", step) for step in parse_pipeline(args.passes)]
    else:
        stages = stages_of(plan(target, options, "tensor" if args.at == "hardware" else args.at))
    inputs = [feed[port.name] for port in model.inputs]
    return Subject(ctx, module, stages, inputs, model, args.model, target, options)
