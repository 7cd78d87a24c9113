"""Blocks that control never reaches go; those that it reaches stay."""

from aic.compiler.context import context
from aic.passes.graph.dce import Dce
from xdsl.dialects import arith, cf, func
from xdsl.dialects.builtin import ModuleOp, f32
from xdsl.ir import Block, Region


def test_only_what_is_reached_stays():
    first, lost, last = Block(arg_types=[f32]), Block(), Block()
    lost.add_ops([twice := arith.AddfOp(first.args[0], first.args[0]), arith.NegfOp(twice.result), cf.BranchOp(last)])
    first.add_op(cf.BranchOp(last))
    last.add_op(func.ReturnOp(first.args[0]))
    main = func.FuncOp("main", ([f32], [f32]), Region([first, lost, last]))
    Dce().apply(context(), module := ModuleOp([main]))
    module.verify()
    assert list(main.body.blocks) == [first, last]
