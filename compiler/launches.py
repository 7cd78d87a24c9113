"""How many kernels a compiled model launches, and how many nodes onnxruntime leaves of the same model.

    bert_tiny    launches 48 (copies 2)    onnxruntime 77 nodes

A launch is one `kernel.launch` of the host's functions, those in the bodies of its loops once; views are none, and what
a target copies by kernels is one. The peer is counted in the graph that it saves after all its optimisations, subgraphs
included.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from xdsl.dialects.func import FuncOp

from ..dialects import kernel
from ..dialects._location import origins
from ..dialects.tile.kernel import KernelOp
from ..dialects.tile.memory import LoadOp, StoreOp
from ..passes.loop.join_launches import only_moves
from .driver import Options, Plan, lower
from .errors import MissingToolError, UsageError
from .frontends.onnx.model import Model

LAST = ("bufferize", "join-launches", "lower-kernel-to-tile")
"""The passes that make launches on buffers, fewer of them, or more."""


@dataclass(frozen=True)
class Launch:
    """A launch: its kernel, whether that only moves elements, and the nodes that it computes."""

    kernel: str
    copies: bool
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Count:
    """The launches of a model, and the peer's nodes by op; no peer, no nodes."""

    launches: tuple[Launch, ...]
    peer: Counter[str] | None = field(default=None)

    @property
    def copies(self) -> int:
        """Launches that only move elements."""
        return sum(launch.copies for launch in self.launches)


def launches(model: Model, target: str, options: Options) -> tuple[Launch, ...]:
    """The launches of a model, in order; UsageError for a target that has no kernels."""
    lowered = lower(model, target, replace(options, edit=until_launches))
    kernels = {op.sym_name.data: op for op in lowered.module.walk() if isinstance(op, kernel.FuncOp | KernelOp)}
    if not kernels and not any("bufferize" in text for text in lowered.pipeline.values()):
        raise UsageError(f"target {target} launches no kernels")
    functions = [op for op in lowered.module.ops if isinstance(op, FuncOp)]
    found = [op for function in functions for op in function.walk() if isinstance(op, kernel.LaunchOp)]
    return tuple(Launch(op.kernel, copies(kernels[op.kernel]), origins(op.location)) for op in found)


def copies(found: kernel.FuncOp | KernelOp) -> bool:
    """Whether a kernel only moves elements: of a tile kernel, whether what it stores are elements that it loads."""
    if isinstance(found, kernel.FuncOp):
        return only_moves(found)
    return all(isinstance(op.value.owner, LoadOp) for op in found.walk() if isinstance(op, StoreOp))


def until_launches(plan: Plan) -> Plan:
    """The plan up to the last pass that changes how many launches there are."""
    places = [(level, i + 1) for level, steps in plan.items() for i, step in enumerate(steps) if step.name in LAST]
    if not places:
        return plan
    last, end = places[-1]
    levels = list(plan)[: list(plan).index(last) + 1]
    return {level: plan[level][:end] if level == last else plan[level] for level in levels}


def peer_nodes(path: Path, shapes: dict[str, tuple[int, ...]]) -> Counter[str]:
    """Nodes by op of the graph that onnxruntime saves with all its optimisations for the CPU, for inputs of these
    shapes. MissingToolError without onnxruntime, UsageError if it does not take the model."""
    try:
        ort = import_module("onnxruntime")
    except ImportError:
        suggestion = "pip install 'aic-compiler[ort]'"
        raise MissingToolError("onnxruntime is not installed", suggestion=suggestion) from None
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    for name, size in named_dimensions(path, shapes).items():
        options.add_free_dimension_override_by_name(name, size)
    with TemporaryDirectory(prefix="aic-") as scratch:
        file = Path(scratch) / "optimised.onnx"
        options.optimized_model_filepath = str(file)
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights")
        options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
        try:
            ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no public base class
            raise UsageError(f"onnxruntime does not take {path}: {str(error).splitlines()[0]}", code="peer") from error
        return Counter(nodes(onnx.load(file, load_external_data=False).graph))


def named_dimensions(path: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, int]:
    """The sizes that inputs of these shapes give the model's symbolic dimensions."""
    graph = onnx.load(path, load_external_data=False).graph
    return {
        dim.dim_param: size
        for value in graph.input
        for dim, size in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, ()), strict=False)
        if dim.dim_param
    }


def nodes(graph: onnx.GraphProto) -> Iterator[str]:
    """The op of each node, and of those in the graphs that it holds."""
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from nodes(inner)
