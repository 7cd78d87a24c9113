"""Declared inputs and outputs: symbolic dimensions made static, results compared with what was declared."""

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, SSAValue

from ....dialects._shape import dtype, element_of, shape, tensor
from ...errors import CompileError, ShapeError, UnsupportedOpError, UsageError
from .model import Dims, Model, Port
from .names import printable
from .tensors import check_size, element_dtype, type_name


def element(port: Port) -> Attribute:
    """The element type of a graph input; UnsupportedOpError if no level of the IR has it."""
    what = f"graph input {printable(port.name)!r}"
    kind = element_dtype(port.elem_type, what)
    try:
        return element_of(kind)
    except TypeError as error:
        raise UnsupportedOpError(f"{what}: tensors of {type_name(port.elem_type)} are not supported") from error


def argument_types(
    model: Model, dims: Mapping[str, int], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, TensorType[Attribute]]:
    """The static type of each graph input, in order. ShapeError says what `--dim` and `--shape` must give."""
    ports = model.inputs
    sizes = _sizes(ports, dims, shapes)
    found: dict[str, TensorType[Attribute]] = {}
    missing: list[str] = []
    flags: dict[str, None] = {}
    for port in ports:
        what = f"graph input {printable(port.name)!r}"
        if (given := shapes.get(port.name)) is not None:
            resolved = _fitting(port, tuple(given), what)
        elif port.dims is None:
            missing.append(f"{what} has no declared rank")
            flags[f"--shape {printable(port.name)}=.."] = None
            continue
        else:
            resolved = tuple(sizes.get(d) if isinstance(d, str) else d for d in port.dims)
            unknown = [d for size, d in zip(resolved, port.dims, strict=True) if size is None]
            flags |= dict.fromkeys(
                f"--dim {printable(d)}=.." if isinstance(d, str) else _shape_flag(port) for d in unknown
            )
            missing += [f"{what} has shape {_text(port.dims)}"] if unknown else []
        if None not in resolved:
            static = tuple(size for size in resolved if size is not None)
            kind = element(port)
            check_size(static, dtype(kind), what)
            found[port.name] = tensor(kind, static)
    if missing:
        told = "; ".join(missing)
        raise ShapeError(f"static shapes are wanted: {told}", code="unknown-dim", suggestion=f"add {' '.join(flags)}")
    return found


def _shape_flag(port: Port) -> str:
    dims = "x".join("?" if not isinstance(d, int) else str(d) for d in port.dims or ())
    return f"--shape {printable(port.name)}={dims}"


def _sizes(ports: Sequence[Port], dims: Mapping[str, int], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    symbols = {d for port in ports for d in port.dims or () if isinstance(d, str)}
    if unknown := sorted(set(dims) - symbols):
        known = ", ".join(map(printable, sorted(symbols))) or "none"
        raise UsageError(f"no input has a symbolic dimension {printable(unknown[0])!r}; there is: {known}")
    if unknown := sorted(set(shapes) - {port.name for port in ports}):
        known = ", ".join(printable(port.name) for port in ports) or "none"
        raise UsageError(f"no graph input {printable(unknown[0])!r}; there is: {known}")
    sizes = dict(dims)
    for port in ports:
        given = shapes.get(port.name, ())
        for declared, size in zip(port.dims or (), given, strict=False):
            if isinstance(declared, str) and size >= 0:
                sizes.setdefault(declared, size)
    return sizes


def _fitting(port: Port, given: tuple[int, ...], what: str) -> tuple[int, ...]:
    fits = port.dims is None or (
        len(given) == len(port.dims)
        and all(not isinstance(d, int) or d == size for d, size in zip(port.dims, given, strict=True))
    )
    if not fits:
        raise ShapeError(f"{what}: expected shape {_text(port.dims)}, found {list(given)}", code="input-shape")
    return given


def _text(dims: Dims | None) -> str:
    return "any" if dims is None else f"[{', '.join('?' if d is None else printable(str(d)) for d in dims)}]"


def check_results(model: Model, results: Sequence[SSAValue]) -> None:
    """CompileError if a graph output has another element type, rank or static dimension than was declared."""
    for output, value in zip(model.proto.graph.output, results, strict=True):
        (declared,) = [port for port in model.outputs if port.name == output.name][:1]
        what = f"graph output {printable(output.name)!r}"
        kind, dims = dtype(value.type), shape(value)
        if declared.elem_type and kind != (expected := element_dtype(declared.elem_type, what)):
            raise CompileError(f"{what}: declared with element type {expected}, found {kind}", code="output-type")
        wanted = declared.dims
        if wanted is not None and (
            len(wanted) != len(dims) or any(isinstance(w, int) and w != d for w, d in zip(wanted, dims, strict=True))
        ):
            raise ShapeError(f"{what}: declared shape {_text(wanted)}, found {list(dims)}", code="output-shape")
