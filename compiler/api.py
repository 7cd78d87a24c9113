"""`aic.compile`: a model as a function of arrays."""

from pathlib import Path

from ..dialects._shape import Array
from .artifact import is_artifact, read_manifest
from .driver import Compiled, Options, compile_model
from .frontends.onnx.model import Source
from .targets import parse_target


class CompiledModel:
    """A compiled model: call it with the inputs in order, or by name; it answers the outputs as a tuple."""

    def __init__(self, compiled: Compiled):
        from .session import InferenceSession

        self.compiled = compiled
        self.session = InferenceSession(compiled.folder)
        self._names = [port.name for port in self.session.get_inputs()]

    def __call__(self, *inputs: object, **named: object) -> tuple[Array, ...]:
        return tuple(self.session.run(None, dict(zip(self._names, inputs, strict=False)) | named))

    @property
    def folder(self) -> Path:
        """Where the artifact lies."""
        return self.compiled.folder


def compile(model: Source, target: str = "c", out: str | Path | None = None, **options: object) -> CompiledModel:
    """Compile a model (a path, its bytes, a ModelProto) for a target, `c` or `c,vector_bytes=32`, into the folder
    `out`; an artifact's folder is loaded. `options` are the fields of `Options`: dims, shapes, level, name, kinds..."""
    if isinstance(model, str | Path) and is_artifact(model):
        return CompiledModel(Compiled(Path(model), read_manifest(Path(model))))
    chosen = parse_target(target)
    settings = dict(chosen.settings)
    made = Options(**{"settings": settings, **options})  # pyright: ignore[reportArgumentType]  a wrong name is a TypeError
    return CompiledModel(compile_model(model, chosen.name, out, made))
