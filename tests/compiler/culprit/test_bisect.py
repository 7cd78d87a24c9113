"""The pass and the rewrite that make a module wrong are found, whatever is done right before and after them."""

import sys

import numpy as np
import pytest
from aic.compiler.compare import Tolerance
from aic.compiler.context import context
from aic.compiler.culprit.bisect import Stage, bisect
from aic.compiler.culprit.judge import Command, Numbers
from aic.compiler.errors import UsageError
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import parse_pipeline
from aic.dialects._report import rewriting
from aic.dialects.graph.elementwise import AddOp, SubOp
from xdsl.parser import Parser
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker, RewritePattern, op_type_rewrite_pattern

T = "tensor<4xf32>"
COUNT = 6
TEXT = "\n".join(
    [
        f"func.func @main(%x: {T}, %y: {T}) -> {T} {{",
        f'  %0 = graph.add %x, %y : ({T}, {T}) -> {T} loc("/a0")',
        *(f'  %{i} = graph.add %{i - 1}, %x : ({T}, {T}) -> {T} loc("/a{i}")' for i in range(1, COUNT)),
        f"  func.return %{COUNT - 1} : {T}",
        "}",
    ]
)


class Turn(RewritePattern):
    """x + y becomes y + x, and at one node x - y."""

    def __init__(self, wrong: str):
        self.wrong = wrong

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddOp, rewriter: PatternRewriter) -> None:
        if "turned" not in op.attributes:
            made = (SubOp if self.wrong in str(op.location) else AddOp).make(op.rhs, op.lhs)
            made.attributes["turned"] = op.location
            rewriter.replace(op, made)


class Turning(ModulePass):
    name = "turning"
    wrong = "/a3"

    def apply(self, ctx, op):
        PatternRewriteWalker(Turn(self.wrong)).rewrite_module(op)


class Rightly(Turning):
    name = "rightly"
    wrong = "nowhere"


class Whole(ModulePass):
    """Wrong at one blow, and nothing is counted."""

    name = "whole"

    def apply(self, ctx, op):
        for add in [o for o in op.walk() if isinstance(o, AddOp)]:
            add.operands[1] = add.lhs


class Crash(ModulePass):
    name = "crash"

    def apply(self, ctx, op):
        for add in [o for o in op.walk() if isinstance(o, AddOp)]:
            if rewriting(add, "look") and "/a2" in str(add.location):
                raise KeyError("oops")


class Break(ModulePass):
    """Leaves IR that does not verify."""

    name = "break"

    def apply(self, ctx, op):
        first = next(o for o in op.walk() if isinstance(o, AddOp))
        first.detach()
        last = [o for o in op.walk() if isinstance(o, AddOp)][-1]
        last.parent.insert_op_after(first, last)


def culprit(*steps, judge=None):
    ctx = context()
    module = Parser(ctx, TEXT).parse_module()
    inputs = [np.arange(4, dtype=np.float32), np.ones(4, np.float32)]
    judge = judge or Numbers(inputs, ["y"], {"y": interpret(ctx, module, inputs)[0]}, Tolerance())
    before = str(module)
    found = bisect(ctx, module, [Stage("graph", step) for step in steps], judge)
    assert str(module) == before
    return found


@pytest.mark.parametrize("around", [0, 1, 3])
def test_the_pass_and_the_rewrite_that_make_it_wrong(around):
    fine = [Rightly(), *parse_pipeline("cse")] * around
    found = culprit(*fine, Turning(), *fine)
    if around:  # what Rightly turned, Turning leaves alone
        assert found is None
        return
    assert (found.name, found.index, found.level) == ("turning", 1, "graph")
    assert (found.rewrite.number, found.rewrite.total, found.rewrite.remark.nodes) == (4, 6, ("/a3",))
    assert found.rewrite.remark.rule == "turn"
    changed = [line for line in found.rewrite.diff if line[0] in "+-"]
    assert len(changed) == 2 and "graph.sub" in changed[1] and "graph.add" in changed[0]


@pytest.mark.parametrize("place", range(4))
def test_its_place_in_the_pipeline(place):
    steps = [*parse_pipeline("cse,cancel-inverse,dce")]
    steps.insert(place, Turning())
    found = culprit(*steps)
    assert (found.name, found.index) == ("turning", place + 1)


def test_a_pass_that_is_wrong_as_a_whole():
    found = culprit(*parse_pipeline("cse"), Whole())
    assert (found.name, found.rewrite) == ("whole", None) and "max abs" in found.why


def test_a_pass_that_fails_and_where():
    found = culprit(*parse_pipeline("cse"), Crash(), Turning())
    assert found.name == "crash" and "KeyError" in found.why
    assert found.rewrite.remark.nodes == ("/a2",)


def test_a_wrong_pass_before_one_that_fails_is_the_culprit():
    assert culprit(Turning(), Crash()).name == "turning"


def test_a_pass_that_breaks_the_ir():
    found = culprit(*parse_pipeline("cse"), Break())
    assert found.name == "break" and "used before it is defined" in found.why


def test_all_is_right():
    assert culprit(*parse_pipeline("cse,cancel-inverse")) is None
    assert culprit() is None


def test_wrong_from_the_beginning():
    found = culprit(Turning(), judge=lambda ctx, module: "no good")
    assert (found.name, found.why) == ("import", "no good")


def test_a_command_judges():
    check = f"{sys.executable} -c 'import sys; sys.exit(\"graph.sub\" in open(sys.argv[1]).read())' {{}}"
    found = culprit(*parse_pipeline("cse"), Turning(), judge=Command(check))
    assert found.rewrite.remark.nodes == ("/a3",) and found.why.startswith("exit 1")
    with pytest.raises(UsageError, match="where the file goes"):
        Command("true")
    with pytest.raises(UsageError, match="no-such-command"):
        culprit(judge=Command("no-such-command {}"))
