"""Passes, patterns and analyses by decorators, for whoever writes his own.

    @aic.pattern                                              @aic.pass_
    def relu_twice(op: ReluOp) -> SSAValue | None:            def drop_relus(module: ModuleOp, *, most: int = 9):
        if isinstance(op.x.owner, ReluOp):                        "A relu of a relu is one."
            return op.x                                           aic.rewrite(module, relu_twice)

`drop-relus{most=2}` is then a pass like any other: of `aic opt --plugin FILE.py`, or, where a package names it as an
entry point of the group `aic.passes`, of every command.
"""

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, get_type_hints, overload

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnknownLoc
from xdsl.ir import Operation, SSAValue
from xdsl.parser import Parser
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriter, PatternRewriteWalker, RewritePattern
from xdsl.utils.hints import isa

from ..dialects._analysis import analysis, changed
from ..dialects._location import fused
from ..dialects._report import Rule, missed, rewriting, rule_of
from .context import context, register_pass
from .errors import UsageError
from .pipeline import run_pipeline

__all__ = ["analysis", "changed", "missed", "pass_", "pattern", "rewrite", "rewriting", "run_passes"]
Rewritten = Operation | SSAValue | Sequence[Operation | SSAValue] | None
Made = Callable[..., object]


@overload
def pass_(made: Made) -> type[ModulePass]: ...
@overload
def pass_(*, name: str = "", preserves: Iterable[object] = ()) -> Callable[[Made], type[ModulePass]]: ...
def pass_(
    made: Callable[..., object] | None = None, *, name: str = "", preserves: Iterable[object] = ()
) -> type[ModulePass] | Callable[[Made], type[ModulePass]]:
    """A function, or a class with `apply(self, ctx, module)`, as a pass that pipelines can name.

    Its name is `name`, or its own in kebab case. Options are the function's keyword-only parameters, or the class's
    annotated fields, with xDSL's option types (int, float, bool, str, Literal, tuples, optionals). A function gets the
    module, and the context if it has a second positional parameter. `preserves` names analyses that hold afterwards.
    """
    if made is None:
        return lambda real: pass_of(real, name, tuple(preserves))
    return pass_of(made, name, tuple(preserves))


def pass_of(made: Callable[..., object], name: str, preserves: tuple[object, ...]) -> type[ModulePass]:
    """The pass class, registered."""
    own = {"name": name or rule_of(made.__name__), "preserves": preserves}
    if inspect.isclass(made):
        bases = (made,) if issubclass(made, ModulePass) else (made, ModulePass)
        body = {**own, "__annotations__": inspect.get_annotations(made), **_described(made)}
        defaults = {field: vars(made)[field] for field in body["__annotations__"] if field in vars(made)}
        found = dataclasses.dataclass(frozen=True)(type(made.__name__, bases, body | defaults))
    else:
        found = _of_function(made, own)
    register_pass(found)
    return found


def _described(made: Callable[..., object]) -> dict[str, Any]:
    return {"__doc__": made.__doc__, "__module__": made.__module__, "__qualname__": made.__qualname__}


def _of_function(run: Callable[..., object], own: dict[str, Any]) -> type[ModulePass]:
    hints, parameters = get_type_hints(run), inspect.signature(run).parameters.values()
    options = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    takes_context = len(parameters) - len(options) > 1
    for option in options:
        if option.name not in hints or option.default is option.empty:
            raise TypeError(f"pass {own['name']}: expected a type and a default for the option {option.name}")

    def apply(self: ModulePass, ctx: Context, op: ModuleOp) -> None:
        chosen = {option.name: getattr(self, option.name) for option in options}
        run(op, *[ctx] * takes_context, **chosen)

    fields = [(p.name, hints[p.name], dataclasses.field(default=p.default)) for p in options]
    body = {**own, "apply": apply, **_described(run)}
    return dataclasses.make_dataclass(run.__name__, fields, bases=(ModulePass,), namespace=body, frozen=True)


class Pattern(Rule):
    """A function of an op that answers what it becomes, as a rewrite pattern; `rule` is its name in reports."""

    def __init__(self, rewrite: Callable[..., Rewritten]):
        parameters = list(inspect.signature(rewrite).parameters)
        hints = get_type_hints(rewrite)
        if not parameters or parameters[0] not in hints:
            raise TypeError(f"pattern {rewrite.__name__}: expected a first parameter whose type is the op to match")
        self.rule = rule_of(rewrite.__name__)
        self.matches = hints[parameters[0]]
        self.rewrite = rewrite
        self.takes_rewriter = len(parameters) > 1
        self.__doc__ = rewrite.__doc__

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isa(op, self.matches):
            return
        found = self.rewrite(op, rewriter) if self.takes_rewriter else self.rewrite(op)
        if found is None:
            return
        parts = [found] if isinstance(found, Operation | SSAValue) else list(found)
        new = [part for part in parts if isinstance(part, Operation)]
        results = [part for part in parts if isinstance(part, SSAValue)] or list(new[-1].results)
        _locate(op, new)
        rewriter.replace(op, new, results)


def _locate(op: Operation, new: Sequence[Operation]) -> None:
    """New ops stand for the one that was matched and for those that only it uses: they have all their locations."""
    feeding = [v.owner.location for v in op.operands if isinstance(v.owner, Operation) and v.has_one_use()]
    for made in new:
        if isinstance(made.location, UnknownLoc):
            made.location = fused((*feeding, op.location))


def pattern(rewrite: Callable[..., Rewritten]) -> Pattern:
    """A function as a pattern. The type of its first parameter is the op to match; it answers None for no match, or the
    value, the op or the ops (the last one's results count) that take the op's place. With a second parameter it gets
    the rewriter and may do as it likes."""
    return Pattern(rewrite)


def rewrite(module: ModuleOp, *patterns: RewritePattern) -> bool:
    """Apply patterns until none matches; what nothing reads any more goes. Answers whether anything changed."""
    return PatternRewriteWalker(GreedyRewritePatternApplier(list(patterns))).rewrite_module(module)


def run_passes(text: str | ModuleOp, passes: str) -> ModuleOp:
    """IR text, or a module (changed in place), after a pipeline `a,b{k=v}`; verified after each pass."""
    ctx = context()
    module = Parser(ctx, text).parse_module() if isinstance(text, str) else text
    run_pipeline(ctx, module, passes, verify_each=True)
    return module


def load_plugin(file: Path) -> None:
    """Run a Python file whose `@aic.pass_` make passes; UsageError if it fails."""
    if not file.is_file():
        raise UsageError(f"--plugin {file}: no such file", code="no-file")
    name = f"aic_plugin_{file.stem}"
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"--plugin {file}: expected a Python file", code="plugin")
    sys.modules[name] = module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # somebody else's code: any failure of it is told as one
        raise UsageError(f"--plugin {file}: {type(error).__name__}: {error}", code="plugin") from error
