"""What a rule of `lower-graph-to-tensor` builds with: the values so far, and every op of the tensor level by one call.

@lowering(BinaryOp)
def binary(op: BinaryOp, b: Build) -> SSAValue:
    return b.pointwise([op.lhs, op.rhs], shape(op.res), element(op.res), lambda t, x, y: t.add(x, y))
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.traits import IsTerminator
from xdsl.utils.exceptions import PassFailedException

from ....dialects._report import may_rewrite, missed, rewriting
from ....dialects.graph.weight import ConstantOp, WeightOp, WeightStore
from ....dialects.kernel import FuncOp, LaunchOp, ReturnOp
from .._outline import outer_reads
from ._body import Body
from ._generics import signless
from ._rules import lowering, rule_for
from ._views import Views

__all__ = ["Body", "Build", "lowering", "signless"]


class Build(Views):
    """Maps graph-level values to tensor-level ones, and appends to the block that is being made. Wherever a method
    takes a value, it takes either."""

    def __init__(self, module: ModuleOp, weights: WeightStore, block: Block):
        super().__init__(weights, block)
        self.module = module
        self._kernels = 0

    def set(self, value: SSAValue, to: SSAValue) -> None:
        """From here on `b[value]` is `to`."""
        self._values[value] = to

    @contextmanager
    def into(self, block: Block) -> Iterator[Block]:
        """Append to another block meanwhile, such as a region's."""
        outer, self.block = self.block, block
        try:
            yield block
        finally:
            self.block = outer

    def inline(self, block: Block, arguments: Sequence[SSAValue]) -> list[SSAValue]:
        """Lower a graph-level block here, with these tensor-level values for its arguments. The tensor-level values of
        its terminator's operands."""
        for old, new in zip(block.args, arguments, strict=True):
            self._values[old] = new
        last = block.last_op
        for op in block.ops:
            if op is not last or not op.has_trait(IsTerminator):
                self.lower(op)
        return [self[v] for v in last.operands] if last is not None and last.has_trait(IsTerminator) else []

    def lower(self, op: Operation) -> None:
        """Append what an op becomes and enter its results. An op without a rule that is not of the graph level is
        cloned; of the graph level it is an error."""
        outer, self.location = self.location, op.location
        if isinstance(op, WeightOp):
            self._values[op.res] = self.one(WeightOp(op.weight, signless(op.res.type)))
        elif (rule := rule_for(type(op))) is not None and is_due(op):
            self._enter(op, rule(op, self))
        elif not op.name.startswith("graph.") or rule is not None:
            self.block.add_op(new := op.clone({v: self[v] for v in outer_reads(op)}))
            self._values.update(zip(op.results, new.results, strict=True))
        elif not isinstance(op, ConstantOp):
            raise PassFailedException(f"lower-graph-to-tensor: no rule for {op.name}")
        self.location = outer

    def _enter(self, op: Operation, results: SSAValue | Sequence[SSAValue]) -> None:
        made = [results] if isinstance(results, SSAValue) else results
        for old, value in zip(op.results, made, strict=True):
            new = self[value]
            if new.type != signless(old.type):
                raise PassFailedException(
                    f"lower-graph-to-tensor: {op.name}: expected a {signless(old.type)}, found {new.type}"
                )
            self._values[old] = new

    def kernel(
        self,
        inputs: Sequence[SSAValue],
        results: Sequence[Attribute],
        body: Callable[..., SSAValue | Sequence[SSAValue]],
        stem: str = "imperative",
    ) -> tuple[SSAValue, ...]:
        """A kernel of loops over single elements, for what no generic can say, and its launch. `body(t, *inputs)`
        answers the results, tensors of the types `results`."""
        operands = [self[value] for value in inputs]
        types = [signless(kind) for kind in results]
        func = FuncOp(f"{stem}_{self._kernels}", [v.type for v in operands], types)
        self._kernels += 1
        func.location = self.location
        t = Body(func.body.block, self.location)
        made = body(t, *func.body.block.args)
        t.append(ReturnOp(*([made] if isinstance(made, SSAValue) else made)))
        module = self.module.body.block
        if module.first_op is None:
            module.add_op(func)
        else:
            module.insert_op_before(func, module.first_op)
        launch = LaunchOp(func.sym_name.data, operands, types)
        self.add(launch)
        return tuple(launch.results)


def is_due(op: Operation) -> bool:
    """Whether an op is to be lowered, which counts as a rewrite; beyond the limit it stays as it is. Not so one that
    knows of signs, for the types of all that it reads and makes change with the function's."""
    if any(v.type != signless(v.type) for v in (*op.operands, *op.results)):
        if not may_rewrite(required=True):
            missed(op, "lower", "not left as it was: its types lose their signs with those of the whole function")
        return True
    return rewriting(op, "lower", required=True)
