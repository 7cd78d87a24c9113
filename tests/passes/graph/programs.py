"""Programs of graph ops with weights, built in Python."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.dialects._shape import Array, tensor
from aic.dialects.graph._base import GraphOp, Plain
from aic.dialects.graph.weight import AicContext, ConstantOp, WeightOp
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue


class Program:
    """A @main under construction: `weight` and `op` append to it."""

    def __init__(self, *inputs: Array):
        self.ctx: AicContext = context()
        self.inputs = inputs
        self.block = Block(arg_types=[tensor(a.dtype, a.shape) for a in inputs])
        self.args: Sequence[SSAValue] = self.block.args

    def weight(self, array: Array) -> SSAValue:
        self.block.add_op(op := WeightOp(self.ctx.weights.fresh("w", array), tensor(array.dtype, array.shape)))
        return op.res

    def constant(self, array: Array) -> SSAValue:
        self.block.add_op(op := ConstantOp(array))
        return op.res

    def op(self, op: type[GraphOp], *operands: SSAValue | None, **properties: Plain) -> SSAValue:
        self.block.add_op(made := op.make(*operands, **properties))
        return made.results[0]

    def check(self, result: SSAValue | Sequence[SSAValue], passes: str, atol: float) -> Counter[str]:
        """Run the passes; the results agree to `atol`. How many ops of each name are left."""
        results = [result] if isinstance(result, SSAValue) else list(result)
        self.block.add_op(ReturnOp(*results))
        module = ModuleOp([FuncOp("main", (self.block.arg_types, [r.type for r in results]), Region(self.block))])
        module.verify()
        before = interpret(self.ctx, module, self.inputs)
        run_pipeline(self.ctx, module, passes, verify_each=True)
        after = interpret(self.ctx, module, self.inputs)
        for a, b in zip(after, before, strict=True):
            np.testing.assert_allclose(a.astype(np.float64), b.astype(np.float64), rtol=0, atol=atol)
        return Counter(op.name.removeprefix("graph.") for op in module.walk() if op.name.startswith("graph."))
