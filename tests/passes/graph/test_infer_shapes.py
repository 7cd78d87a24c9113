"""Types that were left behind are found again; what does not fit is an error with the node's name."""

import pytest
from aic.compiler.context import context
from aic.dialects._shape import shape, tensor
from aic.dialects.graph.activation import ReluOp
from aic.dialects.graph.elementwise import AddOp
from aic.passes.graph.infer_shapes import InferShapes
from xdsl.dialects.builtin import ModuleOp, NameLoc, StringAttr, UnknownLoc, f32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import PassFailedException


def program() -> tuple[ModuleOp, Block]:
    block = Block(arg_types=[tensor(f32, (4, 8)), tensor(f32, (1, 8))])
    relu = ReluOp.make(block.args[0])
    total = AddOp.make(relu.results[0], block.args[1])
    total.location = NameLoc(StringAttr("/total"), UnknownLoc())
    block.add_ops([relu, total, ReturnOp(total.results[0])])
    main = FuncOp("main", (block.arg_types, [total.results[0].type]), Region(block))
    return ModuleOp([main]), block


def test_a_new_argument_type_runs_through_to_the_result():
    module, block = program()
    Rewriter.replace_value_with_new_type(block.args[0], tensor(f32, (5, 8)))
    InferShapes().apply(context(), module)
    module.verify()
    (main,) = [op for op in module.ops if isinstance(op, FuncOp)]
    assert [shape(t) for t in (*main.function_type.inputs, *main.function_type.outputs)] == [(5, 8), (1, 8), (5, 8)]


def test_right_types_stay():
    module, _ = program()
    before = str(module)
    InferShapes().apply(context(), module)
    assert str(module) == before


def test_what_does_not_fit_is_told_with_its_node():
    module, block = program()
    Rewriter.replace_value_with_new_type(block.args[0], tensor(f32, (4, 7)))
    with pytest.raises(PassFailedException, match=r"infer-shapes: /total: .*broadcast"):
        InferShapes().apply(context(), module)
