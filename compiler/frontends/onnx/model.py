"""An ONNX model as read from a file: weights left in place, versions and names checked, its inputs and outputs."""

import hashlib
import mmap
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError, EncodeError
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    TypeProto,
    ValueInfoProto,
)

from ....dialects._shape import Array
from ...errors import CompileError, UnsupportedOpError, UsageError
from .names import printable
from .tensors import Folder, array, type_name
from .wire import WireError, split

Source = str | os.PathLike[str] | bytes | ModelProto
Dims = tuple[int | str | None, ...]
MAX_FILE = 1 << 37


@dataclass(frozen=True)
class Port:
    """A graph input or output as declared: a dimension is a number, a name, or None; all unknown if `dims` is None."""

    name: str
    elem_type: int
    dims: Dims | None

    @property
    def type(self) -> str:
        """The type as onnxruntime writes it: `tensor(float)`."""
        return f"tensor({type_name(self.elem_type)})"


@dataclass
class Model:
    """A parsed model; outputs may have been added to its graph. `raw` holds the large data of initializers by index,
    `folder` is where its external data lies."""

    proto: ModelProto
    name: str
    raw: dict[int, Array] = field(default_factory=dict[int, Array])
    folder: Folder | None = None
    data: memoryview | None = field(default=None, repr=False)
    """The whole serialized model, where there is one."""

    @cached_property
    def digest(self) -> str:
        """A hash of the model's content, external data included; "" for a ModelProto too large to serialize."""
        try:
            whole = self.data if self.data is not None else self.proto.SerializeToString(deterministic=True)
        except (ValueError, EncodeError):
            return ""
        found = hashlib.blake2b(whole, digest_size=20)
        found.update(repr([output.name for output in self.proto.graph.output]).encode())
        if self.folder is not None:
            for location in sorted(_locations(self.proto.graph)):
                found.update(self.folder.map(location).data)
        return found.hexdigest()

    @property
    def opsets(self) -> dict[str, int]:
        """Opset version by domain; the standard domain is ''."""
        return opset_imports(self.proto.opset_import)

    @cached_property
    def functions(self) -> dict[tuple[str, str, str], FunctionProto]:
        """The model's own functions by (domain, name, overload)."""
        return {(domain_of(f.domain), f.name, f.overload): f for f in self.proto.functions}

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The graph inputs that are not initializers, in order."""
        fixed = {tensor.name for tensor in self.proto.graph.initializer}
        return tuple(port(i) for i in self.proto.graph.input if i.name not in fixed)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The graph outputs, in order."""
        return tuple(port(o) if o.HasField("type") else Port(o.name, 0, None) for o in self.proto.graph.output)

    def initializer(self, index: int) -> Array:
        """The value of the graph's initializer `index`."""
        tensor = self.proto.graph.initializer[index]
        return array(tensor, f"initializer {printable(tensor.name)!r}", self.folder, self.raw.get(index))


def _locations(graph: GraphProto) -> set[str]:
    """The files of external data that a graph names."""
    attributes = [a for node in graph.node for a in node.attribute]
    tensors = [*graph.initializer, *(a.t for a in attributes if a.type == AttributeProto.TENSOR)]
    found = {e.value for t in tensors if t.data_location == 1 for e in t.external_data if e.key == "location"}
    return found.union(*(_locations(a.g) for a in attributes if a.type == AttributeProto.GRAPH))


def nodes_of(graph: GraphProto) -> Iterator[NodeProto]:
    """The nodes of a graph, each followed by those of its subgraphs."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from nodes_of(attribute.g)


def domain_of(name: str) -> str:
    """The domain's one name: `ai.onnx` is ''."""
    return "" if name == "ai.onnx" else name


def opset_imports(imports: Iterable[OperatorSetIdProto]) -> dict[str, int]:
    """Version by domain; CompileError if a domain is imported twice in different versions."""
    found: dict[str, int] = {}
    for entry in imports:
        if found.setdefault(domain_of(entry.domain), entry.version) != entry.version:
            domain = printable(entry.domain) or "ai.onnx"
            raise CompileError(f"opset of domain {domain} is imported twice, in different versions", code="bad-opset")
    return found


