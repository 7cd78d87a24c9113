"""Every value is defined before it is used: in a block, across blocks, into regions, but not out of isolated ones."""

import pytest
from aic.compiler.context import context
from aic.compiler.verify_ssa import verify_ssa
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException


def check(body: str) -> None:
    ctx = context()
    verify_ssa(Parser(ctx, f"func.func @f(%x: f32, %c: i1) -> f32 {{ {body} }}").parse_module())


GOOD = {
    "in order": "%0 = arith.addf %x, %x : f32 func.return %0 : f32",
    "into a region": """%0 = arith.addf %x, %x : f32
      %1 = scf.if %c -> (f32) { scf.yield %0 : f32 } else { scf.yield %x : f32 } func.return %1 : f32""",
}
BAD = {
    "later in the block": "%1 = arith.addf %0, %x : f32 %0 = arith.addf %x, %x : f32 func.return %1 : f32",
    "in its own operand": "%0 = arith.addf %0, %x : f32 func.return %0 : f32",
    "after the region that reads it": """%1 = scf.if %c -> (f32) { scf.yield %0 : f32 } else { scf.yield %x : f32 }
      %0 = arith.addf %x, %x : f32 func.return %1 : f32""",
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_accepts(body):
    check(body)


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_refuses(body):
    with pytest.raises(VerifyException, match=r"operand 0 is used before it is defined"):
        check(body)


def test_blocks():
    text = """"test.op"() ({{
      ^bb0: %a = "test.op"() : () -> i32 "test.termop"() [^bb1, ^bb2] : () -> ()
      ^bb1: %b = "test.op"({}) : (i32) -> i32 "test.termop"() [^bb2] : () -> ()
      ^bb2: "test.op"({}) : (i32) -> () "test.termop"() : () -> ()
    }}) : () -> ()"""
    verify_ssa(Parser(context(), text.format("%a", "%a")).parse_module())
    with pytest.raises(VerifyException):
        verify_ssa(Parser(context(), text.format("%a", "%b")).parse_module())


def test_isolated_regions_see_nothing_from_outside():
    text = """func.func @f(%x: f32) { builtin.module { "test.op"(%x) : (f32) -> () } func.return }"""
    with pytest.raises(Exception, match=r"used before it is defined|out its region|not dominate|isolated"):
        verify_ssa(Parser(context(), text).parse_module())
