"""Collects the nodes that cannot be imported, so that all of them are reported at once, with reason and way out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from onnx import AttributeProto, NodeProto, helper
from xdsl.dialects.builtin import IntegerType, Signedness, TensorType
from xdsl.ir import SSAValue

from ... import errors
from ...errors import CompileError, UnsupportedOpError
from .model import Model, domain_of, nodes_of
from .names import printable
from .node import Refused, Unknown
from .scope import Lost, Scope


class NeedsConstant(UnsupportedOpError):
    """The model can be compiled once the values of these graph inputs are known; `inputs` names them."""

    def __init__(self, message: str, inputs: tuple[str, ...], nodes: Sequence[errors.Node]):
        super().__init__(message, nodes=nodes)
        self.inputs = inputs


@dataclass
class Report:
    """What has been refused so far, by node name."""

    model: Model
    _nodes: dict[str, errors.Node] = field(default_factory=dict[str, errors.Node])
    _refusals: list[Refused] = field(default_factory=list[Refused])

    def refused(self, proto: NodeProto, name: str, scope: Scope, refusal: Refused) -> None:
        """Note a node; one inside the definition of an ONNX op counts as that op's node, once."""
        reason = str(refusal)
        if scope.owner is not None:
            reason = f"its definition uses {printable(proto.op_type)}: {reason}"
            proto, name = scope.owner, scope.label
        domain = domain_of(proto.domain)
        version = scope.opsets.get(domain)
        op = f"{printable(proto.op_type)} ({printable(domain) or 'ai.onnx'}{f' {version}' if version else ''})"
        attributes = "  ".join(_attribute(a) for a in proto.attribute)
        inputs = "  ".join(_input(i, scope) for i in proto.input if i)
        entry = errors.Node(printable(name), op, attributes, inputs, reason, refusal.do or "")
        self._nodes.setdefault(name, entry)
        self._refusals.append(refusal)

    def finish(self) -> None:
        """UnsupportedOpError if anything was refused: a NeedsConstant if values of graph inputs would mend it all."""
        if not self._nodes:
            return
        total = sum(1 for _ in nodes_of(self.model.proto.graph))
        nodes = tuple(self._nodes.values())
        opset = self.model.opsets.get("")
        where = self.model.name + (f", opset {opset}" if opset else "")
        message = f"{len(nodes)} of {total} nodes cannot be compiled   ({where})"
        waiting = [r.inputs for r in self._refusals if isinstance(r, Unknown) and r.inputs]
        if len(waiting) == len(self._refusals):
            raise NeedsConstant(message, tuple(dict.fromkeys(name for names in waiting for name in names)), nodes)
        raise UnsupportedOpError(message, nodes=nodes)


def _attribute(attribute: AttributeProto) -> str:
    name = printable(attribute.name)
    match attribute.type:
        case AttributeProto.STRING:
            return f'{name}="{printable(attribute.s.decode(errors="replace"))}"'
        case AttributeProto.GRAPH:
            return f"{name}=<{len(attribute.g.node)} nodes>"
        case AttributeProto.FLOAT | AttributeProto.INT | AttributeProto.INTS | AttributeProto.FLOATS:
            value = helper.get_attribute_value(attribute)
            return f"{name}={printable(str(list(value) if isinstance(value, Sequence) else value))}"
        case _:
            return f"{name}=..."


def _input(name: str, scope: Scope) -> str:
    try:
        value = scope.lookup(name)
    except (Lost, CompileError):
        value = None
    return printable(name) + (f" {type_text(value)}" if value is not None else "")


def type_text(value: SSAValue) -> str:
    """A tensor's type in a message: `f32[1,8400,4]`, `u8[3]`."""
    if not isinstance(value.type, TensorType):
        return str(value.type)
    element = value.type.element_type
    unsigned = isinstance(element, IntegerType) and element.signedness.data is Signedness.UNSIGNED
    text = str(element).removeprefix("ui") if unsigned else str(element)
    return f"{'u' if unsigned else ''}{text}[{','.join(map(str, value.type.get_shape()))}]"
