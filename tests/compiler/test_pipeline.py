"""The pass runner: order, checks, blame, and what observers see."""

from dataclasses import dataclass

import pytest
from aic.compiler.context import context
from aic.compiler.errors import UsageError, VerifyError
from aic.compiler.observe import Counting, Dumping, Printing, always
from aic.compiler.pipeline import Observer, PassCrash, parse_pipeline, print_pipeline, run_pipeline
from aic.compiler.telling import stats_text
from aic.dialects._report import Report, collecting
from xdsl.dialects.arith import AddfOp
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ..tools.schemas import checked

TEXT = """func.func @f(%x: f32) -> f32 {
  %0 = arith.addf %x, %x : f32
  %1 = arith.addf %0, %x : f32
  func.return %x : f32
}"""


def module() -> ModuleOp:
    return Parser(context(), TEXT).parse_module()


@dataclass(frozen=True)
class Swap(ModulePass):
    """Moves the first op behind its user."""

    name = "swap"

    def apply(self, ctx: object, op: ModuleOp) -> None:
        first, second = [o for o in op.walk() if isinstance(o, AddfOp)]
        first.detach()
        second.parent.insert_op_after(first, second)


@dataclass(frozen=True)
class Bug(ModulePass):
    """Fails as a programming error does."""

    name = "bug"

    def apply(self, ctx: object, op: ModuleOp) -> None:
        raise KeyError("oops")


@dataclass(frozen=True)
class Refuse(ModulePass):
    """Refuses what it is given."""

    name = "refuse"

    def apply(self, ctx: object, op: ModuleOp) -> None:
        raise PassFailedException("expected something else")


def test_both_forms_of_a_pipeline():
    flat = parse_pipeline("canonicalize,scf-parallel-loop-tiling{parallel-loop-tile-sizes=2,3},cse")
    nested = parse_pipeline("builtin.module(canonicalize,scf-parallel-loop-tiling{parallel-loop-tile-sizes=2,3},cse)")
    assert flat == nested == parse_pipeline(print_pipeline(flat))
    assert [step.name for step in flat] == ["canonicalize", "scf-parallel-loop-tiling", "cse"]
    assert parse_pipeline("") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("canonicalise", "did you mean canonicalize"),
        ("cse,", "no pass ''"),
        ("cse{nope=1}", "nope"),
        ("cse{", "cse"),
    ],
)
def test_a_malformed_pipeline_is_the_users_mistake(text, message):
    with pytest.raises(UsageError, match=message):
        parse_pipeline(text)


def test_passes_run_in_order_and_are_timed():
    m = module()
    times = run_pipeline(context(), m, "canonicalize,cse")
    assert [name for name, _ in times] == ["canonicalize", "cse"]
    assert "addf" not in str(m)


def test_a_pass_that_breaks_the_ir_is_named():
    with pytest.raises(VerifyError, match=r"after pass swap: arith.addf: operand 0 is used before it is defined"):
        run_pipeline(context(), module(), [Swap()], verify_each=True)


def test_broken_input_is_not_blamed_on_a_pass():
    m = module()
    Swap().apply(None, m)
    with pytest.raises(VerifyError, match=r"^arith.addf: operand 0 is used before"):
        run_pipeline(context(), m, "cse")


def test_a_refusal_goes_through_with_a_note():
    with pytest.raises(PassFailedException, match="expected something else") as caught:
        run_pipeline(context(), module(), [*parse_pipeline("cse"), Refuse()])
    assert caught.value.__notes__ == ["in pass refuse (2 of 2)"]


def test_a_fault_of_ours_brings_what_replays_it():
    with pytest.raises(PassCrash, match="pass bug failed: KeyError") as caught:
        run_pipeline(context(), module(), [*parse_pipeline("canonicalize"), Bug(), *parse_pipeline("cse")])
    assert caught.value.remaining == "bug,cse"
    assert "func.func @f" in caught.value.before and "addf" not in caught.value.before


def test_observers_see_each_pass():
    seen = []

    class Watcher(Observer):
        def before(self, index, step, module):
            seen.append((index, "before", step.name))

        def after(self, index, step, module):
            seen.append((index, "after", step.name))

        def failed(self, index, step, module, error):
            seen.append((index, "failed", step.name))

    with pytest.raises(PassCrash):
        run_pipeline(context(), module(), [*parse_pipeline("cse"), Bug()], observers=[Watcher()])
    assert seen == [(0, "before", "cse"), (0, "after", "cse"), (1, "before", "bug"), (1, "failed", "bug")]


def test_printing_dumping_and_counting(tmp_path, capsys):
    counting = Counting()
    observers = [Printing(wanted_after=always, change=True), Dumping(tmp_path / "ir"), counting]
    with collecting(Report()) as report:
        run_pipeline(context(), module(), "canonicalize,cse", observers=observers)
    told = capsys.readouterr().err
    assert "IR after canonicalize" in told and "cse changed nothing" in told
    files = ["00-input.mlir", "01-canonicalize.mlir", "02-cse.mlir", "index.json"]
    assert sorted(f.name for f in (tmp_path / "ir").iterdir()) == files
    assert len(checked((tmp_path / "ir" / "index.json").read_text())["stages"]) == 3
    assert stats_text(counting, report).splitlines()[1:4] == [
        "         5          3  canonicalize",
        "                    2 x  fold-or-erase",
        "         2          0    arith.addf",
    ]
