"""One graph op on two levels: what it evaluates to, and what its lowering computes."""

from collections.abc import Callable, Collection

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.dialects._shape import Array, tensor
from aic.dialects.graph._base import GraphOp, Plain
from aic.dialects.graph.weight import WeightOp
from aic.passes.tensor.lower_graph_to_tensor import LowerGraphToTensor
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue

Levels = Callable[..., tuple[tuple[Array, ...], list[Array]]]


@pytest.fixture
def levels() -> Levels:
    """`levels(Op, array, None, [array, array], known=(1,), prop=...)`: the op's results on the graph level and on the
    tensor level; the arrays numbered in `known` are weights, the others arguments."""

    def run(
        op: type[GraphOp], *arrays: Array | list[Array] | None, known: Collection[int] = (), **properties: Plain
    ) -> tuple[tuple[Array, ...], list[Array]]:
        ctx = context()
        flat = [
            np.asarray(a) for group in arrays for a in (group if isinstance(group, list) else [group]) if a is not None
        ]
        given = [a for i, a in enumerate(flat) if i not in known]
        block = Block(arg_types=[tensor(a.dtype, a.shape) for a in given])
        arguments, values = iter(block.args), list[SSAValue]()
        for i, array in enumerate(flat):
            if i in known:
                weight = WeightOp(ctx.weights.fresh("w", array), tensor(array.dtype, array.shape))
                block.add_op(weight)
                values.append(weight.res)
            else:
                values.append(next(arguments))
        rest = iter(values)
        operands = [
            None if group is None else [next(rest) for _ in group] if isinstance(group, list) else next(rest)
            for group in arrays
        ]
        built = op.make(*operands, **properties)
        block.add_ops([built, ReturnOp(*built.results)])
        module = ModuleOp([FuncOp("main", (list(block.arg_types), list(built.result_types)), Region(block))])
        module.verify()
        with np.errstate(all="raise"):
            meant = built.evaluate(*flat)
        for result, array in zip(built.results, meant, strict=True):
            assert tensor(array.dtype, array.shape) == result.type
        LowerGraphToTensor().apply(ctx, module)
        module.verify()
        return meant, interpret(ctx, module, given)

    return run
