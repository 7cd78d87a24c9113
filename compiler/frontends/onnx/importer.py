"""From an ONNX model to the graph level: one `func.func @main` of graph ops, every op with its node's name as location.

MatMul "/l0/mm" (x, W)   -->   %w = graph.weight @w0 : tensor<768x3072xf32>
                               %0 = graph.matmul %x, %w : ...   loc("/l0/mm")
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module

from onnx import FunctionProto, GraphProto, NodeProto, TensorProto, TypeProto, helper
from onnx.defs import OpSchema
from xdsl.dialects.builtin import ArrayAttr, LocationAttr, ModuleOp, NameLoc, NoneAttr, StringAttr, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.utils.exceptions import VerifyException

from ....dialects._shape import Array, dtype, shape
from ....dialects.graph.weight import SMALL, AicContext
from ...errors import AicError, BudgetError, CompileError, ShapeError
from . import schema
from .constants import Constants
from .declared import argument_types, check_results
from .expansion import MAX_NODES, check_expansion
from .model import Model, Source, check_names, domain_of, load, opset_imports
from .names import printable
from .node import Node, Refused
from .registry import Importer, importers
from .report import Report
from .scope import Lost, Scope
from .tensors import array, check_size, has_element, type_name

_FAILURES = (VerifyException, ValueError, TypeError, IndexError, ArithmeticError)


def import_onnx(
    source: Source,
    ctx: AicContext,
    *,
    dims: Mapping[str, int] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    values: Mapping[str, Array] | None = None,
) -> ModuleOp:
    """Import a model: a path (weights stay in the file, memory-mapped), its bytes, or a ModelProto.

    `dims` gives symbolic dimensions by name, `shapes` whole input shapes, `values` inputs whose value may be relied on
    at compile time (they stay arguments). UnsupportedOpError names every node that cannot be imported; it is a
    NeedsConstant if the values of the graph inputs it names would do; CompileError if the model is malformed.
    """
    return import_model(load(source), ctx, dims=dims, shapes=shapes, values=values)


def import_model(
    model: Model,
    ctx: AicContext,
    *,
    dims: Mapping[str, int] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    values: Mapping[str, Array] | None = None,
) -> ModuleOp:
    """`import_onnx` of a model that is loaded already."""
    importers()
    given = dict(shapes or {}) | {name: value.shape for name, value in (values or {}).items()}
    types = argument_types(model, dims or {}, given)
    return Importing(model, ctx).run(types, values or {})


@dataclass
class Importing:
    """One import under way. `block` is where ops are appended."""

    model: Model
    ctx: AicContext
    block: Block = field(init=False)
    constants: Constants = field(init=False)
    report: Report = field(init=False)
    nodes: int = 0

    def run(self, types: Mapping[str, TensorType[Attribute]], values: Mapping[str, Array]) -> ModuleOp:
        """Import the whole graph into a new module."""
        check_expansion(self.model)
        graph = self.model.proto.graph
        main = self.block = Block(arg_types=list(types.values()))
        self.constants = Constants(self.ctx, main, tuple(types))
        self.report = Report(self.model)
        scope = Scope(self.model.opsets, later={o for n in graph.node for o in n.output if o})
        for (name, type), argument in zip(types.items(), main.args, strict=True):
            scope.values[name] = argument
            if (value := values.get(name)) is not None:
                self.constants.given[argument] = value.astype(dtype(type), copy=False)
        for index, initializer in enumerate(graph.initializer):
            self.initializer(scope, initializer, self.model.raw.get(index))
        self.graph(graph.node, scope)
        self.report.finish()
        results = self.results([output.name for output in graph.output], scope)
        check_results(self.model, results)
        main.add_op(ReturnOp(*results))
        func = FuncOp("main", (main.arg_types, [r.type for r in results]), Region(main))
        func.attributes["arg_names"] = ArrayAttr([StringAttr(name) for name in types])
        func.attributes["res_names"] = ArrayAttr([StringAttr(output.name) for output in graph.output])
        return ModuleOp([func])

    def initializer(self, scope: Scope, proto: TensorProto, raw: Array | None = None) -> None:
        """Bind an initializer; its op is made when a node first asks for it, its data is read when it is needed."""
        what = f"initializer {printable(proto.name)!r}"

        def read() -> Array:
            return array(proto, what, self.model.folder, raw)

        value = read()
        dims, kind, size = value.shape, value.dtype, value.size
        copied = raw is None and proto.data_location != TensorProto.EXTERNAL
        fetch = read if copied and size > SMALL else lambda kept=value: kept  # never hold a copy of what is large

        def make() -> SSAValue:
            if not has_element(kind):
                raise Refused(f"{what}: tensors of {type_name(proto.data_type)} are not supported")
            op = self.constants.make(fetch()) if size <= SMALL else self.constants.weight(kind, dims, fetch)
            return self.constants.at_top(op)

        scope.initializers[proto.name] = make

    def results(self, names: Sequence[str], scope: Scope) -> list[SSAValue]:
        """What stands for the outputs of a graph or function; CompileError if nothing does."""
        found: list[SSAValue] = []
        for name in names:
            if (value := scope.lookup(name)) is None:
                raise CompileError(f"output {printable(name)!r} is an absent optional argument", code="undefined-name")
            found.append(value)
        return found

    def graph(self, nodes: Sequence[NodeProto], scope: Scope) -> None:
        """Import nodes, in order, at the end of the current block."""
        for index, proto in enumerate(nodes):
            self.nodes += 1
            if self.nodes > MAX_NODES:
                raise BudgetError(f"the model has, or expands to, more than {MAX_NODES} nodes: limit", code="too-large")
            name = f"{scope.label}{proto.name or f'{proto.op_type}_{index}'}"
            self.bind(proto, name, self.node(proto, name, scope), scope)

    def node(self, proto: NodeProto, name: str, scope: Scope) -> Sequence[SSAValue | None] | None:
        """Import one node; None if it was refused, which is noted, or hangs on one that was."""
        try:
            return self.outputs(proto, name, scope)
        except Lost:
            return None
        except Refused as refusal:
            self.report.refused(proto, name, scope, refusal)
            return None
        except AicError as error:
            error.loc = error.loc or printable(name)
            raise
        except _FAILURES as error:
            if isinstance(error, TypeError) and "not supported" in str(error):
                self.report.refused(proto, name, scope, Refused(str(error)))
                return None
            text = f"{printable(name)} ({printable(proto.op_type)}): {error}"
            raise ShapeError(text, code="bad-node", loc=printable(name)) from error

    @staticmethod
    def bind(proto: NodeProto, name: str, results: Sequence[SSAValue | None] | None, scope: Scope) -> None:
        """Enter a node's outputs into the scope; without results they are lost."""
        for position, output in enumerate(proto.output):
            scope.later.discard(output)
            if not output:
                continue
            if results is None:
                scope.lost.add(output)
            elif position < len(results) and (value := results[position]) is not None:
                scope.values[output] = value
            else:
                raise CompileError(f"{printable(name)} ({proto.op_type}): output {position} is not defined by the op")

    def outputs(self, proto: NodeProto, name: str, scope: Scope) -> Sequence[SSAValue | None]:
        """The values of a node's outputs, by its importer or by its definition as a function."""
        domain = domain_of(proto.domain)
        local = self.model.functions.get((domain, proto.op_type, proto.overload))
        opset = scope.opsets.get(domain, 0)
        known = None if local else schema.schema(domain, proto.op_type, opset)
        importer = None if local else importers().get((domain, proto.op_type))
        if local is None:
            _expect_importable(proto, domain, opset, known, importer)
        operands = [scope.lookup(i) if i else None for i in proto.input]
        n = Node(proto, name, opset, operands, self, scope, scope.origin or NameLoc(StringAttr(name), NoneAttr()))
        if known is not None:
            schema.check_node(proto, known, tuple(_elem_type(o) for o in operands))
        if importer is not None:
            results = importer(n)
            return (results,) if isinstance(results, SSAValue) else results
        if local is not None:
            return self.call(n, local, replace(scope, label=f"{name}/"), opset_imports(local.opset_import))
        if (
            known is None
            or (function := schema.body(known, n.resolved(), opset, [_type_proto(o) for o in operands])) is None
        ):
            raise Refused("no importer for this op, and its definition does not cover this use")
        opsets = {**scope.opsets, **opset_imports(function.opset_import)}  # some definitions import their domain only
        inside = replace(scope, label=name, origin=n.location, owner=scope.owner or proto)
        return self.call(n, function, inside, opsets)

    def call(self, n: Node, function: FunctionProto, scope: Scope, opsets: Mapping[str, int]) -> list[SSAValue]:
        """The outputs of a function body on a node's operands; `scope` is the caller's, labelled for the body."""
        if n.count > len(function.input) or n.outputs > len(function.output):
            raise CompileError(
                f"function {printable(function.name)}: expected at most {len(function.input)} inputs and "
                f"{len(function.output)} outputs, found {n.count} and {n.outputs}",
                code="bad-node",
            )
        bound = {a.name: a for a in function.attribute_proto} | schema.defaults(n.proto, n.opset) | n.attributes
        key = (domain_of(function.domain), function.name, function.overload)
        inner = scope.called(key, opsets, bound)
        inner.values |= dict.fromkeys(function.input) | dict(zip(function.input, n.operands, strict=False))
        inner.later |= {o for node in function.node for o in node.output}
        self.graph(function.node, inner)
        return self.results(function.output[: n.outputs], inner)

    def region(self, graph: GraphProto, args: Sequence[TensorType[Attribute]], n: Node) -> Region:
        """A subgraph as a region that ends in `graph.yield`."""
        outer, self.block = self.block, Block(arg_types=args)
        try:
            block = self.block
            block.add_op(_yield(self.inline(graph, block.args, n)))
        finally:
            self.block = outer
        return Region(block)

    def inline(self, graph: GraphProto, args: Sequence[SSAValue], n: Node) -> tuple[SSAValue, ...]:
        """A subgraph's ops at the end of the current block; the values of its outputs."""
        check_names(graph)
        fixed = {tensor.name for tensor in graph.initializer}
        names = [i.name for i in graph.input if i.name not in fixed]
        if len(names) != len(args):
            raise CompileError(f"the subgraph has {len(names)} inputs, expected {len(args)}", code="bad-node")
        scope = n.scope.inner(graph, n.scope.label if n.scope.origin else f"{n.name}/")
        scope.values |= dict(zip(names, args, strict=True))
        for initializer in graph.initializer:
            self.initializer(scope, initializer)
        self.graph(graph.node, scope)
        return tuple(self.results([output.name for output in graph.output], scope))

    def add(self, op: Operation, location: LocationAttr) -> tuple[SSAValue, ...]:
        """Append an op, or constants in its place if its value is known; its results."""
        for result in op.results:
            check_size(shape(result), dtype(result.type), op.name)
        if (folded := self.constants.fold(op)) is not None:
            op.drop_all_references()
            return tuple(self.const(value, location) for value in folded)
        op.location = location
        self.block.add_op(op)
        return tuple(op.results)

    def const(self, value: Array, location: LocationAttr) -> SSAValue:
        """A compile-time value at the end of the current block."""
        op = self.constants.make(value)
        op.location = location
        self.block.add_op(op)
        return op.results[0]


def _expect_importable(
    proto: NodeProto, domain: str, opset: int, known: OpSchema | None, importer: Importer | None
) -> None:
    shown, op = printable(domain) or "ai.onnx", printable(proto.op_type)
    if not opset:
        raise Refused(f"the model imports no opset of domain {shown}")
    if known is None and (first := schema.since(domain, proto.op_type)) is not None and first > opset:
        raise Refused(f"{op} is unknown before opset {first}; the model imports opset {opset}")
    if importer is None and known is None:
        raise Refused(f"no op {op} is known in domain {shown}")
    if importer is None and known is not None and not schema.has_body(known):
        raise Refused("the op has no importer yet")


def _yield(values: Sequence[SSAValue]) -> Operation:
    control = import_module("....dialects.graph.control", __package__)
    return control.YieldOp(*values)


def _elem_type(value: SSAValue | None) -> str | None:
    return None if value is None else type_name(helper.np_dtype_to_tensor_dtype(dtype(value.type)))


def _type_proto(value: SSAValue | None) -> TypeProto:
    if value is None:
        return TypeProto()
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(dtype(value.type)), shape(value))
