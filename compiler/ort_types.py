"""The small types of onnxruntime's Python interface, as far as they mean something here."""

import logging
from dataclasses import dataclass, field

from .frontends.onnx.model import Model, Port

log = logging.getLogger("aic.session")


@dataclass
class SessionOptions:
    """`intra_op_num_threads` 0 is AIC_NUM_THREADS, or one; an artifact runs on no more than it was built for. `kept` is
    how many specialisations a session keeps."""

    intra_op_num_threads: int = 0
    enable_profiling: bool = False
    profile_file_prefix: str = "aic_profile"
    kept: int = 8

    def add_session_config_entry(self, key: str, value: str) -> None:
        """Accepted for onnxruntime's sake; it changes nothing, and says so."""
        log.warning("session option %s=%s means nothing to aic", key, value)


@dataclass(frozen=True)
class NodeArg:
    """A model's input or output: `type` as `tensor(float)`; a dimension is a number, a name, or None."""

    name: str
    type: str
    shape: list[int | str | None]


@dataclass(frozen=True)
class ModelMetadata:
    """What a model says of itself."""

    producer_name: str = ""
    graph_name: str = ""
    domain: str = ""
    description: str = ""
    graph_description: str = ""
    version: int = 0
    custom_metadata_map: dict[str, str] = field(default_factory=dict[str, str])


def node_arg(port: Port) -> NodeArg:
    """A declared input or output; of an unknown rank, its shape is empty."""
    return NodeArg(port.name, port.type, list(port.dims or ()))


def metadata(model: Model) -> ModelMetadata:
    """What the model's file says."""
    proto = model.proto
    entries = {entry.key: entry.value for entry in proto.metadata_props}
    names = (proto.producer_name, proto.graph.name, proto.domain, proto.doc_string, proto.graph.doc_string)
    return ModelMetadata(*names, proto.model_version, entries)
