"""Run a model from Python, in the manner of onnxruntime.

    session = InferenceSession("model.onnx", providers=["c"])
    (logits,) = session.run(None, {"x": x})

A provider is a target's name, or `interpreter`. A model of static shapes is compiled at once; one with symbolic
dimensions, or whose shapes hang on the values of inputs, is compiled for what a run brings, and what was built is kept
(the least recently used goes first).
"""

import json
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import ml_dtypes
import numpy as np
from onnx import ModelProto, helper

from ..dialects._shape import Array
from .artifact import is_artifact, read_manifest
from .context import context, targets
from .driver import Options, garbage_later, load_artifact, module_ports
from .errors import CompileError, UsageError, printable
from .files import write_whole
from .frontends.onnx.importer import import_model
from .frontends.onnx.model import Model, Port, Source, load
from .frontends.onnx.report import NeedsConstant
from .frontends.onnx.tensors import element_dtype
from .interpret import interpret
from .knobs import NUM_THREADS
from .ort_types import ModelMetadata, NodeArg, SessionOptions, metadata, node_arg
from .reuse import compile_cached
from .sizes import parts, shapes_of, unfitting
from .targets import target_named, with_threads

log = logging.getLogger("aic.session")
INTERPRETER = "interpreter"
PINNED = 1 << 16
"""Elements up to which an input's value may be compiled in."""
Call = Callable[[Sequence[Array]], list[Array]]