def port(info: ValueInfoProto) -> Port:
    """The declaration of a graph input or output; CompileError if it has no tensor type."""
    match info.type.WhichOneof("value"):
        case "tensor_type":
            return Port(info.name, info.type.tensor_type.elem_type, dims_of(info.type))
        case None:
            raise CompileError(f"input or output {printable(info.name)!r} has no type", code="bad-type")
        case other:
            kind = other.removesuffix("_type")
            raise UnsupportedOpError(
                f"input or output {printable(info.name)!r} is a {kind}; only tensors are supported",
                code="unsupported-type",
            )


def dims_of(type: TypeProto) -> Dims | None:
    """The declared dimensions of a tensor type, None if not even the rank is known; -1 and "?" are read as unknown."""
    if not type.tensor_type.HasField("shape"):
        return None
    found = [d.dim_value if d.HasField("dim_value") else d.dim_param for d in type.tensor_type.shape.dim]
    return tuple(None if d in (-1, "?", "") else d for d in found)


def load(source: Source) -> Model:
    """Read and check a model. A path is memory-mapped: no weight is copied. CompileError if it is not a sound model."""
    if isinstance(source, ModelProto):
        model = Model(source, "model")
    elif isinstance(source, bytes):
        model = _parse(memoryview(source), "model")
    else:
        model = _read(Path(source))
    _check(model)
    return model


def _read(path: Path) -> Model:
    name = printable(path.name)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"cannot open {printable(str(path))}: {reason}", code="no-file") from error
    try:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            raise UsageError(f"{name}: not a regular file", code="no-file")
        if not 0 < info.st_size <= MAX_FILE:
            what = "is empty" if info.st_size == 0 else "is too large"
            raise CompileError(f"{name}: the file {what}, size {info.st_size} bytes", code="bad-file")
        data = memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ))
    finally:
        os.close(handle)
    model = _parse(data, name)
    model.folder = Folder(path.absolute().parent)
    return model


def _parse(data: memoryview, name: str) -> Model:
    if data[:24] == b"version https://git-lfs.":
        raise CompileError(f"{name}: a Git LFS pointer, not a model; fetch the file itself", code="bad-file")
    try:
        text, slices = split(data)
        proto = ModelProto.FromString(text)
    except (WireError, DecodeError) as error:
        reason = f"{name}: not an ONNX model: invalid or truncated protobuf ({error})"
        raise CompileError(reason, code="bad-file") from error
    whole = np.frombuffer(data, np.uint8)
    return Model(proto, name, {index: whole[where] for index, where in slices.items()}, data=data)


def _check(model: Model) -> None:
    proto = model.proto
    if not proto.HasField("graph"):
        raise CompileError(f"{model.name}: no graph in the model; empty, or not ONNX", code="bad-file")
    if not 1 <= proto.ir_version <= onnx.IR_VERSION:
        raise CompileError(f"IR version {proto.ir_version}, expected 1 to {onnx.IR_VERSION}", code="bad-version")
    newest = onnx.defs.onnx_opset_version()
    opsets = model.opsets
    if "" in opsets and not 1 <= opsets[""] <= newest:
        raise CompileError(f"opset version {opsets['']}, expected 1 to {newest}", code="bad-opset")
    if not opsets:
        raise CompileError(f"{model.name}: no opset is imported", code="bad-opset")
    if len(model.functions) != len(proto.functions):
        raise CompileError("two functions of the model have one name: duplicate", code="duplicate-name")
    if not proto.graph.output:
        raise CompileError(f"{model.name}: the graph has no outputs", code="no-output")
    if proto.graph.sparse_initializer:
        raise CompileError("sparse initializers are not supported", code="unsupported-type")
    check_names(proto.graph)


def check_names(graph: GraphProto) -> None:
    """CompileError if a name is no text or is defined twice (an initializer may also be an input, its default)."""
    nodes = ((n.op_type, n.name, n.domain, *n.input, *n.output, *(a.name for a in n.attribute)) for n in graph.node)
    if not all(isinstance(text, str) for node in nodes for text in node):
        raise CompileError("a name or op type is not valid UTF-8", code="bad-file")
    defined: set[str] = set()
    groups = (
        ("input", [i.name for i in graph.input]),
        ("initializer", [t.name for t in graph.initializer]),
        ("node output", [o for n in graph.node for o in n.output if o]),
    )
    inputs = set(groups[0][1])
    for what, names in groups:
        for name in names:
            if name in defined and not (what == "initializer" and name in inputs):
                raise CompileError(f"{what} {printable(name)!r} is defined twice", code="duplicate-name")
            inputs -= {name} if what == "initializer" else set()
            defined.add(name)
