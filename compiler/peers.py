"""Other programs that run the same model, as something that runs on arrays by name."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np

from ..dialects._shape import Array
from .errors import MissingToolError, UsageError
from .runnable import Runnable


def onnxruntime(path: Path, threads: int = 1, *, exact: bool = False) -> Runnable:
    """The model in onnxruntime on the CPU, optimised as it does by default, on so many threads. `exact`: sums of 8-bit
    products do not saturate, which they do otherwise on processors without VNNI. MissingToolError if it is not
    installed, UsageError if it does not take the model."""
    try:
        ort = import_module("onnxruntime")
    except ImportError:
        suggestion = "pip install 'aic-compiler[ort]'"
        raise MissingToolError("onnxruntime is not installed", suggestion=suggestion) from None
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    if exact:
        options.add_session_config_entry("session.x64quantprecision", "1")  # kOrtSessionOptionsAvx2PrecisionMode
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no public base class
        raise UsageError(f"onnxruntime does not take {path}: {_first_line(error)}", code="peer") from error
    names = [output.name for output in session.get_outputs()]

    def run(feed: Mapping[str, Array]) -> dict[str, Array]:
        return dict(zip(names, session.run(None, dict(feed)), strict=True))

    return Runnable((), run)


def checked_run(peer: Runnable, feed: Mapping[str, Array], name: str) -> dict[str, Array]:
    """One run of a peer, whose complaint becomes a UsageError; only the outputs that are arrays."""
    try:
        found = peer.run(feed)
    except Exception as error:  # as above
        raise UsageError(f"{name} does not run the model: {_first_line(error)}", code="peer") from error
    return {key: value for key, value in found.items() if isinstance(value, np.ndarray)}


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
