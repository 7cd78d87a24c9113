"""aic: neural networks compiled through four open levels of IR to C and a systolic NPU.

    session = aic.InferenceSession("model.onnx")        as onnxruntime's
    call = aic.compile("model.onnx", "c", "out/")       an artifact on disk, and a function of arrays
    @aic.pass_, @aic.pattern, @aic.analysis             passes of one's own, which pipelines can name
    aic.npu.simulate("model.onnx", "edge").cycles       on a systolic machine that a file describes

Importing it imports nothing else: each name is looked up when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import VERSION as __version__

if TYPE_CHECKING:
    from . import npu, onnx_backend
    from .compiler.api import compile
    from .compiler.errors import (
        AicError,
        BudgetError,
        CompileError,
        MismatchError,
        MissingToolError,
        RegressionError,
        ShapeError,
        TimeLimitError,
        UnsupportedOpError,
        UsageError,
        VerifyError,
    )
    from .compiler.ort_types import SessionOptions
    from .compiler.pass_api import analysis, changed, missed, pass_, pattern, rewrite, rewriting, run_passes
    from .compiler.session import InferenceSession, get_available_providers

__all__ = [
    "AicError",
    "BudgetError",
    "CompileError",
    "InferenceSession",
    "MismatchError",
    "MissingToolError",
    "RegressionError",
    "SessionOptions",
    "ShapeError",
    "TimeLimitError",
    "UnsupportedOpError",
    "UsageError",
    "VerifyError",
    "__version__",
    "analysis",
    "changed",
    "compile",
    "get_available_providers",
    "missed",
    "npu",
    "onnx_backend",
    "pass_",
    "pattern",
    "rewrite",
    "rewriting",
    "run_passes",
]

_FROM = {
    "compile": "api",
    **dict.fromkeys(
        ("analysis", "changed", "missed", "pass_", "pattern", "rewrite", "rewriting", "run_passes"), "pass_api"
    ),
    "InferenceSession": "session",
    "get_available_providers": "session",
    "SessionOptions": "ort_types",
}


def __getattr__(name: str) -> object:
    if name in ("npu", "onnx_backend"):
        return import_module(f".{name}", __name__)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".compiler.{_FROM.get(name, 'errors')}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
