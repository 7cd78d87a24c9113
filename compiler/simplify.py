"""ONNX to ONNX by our graph passes, and whether the result is still the model.

model.onnx --import--> graph dialect --PIPELINE--> graph dialect --export--> fewer nodes, same outputs
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from onnx import ModelProto

from ..dialects._shape import Array
from .compare import Difference, Tolerance, difference
from .context import context
from .driver import Options, garbage_later
from .errors import AicError, ShapeError
from .frontends.onnx.exporter import Exported, export_onnx
from .frontends.onnx.generalize import generalized
from .frontends.onnx.importer import import_model
from .frontends.onnx.model import Model, Port, nodes_of, port
from .frontends.onnx.saving import model_proto, save_onnx
from .interpret import interpret
from .peers import checked_run, onnxruntime
from .pipeline import run_pipeline

PIPELINE = (
    "fold-constants{keep=dequantize},flatten-ifs,scalarize-weights,fold-batch-norm,recompose-norms,"
    'simplify-algebra,simplify-algebra{fast=true only="plus-plain-zero"},'
    "drop-redundant,cancel-inverse,fold-constants{keep=dequantize},cse,dce"
)
"""What ONNX can say afterwards; numbers in between are rounded as before, but for folded scales and the sign of 0."""
UNITS = (1, 8, 32)
"""Symbolic dimensions that are to be kept are tried as multiples of these: some models take no others."""


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
        """The inputs of the new model."""
        return tuple(port(i) for i in self.exported.model.graph.input)


def simplify_model(
    model: Model, options: Options, pipeline: str = PIPELINE, opset: int = 18, *, keep_dims: bool = False
) -> Simplified:
    """The model after graph passes, its shapes those of `options`; with `keep_dims` symbolic dimensions that these do
    not give stay so. CompileError and its kin as `compile_model`, UnsupportedOpError for what a pipeline of one's own
    made that ONNX cannot say, ShapeError for a dimension that cannot be kept."""
    times: list[tuple[str, float]] = []
    symbols = unknown_dims(model, options) if keep_dims else []
    if symbols:
        exported = _kept(model, options, symbols, lambda more: _exported(model, more, pipeline, opset, times))
    else:
        exported = _exported(model, options, pipeline, opset, times)
    keep_texts(model.proto, exported.model)
    before, after = (sum(1 for _ in nodes_of(graph)) for graph in (model.proto.graph, exported.model.graph))
    return Simplified(exported, before, after, tuple(("graph", name, seconds) for name, seconds in times))


def keep_texts(old: ModelProto, new: ModelProto) -> None:
    """What people and tools have written into a model beside its graph: metadata, version, descriptions."""
    new.metadata_props.extend(old.metadata_props)
    new.domain, new.model_version, new.doc_string = old.domain, old.model_version, old.doc_string
    new.graph.doc_string = old.graph.doc_string


def _exported(model: Model, options: Options, pipeline: str, opset: int, times: list[tuple[str, float]]) -> Exported:
    with garbage_later():
        ctx = context()
        module = import_model(model, ctx, dims=options.dims, shapes=options.shapes, values=options.values)
        times += run_pipeline(ctx, module, pipeline, verify_each=options.verify_each, observers=options.observers)
        return export_onnx(ctx, module, name=model.proto.graph.name or "model", opset=opset)


def unknown_dims(model: Model, options: Options) -> list[str]:
    """The symbolic dimensions of the inputs whose size the options leave open."""
    known = set(options.dims)
    for given in model.inputs:
        if given.name in options.shapes:
            known |= {d for d in given.dims or () if isinstance(d, str)}
    found = {d: None for given in model.inputs for d in given.dims or () if isinstance(d, str)}
    return [name for name in found if name not in known]


def _kept(model: Model, options: Options, symbols: Sequence[str], make: Callable[[Options], Exported]) -> Exported:
    """The model from three exports at different sizes, which have to tell the same."""
    refused: AicError | None = None
    for unit in UNITS:
        rows = [{s: unit * (2 + i + (len(symbols) + 1) * k) for i, s in enumerate(symbols)} for k in range(3)]
        try:
            made = [make(replace(options, dims={**options.dims, **row})) for row in rows]
        except AicError as error:
            refused = error
            continue
        pairs = [{(rows[0][s], row[s]): s for s in symbols} for row in rows[1:]]
        once, twice = (generalized(made[0], other, names) for other, names in zip(made[1:], pairs, strict=True))
        fresh = once.tensors.keys() - made[0].tensors.keys()
        if once.model != twice.model or any((once.tensors[n]() != twice.tensors[n]()).any() for n in fresh):
            raise ShapeError("no dimension can be kept: the sizes decide what the model computes", code="fixed-dim")
        return once
    assert refused is not None
    raise refused


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
        old, new = (_interpreted(m, options, feed) for m in (model, again))
    return {name: difference(new[name], old[name], limit) for name in old}


def _interpreted(model: Model, options: Options, feed: Mapping[str, Array]) -> dict[str, Array]:
    ctx = context()
    shapes = {name: array.shape for name, array in feed.items()}
    module = import_model(model, ctx, shapes=shapes, values=options.values)
    results = interpret(ctx, module, [feed[port.name] for port in model.inputs])
    return dict(zip((port.name for port in model.outputs), results, strict=True))
