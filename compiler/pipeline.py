"""Runs a pipeline text, `a,b{k=v}`, pass by pass: checks, times, lets observers look, and names the pass that fails."""

import difflib
import re
import time
from collections.abc import Callable, Sequence
from functools import cache, partial

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, PassPipeline
from xdsl.transforms import get_all_passes
from xdsl.utils.exceptions import ArgSpecParseError, DiagnosticException

from ..dialects._analysis import holding, passed
from ..dialects._report import begin
from .context import find_pass, made_passes, pass_files, plugin_passes
from .errors import AicError, UsageError, VerifyError
from .verify_ssa import verify_ssa


class PassCrash(Exception):
    """A fault of ours inside a pass: its name, the IR it was given, and the pipeline from it on, to replay it."""

    def __init__(self, step: str, before: str, remaining: str, error: Exception):
        super().__init__(f"pass {step} failed: {type(error).__name__}: {error}")
        self.step = step
        self.before = before
        self.remaining = remaining


class Observer:
    """Looks on while a pipeline runs. `index` counts the passes of the pipeline from 0."""

    def before(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        """The pass is about to run."""

    def after(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        """The pass has run, and its result has been verified if that was asked."""

    def failed(self, index: int, step: ModulePass, module: ModuleOp, error: Exception) -> None:
        """The pass, or the check of its result, raised; the module may be in any state."""


def available_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Every pass by name: xDSL's, the plugins', those made by `@aic.pass_`, ours. Factories: nothing of ours or of
    xDSL's is imported until it is named."""
    theirs = {name: partial(_given, found) for name, found in (*plugin_passes().items(), *made_passes().items())}
    return {**_borrowed(), **theirs, **{name: partial(find_pass, name) for name in pass_files()}}


@cache
def _borrowed() -> dict[str, Callable[[], type[ModulePass]]]:
    return get_all_passes()


def _given(found: type[ModulePass]) -> type[ModulePass]:
    return found


def pass_named(name: str) -> type[ModulePass]:
    """The pass of that name; UsageError with the nearest name if there is none."""
    known = available_passes()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise UsageError(f"no pass {name!r}" + (f"; did you mean {near[0]}?" if near else ""), code="unknown-pass")
    return known[name]()


def parse_pipeline(text: str) -> tuple[ModulePass, ...]:
    """The passes of `a,b{k=v}` or of MLIR's `builtin.module(func.func(a,b{k=v}))`; UsageError if it is malformed."""
    while nested := re.fullmatch(r"\s*[a-z_]+\.[a-z_]+\((.*)\)\s*", text, re.DOTALL):
        text = nested[1]
    for name in re.sub(r"\{[^}]*\}", "", text).split(",") if text.strip() else []:
        pass_named(name.strip())
    try:
        return PassPipeline.parse_spec(available_passes(), text.strip()).passes
    except (ValueError, DiagnosticException, ArgSpecParseError) as error:
        raise UsageError(f"pipeline {text!r}: {' '.join(str(error).split())}", code="bad-pipeline") from error


def print_pipeline(steps: Sequence[ModulePass]) -> str:
    """The text that `parse_pipeline` reads back."""
    return ",".join(str(step.spec()) for step in steps)


def verify(module: ModuleOp) -> None:
    """Everything that holds between passes: the ops' own rules, then dominance; VerifyException."""
    module.verify()
    verify_ssa(module)


def run_pipeline(
    ctx: Context,
    module: ModuleOp,
    pipeline: str | Sequence[ModulePass],
    *,
    verify_each: bool = False,
    verify_ends: bool = True,
    observers: Sequence[Observer] = (),
    settled: Callable[[ModulePass, ModuleOp], ModulePass] | None = None,
) -> list[tuple[str, float]]:
    """Run the passes on `module`, in place; returns (pass, seconds) in order, checks not counted. `settled` may give a
    pass other options when its turn has come.

    The module is verified before the first and after the last pass, with `verify_each` after every pass: VerifyError.
    What a pass refuses (AicError, DiagnosticException) goes through with a note that names the pass; any other
    exception becomes a PassCrash.
    """
    steps = list(parse_pipeline(pipeline) if isinstance(pipeline, str) else pipeline)
    times: list[tuple[str, float]] = []
    if verify_ends:
        _check(module, "")
    start = module.clone() if steps else module
    for index in range(len(steps)):
        step = steps[index] = settled(steps[index], module) if settled is not None else steps[index]
        for observer in observers:
            observer.before(index, step, module)
        begin(step.name)
        held = holding(module)
        try:
            began = time.perf_counter()
            step.apply(ctx, module)
            times.append((step.name, time.perf_counter() - began))
            passed(module, held, preserved(step))
            if verify_each or (verify_ends and index == len(steps) - 1):
                _check(module, f"after pass {step.name}")
        except Exception as error:
            for observer in observers:
                observer.failed(index, step, module, error)
            blamed = _blamed(ctx, start, steps, index, error)
            if blamed is error:
                raise
            raise blamed from error
        for observer in observers:
            observer.after(index, step, module)
    return times


def preserved(step: ModulePass) -> Sequence[object]:
    """The analyses that a pass says still hold after it: its class's `preserves`."""
    return vars(type(step)).get("preserves", ())


def _blamed(ctx: Context, start: ModuleOp, steps: Sequence[ModulePass], index: int, error: Exception) -> Exception:
    """The exception to raise for what pass `index` raised."""
    step = steps[index]
    if isinstance(error, AicError | DiagnosticException | RecursionError | MemoryError):
        if not (isinstance(error, VerifyError) and f"pass {step.name}" in error.message):
            error.add_note(f"in pass {step.name} ({index + 1} of {len(steps)})")
        return error
    return PassCrash(step.name, _replayed(ctx, start, steps[:index]), print_pipeline(steps[index:]), error)


def _replayed(ctx: Context, start: ModuleOp, steps: Sequence[ModulePass]) -> str:
    """The IR text after these passes on a fresh copy; a line saying why where that fails too."""
    try:
        for step in steps:
            step.apply(ctx, start)
        return str(start)
    except Exception as error:  # a second failure while the first is being told must not hide it
        return f"// not available: the passes before it fail on a second run: {type(error).__name__}: {error}\n"


def _check(module: ModuleOp, when: str) -> None:
    """Whatever a verifier raises, and some of xDSL's raise plain exceptions, is the IR's fault."""
    try:
        verify(module)
    except (RecursionError, MemoryError):
        raise
    except Exception as error:
        raise VerifyError(f"{when}: {error}" if when else str(error)) from error