@dataclass(eq=False)
class Built:
    """A compiled specialisation. `wants` is (name, dtype, shape) by input, `pinned` the bytes it was built for."""

    call: Call
    wants: tuple[tuple[str, np.dtype[np.generic], tuple[int, ...]], ...]
    pinned: tuple[tuple[int, bytes], ...] = ()
    held: object = None
    clock: Mapping[str, object] | None = None
    """What a run takes on a simulated machine."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fitting(self, feed: Mapping[str, object]) -> list[Array] | None:
        """The inputs in order if they can be passed on as they are, else None."""
        arrays: list[Array] = []
        for name, kind, dims in self.wants:
            found = feed.get(name)
            if type(found) is not np.ndarray or found.shape != dims or found.dtype != kind:
                return None
            arrays.append(found if found.flags.c_contiguous and found.flags.aligned else np.ascontiguousarray(found))
        for index, value in self.pinned:
            if arrays[index].tobytes() != value:
                return None
        return arrays if len(feed) == len(arrays) else None


class InferenceSession:
    """A model ready to run. `options` are those of `aic.compile` (`dims`, `shapes`, `level`, ...)."""

    def __init__(
        self,
        model: Source | Model,
        sess_options: SessionOptions | None = None,
        providers: Sequence[str | tuple[str, Mapping[str, str]]] | None = None,
        **options: object,
    ):
        self._options = Options(**options)  # pyright: ignore[reportArgumentType]  a wrong name is a TypeError
        self._session = sess_options or SessionOptions()
        self._threads = self._session.intra_op_num_threads or NUM_THREADS.get()
        self._built: OrderedDict[object, Built] = OrderedDict()
        self._last: Built | None = None
        self._lock = threading.RLock()
        self._inputs: tuple[Port, ...] = ()
        self._outputs: tuple[Port, ...] = ()
        self._trace: list[tuple[float, float]] = []
        self._pinned: tuple[str, ...] = ()
        self._closed = False
        self._sizes: list[dict[str, object]] = []
        self._model: Model | None = None
        if not isinstance(model, bytes | ModelProto | Model) and is_artifact(model):
            self._load(Path(model), providers)
            return
        self._provider = self._choose(providers)
        self._model = model if isinstance(model, Model) else load(model)
        self._inputs, self._outputs = self._model.inputs, self._model.outputs
        if all(self._is_static(port) for port in self._inputs):
            try:
                self._last = self._specialise({}, {})
            except NeedsConstant as needs:
                self._pinned = needs.inputs

    def _choose(self, providers: Sequence[str | tuple[str, Mapping[str, str]]] | None) -> str:
        available = get_available_providers()
        for entry in providers or ["c"]:
            name, settings = (entry, {}) if isinstance(entry, str) else entry
            if name in available:
                settings = {**self._options.settings, **settings}
                if name != INTERPRETER:
                    settings = with_threads(name, settings, self._threads)
                self._options = replace(self._options, settings=settings)
                return name
            log.warning("provider %s is not one of %s; left out", name, ", ".join(available))
        raise UsageError(f"no provider of {providers!r} exists; there is: {', '.join(available)}", code="no-provider")

    def _load(self, folder: Path, providers: Sequence[str | tuple[str, Mapping[str, str]]] | None) -> None:
        manifest = read_manifest(folder)
        self._provider = str(manifest["target"])
        if providers and self._provider not in [p if isinstance(p, str) else p[0] for p in providers]:
            raise UsageError(f"{folder}: built for target {self._provider}, not for {providers!r}", code="wrong-target")
        self._inputs, self._outputs = (ports_of(manifest[key]) for key in ("inputs", "outputs"))
        clock = target_named(self._provider).cycles(manifest)
        if self._threads is not None:
            if self._threads > (built := int(str(manifest.get("threads", 1)))):
                log.warning("%d threads were asked for; %s is built for %d", self._threads, folder, built)
            manifest["run_threads"] = self._threads
        call = load_artifact(folder, manifest)
        self._last = Built(call, _wants(self._inputs), clock=clock)
        for part in (sizes := parts(manifest)):
            built = Built(call, _wants(ports_of(part["inputs"])), clock=clock, lock=self._last.lock)
            self._built[shapes_of(part), ()] = built
        self._sizes = sizes

    def _is_static(self, port: Port) -> bool:
        if port.name in self._options.shapes or port.name in self._options.values:
            return True
        return port.dims is not None and all(isinstance(d, int) or d in self._options.dims for d in port.dims)

    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, object], run_options: object = None
    ) -> list[Array]:
        """The outputs (all, or those named, in that order) for inputs by name."""
        built = self._last
        arrays = built.fitting(input_feed) if built is not None else None
        if built is None or arrays is None:
            built, arrays = self._find(input_feed)
        start = time.perf_counter() if self._session.enable_profiling else 0.0
        with built.lock:
            results = built.call(arrays)
        if start:
            self._trace.append((start, time.perf_counter() - start))
        if output_names is None:
            return results
        return [results[self._position(name)] for name in output_names]

    def _position(self, name: str) -> int:
        for position, port in enumerate(self._outputs):
            if port.name == name:
                return position
        raise UsageError(f"no output {name!r}; there is: {', '.join(p.name for p in self._outputs)}")

    def _find(self, feed: Mapping[str, object]) -> tuple[Built, list[Array]]:
        """The specialisation for these inputs, built if need be."""
        if self._closed:
            raise UsageError("the session is closed", code="closed")
        arrays = self._checked(feed)
        with self._lock:
            while True:
                names = [port.name for port in self._inputs]
                pinned = tuple((i, arrays[i].tobytes()) for i, name in enumerate(names) if name in self._pinned)
                key = (tuple(a.shape for a in arrays), pinned)
                if (built := self._built.get(key)) is None:
                    if self._model is None:
                        self._expect_declared(arrays)
                    shapes = {name: a.shape for name, a in zip(names, arrays, strict=True)}
                    try:
                        built = self._specialise(shapes, {names[i]: arrays[i].copy() for i, _ in pinned})
                    except NeedsConstant as needs:
                        if not set(needs.inputs) - {*self._pinned} or self._too_large(needs.inputs, names, arrays):
                            raise
                        self._pinned = tuple(dict.fromkeys([*self._pinned, *needs.inputs]))
                        continue
                    built.pinned = pinned
                    self._built[key] = built
                self._built.move_to_end(key)
                while self._model is not None and len(self._built) > max(1, self._session.kept):
                    self._built.popitem(last=False)
                self._last = built
                return built, arrays

    @staticmethod
    def _too_large(wanted: Sequence[str], names: Sequence[str], arrays: Sequence[Array]) -> bool:
        return any(a.size > PINNED for name, a in zip(names, arrays, strict=True) if name in wanted)

    def _expect_declared(self, arrays: Sequence[Array]) -> None:
        if self._sizes:
            raise UsageError(f"inputs: {unfitting(self._sizes, [a.shape for a in arrays])}", code="wrong-shape")
        for port, array in zip(self._inputs, arrays, strict=True):
            if port.dims is not None and array.shape != port.dims:
                raise UsageError(f"input {port.name!r}: expected shape {list(port.dims)}, found {list(array.shape)}")

    def _checked(self, feed: Mapping[str, object]) -> list[Array]:
        """The inputs in order as contiguous arrays; UsageError for what is missing, too much or of another type."""
        names = [port.name for port in self._inputs]
        if wrong := [name for name in names if name not in feed] or [name for name in feed if name not in names]:
            raise UsageError(f"inputs: expected {', '.join(names) or 'none'}; {wrong[0]!r} is missing or unknown")
        arrays: list[Array] = []
        for port in self._inputs:
            value = feed[port.name]
            array = value if isinstance(value, np.ndarray) else np.asarray(value)
            if array.dtype != (kind := _dtype(port)):
                raise UsageError(f"input {port.name!r}: expected {kind}, found {array.dtype}", code="input-type")
            arrays.append(np.require(array, requirements=["C", "A"]).reshape(array.shape))
        return arrays

    def _specialise(self, shapes: Mapping[str, tuple[int, ...]], values: Mapping[str, Array]) -> Built:
        """Compile the model for these shapes and values."""
        if self._model is None:
            raise UsageError("this artifact runs on its own shapes only", code="wrong-shape")
        options = replace(
            self._options,
            shapes={**self._options.shapes, **shapes},
            values={**self._options.values, **values},
        )
        make = _interpreted if self._provider == INTERPRETER else _compiled
        return make(self._model, self._provider, options)

    def get_inputs(self) -> list[NodeArg]:
        """The inputs, initializers left out."""
        return [node_arg(port) for port in self._inputs]

    def static_inputs(self) -> tuple[Port, ...]:
        """The inputs, with the shapes that the model was compiled for where it has been."""
        if self._last is None:
            return self._inputs
        sizes = {name: dims for name, _, dims in self._last.wants}
        return tuple(replace(port, dims=sizes[port.name]) for port in self._inputs)

    def clock(self) -> Mapping[str, object] | None:
        """Cycles, clock rate and utilisation of a run on a simulated machine; None where a run is to be measured."""
        return None if self._last is None else self._last.clock

    def get_outputs(self) -> list[NodeArg]:
        """The outputs."""
        return [node_arg(port) for port in self._outputs]

    def get_modelmeta(self) -> ModelMetadata:
        """What the model says of itself; of an artifact, nothing."""
        return metadata(self._model) if self._model is not None else ModelMetadata()

    def get_providers(self) -> list[str]:
        """The provider that is used."""
        return [self._provider]

    def get_session_options(self) -> SessionOptions:
        """The options that the session was made with."""
        return self._session

    def end_profiling(self) -> str:
        """Write the runs so far as a Chrome trace; the file's name, "" if profiling was not asked for."""
        if not self._session.enable_profiling:
            return ""
        events = [
            {"name": "run", "ph": "X", "ts": start * 1e6, "dur": seconds * 1e6, "pid": os.getpid(), "tid": 0}
            for start, seconds in self._trace
        ]
        path = Path(f"{self._session.profile_file_prefix}_{os.getpid()}.json")
        write_whole(path, json.dumps({"traceEvents": events}))
        self._trace.clear()
        return str(path)

    def close(self) -> None:
        """Free everything; a run after it is a UsageError."""
        self._closed = True
        self._last = self._model = None
        self._built.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def get_available_providers() -> list[str]:
    """The targets, and the interpreter."""
    return [*targets(), INTERPRETER]


