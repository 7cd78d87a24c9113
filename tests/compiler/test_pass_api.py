"""Passes, patterns and analyses made by decorators."""

from dataclasses import dataclass
from typing import Literal

import aic
import pytest
from aic.compiler.context import context, made_passes
from aic.compiler.errors import UsageError
from aic.compiler.pass_api import load_plugin
from aic.compiler.pipeline import parse_pipeline, run_pipeline
from aic.dialects._location import origins
from aic.dialects._report import Report, collecting
from aic.dialects.graph.activation import ReluOp
from aic.dialects.graph.elementwise import NegOp
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.parser import Parser
from xdsl.passes import get_pass_option_infos

T = "tensor<4xf32>"
TEXT = f"""func.func @main(%x: {T}) -> {T} {{
  %0 = graph.relu %x : ({T}) -> {T} loc("/r0")
  %1 = graph.relu %0 : ({T}) -> {T} loc("/r1")
  %2 = graph.neg %1 : ({T}) -> {T} loc("/n")
  %3 = graph.neg %2 : ({T}) -> {T} loc("/m")
  func.return %3 : {T}
}}"""


@aic.pattern
def relu_twice(op: ReluOp) -> SSAValue | None:
    if isinstance(op.x.owner, ReluOp):
        return op.x


@aic.pattern
def neg_to_relu(op: NegOp) -> ReluOp | None:
    return ReluOp.make(op.x.owner.x) if isinstance(op.x.owner, NegOp) else None


def parsed() -> ModuleOp:
    return Parser(context(), TEXT).parse_module()


@pytest.fixture(autouse=True)
def forget():
    """Passes made here are gone afterwards."""
    known = dict(made_passes())
    yield
    made_passes().clear()
    made_passes().update(known)


def test_a_pattern_is_a_function_of_what_it_matches():
    module = parsed()
    assert aic.rewrite(module, relu_twice)
    assert str(module).count("graph.relu") == 1
    assert not aic.rewrite(module, relu_twice)


def test_a_pattern_keeps_the_locations_of_what_it_replaces():
    module = parsed()
    aic.rewrite(module, neg_to_relu)
    relus = [op for op in module.walk() if isinstance(op, ReluOp)]
    assert origins(relus[-1].location) == ("/n", "/m")


def test_a_pattern_may_take_the_rewriter_and_several_kinds():
    @aic.pattern
    def gone(op: ReluOp | NegOp, rewriter):
        rewriter.replace(op, [], [op.operands[0]])

    module = parsed()
    aic.rewrite(module, gone)
    assert "graph." not in str(module)


def test_a_pattern_without_a_type_is_refused():
    with pytest.raises(TypeError, match="the op to match"):
        aic.pattern(lambda op: None)


def test_a_function_is_a_pass_with_options():
    seen = []

    @aic.pass_
    def my_relus(
        module: ModuleOp, ctx: object, *, most: int = 9, sizes: tuple[int, ...] = (), mode: Literal["a", "b"] = "a"
    ) -> None:
        """One line about it."""
        seen.append((most, sizes, mode, type(ctx).__name__))

    aic.run_passes(TEXT, "my-relus{most=2 sizes=1,2 mode=b},my-relus")
    assert seen == [(2, (1, 2), "b", "AicContext"), (9, (), "a", "AicContext")]
    assert [o.name for o in get_pass_option_infos(my_relus)] == ["most", "sizes", "mode"]
    assert my_relus.__doc__ == "One line about it." and str(my_relus(most=3).spec()) == "my-relus{most=3}"
    with pytest.raises(UsageError, match="nope"):
        parse_pipeline("my-relus{nope=1}")


def test_a_class_is_a_pass_with_fields():
    @aic.pass_(name="drop-it")
    class Dropping:
        rounds: int = 1

        def apply(self, ctx, module):
            for _ in range(self.rounds):
                aic.rewrite(module, relu_twice)

    module = aic.run_passes(TEXT, "drop-it{rounds=2}")
    assert str(module).count("graph.relu") == 1 and Dropping.name == "drop-it"


def test_what_makes_no_pass_is_refused():
    with pytest.raises(ValueError, match="aic has one of that name"):
        aic.pass_(name="fuse-kernels")(lambda module: None)
    with pytest.raises(TypeError, match="a type and a default for the option n"):

        @aic.pass_
        def bad(module: ModuleOp, *, n) -> None: ...


def test_rewrites_are_counted_under_the_patterns_name():
    @aic.pass_
    def once(module: ModuleOp) -> None:
        aic.rewrite(module, relu_twice, neg_to_relu)

    module = parsed()
    with collecting(Report(limit=1)) as report:
        run_pipeline(context(), module, "once")
    assert report.steps[0].rewrites == {"relu-twice": 1}


@dataclass(frozen=True)
class Count:
    relus: int


def counted() -> tuple[object, list[int]]:
    calls: list[int] = []

    @aic.analysis
    def relus(module: ModuleOp) -> Count:
        calls.append(1)
        return Count(sum(isinstance(op, ReluOp) for op in module.walk()))

    return relus, calls


def test_an_analysis_is_kept_until_something_is_rewritten():
    relus, calls = counted()
    module, other = parsed(), parsed()
    assert relus(module) is relus(module) and relus(other) == Count(2) and len(calls) == 2
    aic.rewrite(module, relu_twice)
    assert relus(module) == Count(1) and len(calls) == 3
    aic.changed()
    relus(module)
    assert len(calls) == 4


def test_a_pass_ends_what_is_known_but_for_what_it_preserves():
    relus, calls = counted()

    @aic.pass_
    def careless(module: ModuleOp) -> None:
        pass

    @aic.pass_(preserves=[relus])
    def careful(module: ModuleOp) -> None:
        aic.rewrite(module, neg_to_relu)

    module = parsed()
    first = relus(module)
    run_pipeline(context(), module, "careful")
    assert relus(module) is first and len(calls) == 1
    run_pipeline(context(), module, "careless")
    assert relus(module) is not first and len(calls) == 2


def test_a_file_of_passes(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("import aic\n@aic.pass_\ndef from_file(module):\n    'A pass.'\n")
    load_plugin(file)
    assert "from-file" in made_passes()
    file.write_text("1 / 0")
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        load_plugin(file)
    with pytest.raises(UsageError, match="no such file"):
        load_plugin(tmp_path / "none.py")
