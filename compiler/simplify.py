"""ONNX to ONNX by our graph passes, and whether the result is still the model.

model.onnx --import--> graph dialect --PIPELINE--> graph dialect --export--> fewer nodes, same outputs
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..dialects._shape import Array
from .compare import Difference, Tolerance, difference
from .context import context
from .driver import Options, garbage_later
from .frontends.onnx.exporter import Exported, export_onnx
from .frontends.onnx.importer import import_model
from .frontends.onnx.model import Model, Port, nodes_of, port
from .frontends.onnx.saving import model_proto, save_onnx
from .interpret import interpret
from .peers import checked_run, onnxruntime
from .pipeline import run_pipeline

PIPELINE = (
    "fold-constants{keep=dequantize},flatten-ifs,scalarize-weights,fold-batch-norm,cancel-transposes,"
    'simplify-inference,recompose-norms,simplify-algebra,simplify-algebra{fast=true only="plus-plain-zero"},'
    "fold-constants{keep=dequantize},cse,dce"
)
"""What ONNX can say afterwards; numbers in between are rounded as before, but for folded scales and the sign of 0."""


@dataclass(frozen=True)
class Simplified:
    """A model made simpler: nodes before and after, subgraphs included."""

    exported: Exported
    before: int
    after: int
    times: tuple[tuple[str, str, float], ...] = ()
    """Seconds by level and pass."""

    @property
    def opset(self) -> int:
        """The opset that the new model wants."""
        return self.exported.model.opset_import[0].version

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The inputs of the new model, their shapes all known."""
        return tuple(port(i) for i in self.exported.model.graph.input)


def simplify_model(model: Model, options: Options, pipeline: str = PIPELINE, opset: int = 18) -> Simplified:
    """The model after graph passes, its shapes those of `options`. CompileError and its kin as `compile_model`;
    UnsupportedOpError for what a pipeline of one's own made that ONNX cannot say."""
    with garbage_later():
        ctx = context()
        module = import_model(model, ctx, dims=options.dims, shapes=options.shapes, values=options.values)
        times = run_pipeline(ctx, module, pipeline, verify_each=options.verify_each, observers=options.observers)
        name = model.proto.graph.name or "model"
        exported = export_onnx(ctx, module, name=name, opset=opset)
    before, after = (sum(1 for _ in nodes_of(graph)) for graph in (model.proto.graph, exported.model.graph))
    return Simplified(exported, before, after, tuple(("graph", name, seconds) for name, seconds in times))


def differences(
    kind: str, path: Path, model: Model, made: Simplified, options: Options, feed: Mapping[str, Array], limit: Tolerance
) -> dict[str, Difference]:
    """How far each output of the simplified model is from the original's, both run by `ort` or by `aic-interp`."""
    if kind == "ort":
        with TemporaryDirectory(prefix="aic-") as scratch:
            fresh = Path(scratch) / "simplified.onnx"
            save_onnx(made.exported, fresh)
            old, new = (checked_run(onnxruntime(p, exact=True), feed, "onnxruntime") for p in (path, fresh))
    else:
        again = Model(model_proto(made.exported), model.name)
        old = _interpreted(model, options, feed)
        new = _interpreted(again, replace(options, dims={}, shapes={}), feed)
    return {name: difference(new[name], old[name], limit) for name in old}


def _interpreted(model: Model, options: Options, feed: Mapping[str, Array]) -> dict[str, Array]:
    ctx = context()
    module = import_model(model, ctx, dims=options.dims, shapes=options.shapes, values=options.values)
    results = interpret(ctx, module, [feed[port.name] for port in model.inputs])
    return dict(zip((port.name for port in model.outputs), results, strict=True))