def _interpreted(model: Model, _: str, options: Options) -> Built:
    """The graph level as imported, run on numpy."""
    ctx = context()
    with garbage_later():
        module = import_model(model, ctx, dims=options.dims, shapes=options.shapes, values=options.values)
    ports = ports_of(module_ports(module, "arg"))

    def call(inputs: Sequence[Array]) -> list[Array]:
        return [np.array(result) for result in interpret(ctx, module, inputs)]

    return Built(call, _wants(ports))


def _compiled(model: Model, target: str, options: Options) -> Built:
    compiled = compile_cached(model, target, options)
    clock = target_named(target).cycles(compiled.manifest)
    return Built(compiled.load(), _wants(ports_of(compiled.manifest["inputs"])), held=compiled, clock=clock)


def _wants(ports: Sequence[Port]) -> tuple[tuple[str, np.dtype[np.generic], tuple[int, ...]], ...]:
    return tuple((p.name, _dtype(p), tuple(d for d in p.dims or () if isinstance(d, int))) for p in ports)


def _dtype(port: Port) -> np.dtype[np.generic]:
    return element_dtype(port.elem_type, f"input {printable(port.name)!r}")


def ports_of(entries: object) -> tuple[Port, ...]:
    """The inputs or outputs that a manifest lists."""
    if not isinstance(entries, list):
        raise CompileError("the manifest lists no inputs or outputs", code="not-an-artifact")
    return tuple(
        Port(e["name"], helper.np_dtype_to_tensor_dtype(_named(e["dtype"])), tuple(e["shape"])) for e in entries
    )


def _named(name: str) -> np.dtype[np.generic]:
    return np.dtype(getattr(ml_dtypes, name, name))
