"""aic as a backend of the onnx package: runs under `onnx.backend.test.BackendTest(aic.onnx_backend, __name__)`."""

import sys
import unittest
from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np
from onnx import ModelProto, NodeProto, helper

from ..dialects._shape import Array
from .errors import UnsupportedOpError
from .frontends.onnx.schema import schema
from .knobs import TARGET
from .session import InferenceSession
from .targets import parse_target


class UnsupportedModel(unittest.SkipTest):
    """The model holds what aic does not compile; the message names every node."""

    unsupported = True


class Prepared:
    """A compiled model; `run` takes the inputs in order, or by name, and answers a tuple of outputs."""

    def __init__(self, model: ModelProto, provider: str):
        self._all = [i.name for i in model.graph.input]
        try:
            self.session = InferenceSession(model, providers=[provider])
        except UnsupportedOpError as error:
            _refuse(error)
        self._names = [port.name for port in self.session.get_inputs()]

    def run(self, inputs: Sequence[object] | Mapping[str, object], **_: object) -> tuple[Array, ...]:
        """The outputs; UnsupportedModel if the shapes or values at hand make it so."""
        feed = dict(inputs) if isinstance(inputs, Mapping) else self._named(inputs)
        try:
            return tuple(self.session.run(None, feed))
        except UnsupportedOpError as error:
            _refuse(error)

    def _named(self, inputs: Sequence[object]) -> dict[str, object]:
        names = self._names if len(inputs) <= len(self._names) else self._all
        return {name: value for name, value in zip(names, inputs, strict=False) if name in self._names}


def is_compatible(model: ModelProto, device: str = "CPU", **_: object) -> bool:
    """Whether the backend takes this kind of model on this device; whether it compiles, `prepare` tells."""
    return supports_device(device)


def prepare(model: ModelProto, device: str = "CPU", *, provider: str = "", **_: object) -> Prepared:
    """Compile a model. UnsupportedModel (a SkipTest) names what cannot be compiled."""
    if not supports_device(device):
        raise UnsupportedModel(f"device {device}")
    return Prepared(model, provider or parse_target(TARGET.get()).name)


def run_model(model: ModelProto, inputs: Sequence[object], device: str = "CPU", **kwargs: str) -> tuple[Array, ...]:
    """`prepare(model).run(inputs)`."""
    return prepare(model, device, **kwargs).run(inputs)


def run_node(
    node: NodeProto,
    inputs: Sequence[object],
    device: str = "CPU",
    outputs_info: Sequence[tuple[np.dtype[np.generic], tuple[int, ...]]] | None = None,
    *,
    opset_version: int = 0,
    provider: str = "",
    **_: object,
) -> tuple[Array, ...]:
    """One node as a model of its own, at the opset `opset_version` (by default the newest)."""
    arrays = [np.asarray(value) for value in inputs]
    named = [name for name in node.input if name]
    declared = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in dict(zip(named, arrays, strict=True)).items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    opset = helper.make_opsetid(node.domain, opset_version or _newest(node))
    model = helper.make_model(helper.make_graph([node], "node", declared, outputs), opset_imports=[opset])
    return run_model(model, list(dict(zip(named, arrays, strict=True)).values()), device, provider=provider)


def supports_device(device: str) -> bool:
    """CPU, with or without a number."""
    return device.split(":")[0] == "CPU"


def _newest(node: NodeProto) -> int:
    from onnx.defs import onnx_opset_version

    newest = onnx_opset_version()
    return newest if schema(node.domain, node.op_type, newest) else 1


def _refuse(error: UnsupportedOpError) -> NoReturn:
    """Raise what the caller takes for "not supposed to be implemented": onnx's own class too, if its tests run."""
    reasons = "; ".join(f"{node.name} {node.op}: {node.reason}" for node in error.nodes)
    text = f"{error}: {reasons}" if reasons else str(error)
    runner = sys.modules.get("onnx.backend.test.runner")
    theirs = getattr(runner, "BackendIsNotSupposedToImplementIt", None)
    if isinstance(theirs, type) and issubclass(theirs, Exception):
        raise type("UnsupportedModel", (theirs,), {"unsupported": True})(text) from error
    raise UnsupportedModel(text) from error
