"""From operators to loops over elements: a graph op becomes linalg.generic, views or scf, by its class's rule.

    %0 = graph.relu %x : (tensor<4xf32>) -> tensor<4xf32>
-->
    %e = tensor.empty() : tensor<4xf32>
    %0 = linalg.generic {(d0) -> (d0), (d0) -> (d0), parallel} ins(%x) outs(%e) { maximumf %xe, 0.0 }

Unsigned types become signless ones; `arg_types` and `res_types` on the function keep what they were. After the graph
passes, because no operator is left.
"""

from collections import Counter
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, FunctionType, ModuleOp
from xdsl.ir import Block, Operation, Region
from xdsl.passes import ModulePass
from xdsl.traits import IsTerminator, is_side_effect_free
from xdsl.utils.exceptions import PassFailedException

from ...dialects._xdsl import FillOp, GenericOp, TransposeOp
from ...dialects.graph.weight import AicContext, ConstantOp, WeightOp, WeightStore
from ...dialects.kernel import LaunchOp
from ._lower._build import Build
from ._lower._generics import signless
from ._lower._rules import load_rules, rule_for


@dataclass(frozen=True)
class LowerGraphToTensor(ModulePass):
    """Requires static shapes. Ensures that no op of the graph dialect is left but weights."""

    name = "lower-graph-to-tensor"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        load_rules()
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        functions = [f for f in op.ops if isinstance(f, func.FuncOp) and not f.is_declaration]
        refuse_unknown(functions)
        for function in functions:
            lower(function, op, weights)


def refuse_unknown(functions: list[func.FuncOp]) -> None:
    """PassFailedException that names every kind of op without a rule, how often, and where first."""
    counts: Counter[str] = Counter()
    places: dict[str, Operation] = {}
    for function in functions:
        for op in function.walk():
            if not op.name.startswith("graph.") or isinstance(op, WeightOp | ConstantOp):
                continue
            if not op.has_trait(IsTerminator) and rule_for(type(op)) is None:
                counts[op.name] += 1
                places.setdefault(op.name, op)
    if counts:
        lines = [f"{name} ({count} times, first at {places[name].location})" for name, count in sorted(counts.items())]
        raise PassFailedException(f"lower-graph-to-tensor: no rule for {', '.join(lines)}")


def lower(function: func.FuncOp, module: ModuleOp, weights: WeightStore) -> None:
    """Gives a function a new body on the tensor level."""
    inputs, outputs = function.function_type.inputs.data, function.function_type.outputs.data
    old = function.detach_region(function.body)
    block = Block(arg_types=[signless(kind) for kind in inputs])
    for new, arg in zip(block.args, old.block.args, strict=True):
        new.name_hint, new.location = arg.name_hint, arg.location
    build = Build(module, weights, block)
    results = build.inline(old.block, block.args)
    last = func.ReturnOp(*results)
    if (end := old.block.last_op) is not None:
        last.location = end.location
    block.add_op(last)
    drop_unused(block)
    function.add_region(Region(block))
    function.function_type = FunctionType.from_lists(block.arg_types, [v.type for v in results])
    function.attributes.setdefault("arg_types", ArrayAttr(inputs))
    function.attributes.setdefault("res_types", ArrayAttr(outputs))


def drop_unused(block: Block) -> None:
    """Removes pure ops without uses, from the last to the first."""
    for op in reversed(list(block.ops)):
        for region in op.regions:
            for inner in region.blocks:
                drop_unused(inner)
        if op.results and not any(result.uses for result in op.results) and is_pure(op):
            op.detach()
            op.erase()


def is_pure(op: Operation) -> bool:
    """Whether an op of the tensor level only makes its results; xDSL leaves that open of linalg."""
    return isinstance(op, GenericOp | FillOp | TransposeOp | LaunchOp) or is_side_effect_free(op)
