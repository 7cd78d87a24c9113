"""What the ONNX standard says of an op at an opset: arity, attributes, element types, a body of simpler ops."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Protocol, cast

from onnx import AttributeProto, FunctionProto, NodeProto, TypeProto, defs
from onnx.defs import OpSchema, SchemaError

from ...errors import CompileError

_OPTION = OpSchema.FormalParameterOption


class _Defined(Protocol):
    """The part of a schema that the type stubs of onnx leave out."""

    function_opset_versions: Sequence[int]
    context_dependent_function_opset_versions: Sequence[int]

    def get_function_with_opset_version(self, version: int) -> bytes: ...
    def get_context_dependent_function_with_opset_version(
        self, version: int, node: bytes, types: list[bytes]
    ) -> bytes: ...


def _defined(known: OpSchema) -> _Defined:
    return cast(_Defined, known)


@cache
def schema(domain: str, op_type: str, opset: int) -> OpSchema | None:
    """The op's schema at this opset of its domain, None if the standard has none."""
    try:
        return defs.get_schema(op_type, opset, domain)
    except SchemaError:
        return None


@cache
def since(domain: str, op_type: str) -> int | None:
    """The first opset in which the op exists, None if it never did."""
    found = [s.since_version for s in _all() if (s.domain, s.name) == (domain, op_type)]
    return min(found, default=None)


@lru_cache(maxsize=1)
def _all() -> Sequence[OpSchema]:
    return defs.get_all_schemas_with_history()


def check_node(proto: NodeProto, known: OpSchema, types: tuple[str | None, ...]) -> None:
    """CompileError if a node breaks its schema; `types` holds its inputs' element types, None where absent."""
    where = proto.op_type
    if not known.min_input <= len(proto.input) <= known.max_input:
        bounds = (
            f"{known.min_input} to {known.max_input}" if known.max_input < 1 << 30 else f"{known.min_input} or more"
        )
        raise CompileError(f"{where}: expected {bounds} inputs, found {len(proto.input)}", code="bad-node")
    if not known.min_output <= len(proto.output) <= known.max_output:
        raise CompileError(
            f"{where}: expected {known.min_output} to {known.max_output} outputs, found {len(proto.output)}",
            code="bad-node",
        )
    given = {attribute.name for attribute in proto.attribute}
    for name, attribute in known.attributes.items():
        if attribute.required and name not in given:
            raise CompileError(f"{where}: the required attribute {name} is missing", code="bad-node")
    _check_types(known, types)


@lru_cache(maxsize=4096)
def _check_types(known: OpSchema, types: tuple[str | None, ...]) -> None:
    bound: dict[str, str] = {}
    for index, type in enumerate(types):
        formal = known.inputs[min(index, len(known.inputs) - 1)]
        if type is None:
            if formal.option == _OPTION.Single:
                raise CompileError(f"{known.name}: input {formal.name} is required, and empty here", code="bad-node")
            continue
        if f"tensor({type})" not in formal.types:
            raise CompileError(f"{known.name}: input {formal.name} cannot have element type {type}", code="bad-type")
        free = formal.option == _OPTION.Variadic and not formal.is_homogeneous
        if not free and bound.setdefault(formal.type_str, type) != type:
            raise CompileError(
                f"{known.name}: input {formal.name}: expected type {bound[formal.type_str]}, found {type}: "
                "a mismatch with the other inputs",
                code="bad-type",
            )


def has_body(known: OpSchema) -> bool:
    """Whether the op is defined by simpler ops, at some opset and for some types."""
    found = _defined(known)
    return bool(found.function_opset_versions or found.context_dependent_function_opset_versions)


def defaults(proto: NodeProto, opset: int) -> dict[str, AttributeProto]:
    """The default values that the standard gives the op's attributes."""
    if (known := schema("" if proto.domain == "ai.onnx" else proto.domain, proto.op_type, opset)) is None:
        return {}
    return {name: a.default_value for name, a in known.attributes.items() if a.default_value.type}


def body(known: OpSchema, proto: NodeProto, opset: int, types: Sequence[TypeProto]) -> FunctionProto | None:
    """The op's definition by simpler ops at this opset, None if it has none (or not for these input types).

    The newest version not above the model's opset is taken, else the oldest: some definitions use newer ops.
    """
    found = _defined(known)
    if versions := found.function_opset_versions:
        return _fixed_body(known, max((v for v in versions if v <= opset), default=min(versions)))
    if not (versions := found.context_dependent_function_opset_versions):
        return None
    version = max((v for v in versions if v <= opset), default=min(versions))
    text = found.get_context_dependent_function_with_opset_version(
        version, proto.SerializeToString(), [type.SerializeToString() for type in types]
    )
    function = FunctionProto.FromString(text)
    return function if function.node else None


@cache
def _fixed_body(known: OpSchema, version: int) -> FunctionProto:
    return FunctionProto.FromString(_defined(known).get_function_with_opset_version(version))
