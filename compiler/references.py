"""Where reference values come from: onnxruntime, onnx's own evaluator, our graph level, or a file.

Each answers outputs by name; with `names`, these tensors of the model too.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from ..dialects._shape import Array
from .driver import Options
from .errors import UsageError
from .frontends.onnx.model import Model
from .layers import graph_layers, marked
from .peers import checked_run, onnxruntime
from .vectors import read_arrays

KINDS = ("ort", "onnx-ref", "aic-interp")
LARGE = 1 << 30


def default_reference() -> str:
    """onnxruntime if it is installed, else onnx's evaluator."""
    return "ort" if find_spec("onnxruntime") else "onnx-ref"


def reference_arrays(
    kind: str, path: Path, model: Model, options: Options, inputs: Mapping[str, Array], names: Sequence[str]
) -> dict[str, Array]:
    """The reference's outputs, and these tensors; UsageError for a kind that does not exist."""
    if kind.startswith("@"):
        return read_arrays(Path(kind[1:]), "output")
    match kind:
        case "aic-interp":
            return graph_layers(model, options, inputs)
        case "ort":
            with TemporaryDirectory(prefix="aic-") as scratch:
                file = _written(path, names, Path(scratch)) if names else path
                return checked_run(onnxruntime(file, exact=True), inputs, "onnxruntime")
        case "onnx-ref":
            return _evaluated(path, names, inputs)
        case _:
            raise UsageError(f"--ref {kind}: expected {', '.join(KINDS)} or @FILE")


def _written(path: Path, names: Sequence[str], folder: Path) -> Path:
    """The model with these tensors as outputs, in a file; large weights beside it."""
    proto = marked(onnx.load(path), names)
    file = folder / "marked.onnx"
    onnx.save(proto, file, save_as_external_data=path.stat().st_size > LARGE, location="weights")
    return file


def _evaluated(path: Path, names: Sequence[str], inputs: Mapping[str, Array]) -> dict[str, Array]:
    reference = import_module("onnx.reference")
    proto = marked(onnx.load(path), names)
    try:
        with np.errstate(all="ignore"):
            values = reference.ReferenceEvaluator(proto).run(None, dict(inputs))
    except Exception as error:  # whatever its ops raise
        raise UsageError(f"onnx's evaluator does not run the model: {error}", code="peer") from error
    found = zip((output.name for output in proto.graph.output), values, strict=True)
    return {name: value for name, value in found if isinstance(value, np.ndarray)}
