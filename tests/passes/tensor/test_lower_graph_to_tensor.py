"""What `lower-graph-to-tensor` does round the rules: refusals, constants, control flow by hand, kernels of loops."""

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.dialects._shape import Array, tensor
from aic.dialects.graph._base import Fusion, GraphOp, Types
from aic.dialects.graph.elementwise import AddOp
from aic.dialects.graph.weight import AicContext, ConstantOp, WeightOp
from aic.passes.tensor._lower._build import Body, Build, lowering
from aic.passes.tensor.lower_graph_to_tensor import LowerGraphToTensor
from xdsl.dialects.builtin import ModuleOp, TensorType, f32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def
from xdsl.utils.exceptions import PassFailedException


class Same(GraphOp):
    x = operand_def(TensorType)
    res = result_def(TensorType)
    fusion = Fusion.OPAQUE

    def infer(self) -> Types:
        return (tensor(f32, (2, 3)),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        raise NotImplementedError


@irdl_op_definition
class StrangeOp(Same):
    name = "graph.strange"


@irdl_op_definition
class OddOp(Same):
    name = "graph.odd"


@irdl_op_definition
class BuiltOp(Same):
    name = "graph.built"


def run(*ops: type[Same], x: Array | None = None) -> Array:
    main = Block(arg_types=[tensor(f32, (2, 3))])
    value: SSAValue = main.args[0]
    for op in ops:
        main.add_op(made := op.make(value))
        value = made.res
    main.add_op(ReturnOp(value))
    module = ModuleOp([FuncOp("main", (main.arg_types, [value.type]), Region(main))])
    LowerGraphToTensor().apply(ctx := context(), module)
    module.verify()
    return interpret(ctx, module, [np.arange(6, dtype=np.float32).reshape(2, 3) if x is None else x])[0]


def test_all_missing_rules_are_named_at_once() -> None:
    with pytest.raises(PassFailedException, match=r"graph\.odd \(1 times.*graph\.strange \(2 times"):
        run(StrangeOp, OddOp, StrangeOp)


def test_a_rule_answers_with_the_types_of_the_op() -> None:
    @irdl_op_definition
    class WrongOp(Same):
        name = "graph.wrong"

    lowering(WrongOp)(lambda op, b: b.transpose(op.x, (1, 0)))
    with pytest.raises(PassFailedException, match="expected a tensor<2x3xf32>, found tensor<3x2xf32>"):
        run(WrongOp)


def test_what_a_rule_can_build() -> None:
    def rule(op: BuiltOp, b: Build) -> SSAValue:
        x = b.pad(b.slice(op.x, (1, 2), (2, 3), (-1, -1)), (0, 1), (1, -1), 7)  # [[7, 5, 4], [7, 2, 1], [7, 7, 7]]
        total = b.reduce(x, [0, 1], 0, lambda t, x, so_far: t.add(so_far, x))  # 47
        x = b.concat([b.slice(x, (0, 0), (1, 3)), b.reshape(b.fill(1, (3,), f32), (1, 3))], 0)
        x = b.transpose(b.reshape(b.copy(x), (3, 2)), (1, 0))  # [[7, 4, 1], [5, 1, 1]]
        return b.pointwise([x, b.reshape(total, (1, 1))], (2, 3), f32, lambda t, x, y: t.add(x, y))

    lowering(BuiltOp)(rule)
    np.testing.assert_array_equal(run(BuiltOp), np.array([[54, 51, 48], [52, 48, 48]], np.float32))


def test_kernels_of_loops() -> None:
    @irdl_op_definition
    class ScanOp(Same):
        name = "graph.test_scan"

    def step(t: Body, at: tuple[SSAValue, ...], values: tuple[SSAValue, ...]) -> list[SSAValue]:
        (x,) = values
        big = t.cmp("gt", t.extract(x, at), t.const(3, f32))
        (new,) = t.if_(big, lambda t: [t.const(-1, f32)], lambda t: [t.cast(at[1], f32)])
        return [t.insert(new, x, at)]

    lowering(ScanOp)(lambda op, b: b.kernel([op.x], [op.res.type], lambda t, x: t.loops([2, 3], [x], step)))
    np.testing.assert_array_equal(run(ScanOp), np.array([[0, 1, 2], [0, -1, -1]], np.float32))


def test_constants_become_weights_where_they_are_tensors() -> None:
    main = Block(arg_types=[tensor(f32, (3,))])
    main.add_op(constant := ConstantOp(np.arange(3, dtype=np.float32)))
    main.add_op(unused := ConstantOp(np.arange(3, dtype=np.float32)))
    main.add_op(add := AddOp.make(main.args[0], constant.res))
    main.add_op(AddOp.make(add.res, unused.res))
    main.add_op(ReturnOp(add.res))
    module = ModuleOp([FuncOp("main", (main.arg_types, [add.res.type]), Region(main))])
    ctx: AicContext = context()
    LowerGraphToTensor().apply(ctx, module)
    (weight,) = [op for op in module.walk() if isinstance(op, WeightOp)]
    assert ctx.weights[weight.weight].tolist() == [0, 1, 2]
