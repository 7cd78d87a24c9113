"""Runs a pipeline text, `a,b{k=v}`, pass by pass: checks, times, lets observers look, and names the pass that fails."""

import difflib
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, PassPipeline
from xdsl.transforms import get_all_passes
from xdsl.utils.exceptions import DiagnosticException

from .context import find_pass, pass_files, plugins
from .errors import AicError, UsageError, VerifyError
from .verify_ssa import verify_ssa


class Observer:
    """Looks on while a pipeline runs. `index` counts the passes of the pipeline from 0."""

    def before(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        """The pass is about to run."""

    def after(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        """The pass has run, and its result has been verified if that was asked."""

    def failed(self, index: int, step: ModulePass, module: ModuleOp, error: Exception) -> None:
        """The pass, or the check of its result, raised; the module may be in any state."""


def available_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Every pass by name: xDSL's, the plugins', ours. Factories: nothing is imported until it is named."""
    theirs = {
        name: partial(cast(Callable[[object], type[ModulePass]], lambda found: found), found)
        for name, found in plugins("passes").items()
    }
    return {**get_all_passes(), **theirs, **{name: partial(find_pass, name) for name in pass_files()}}


def parse_pipeline(text: str) -> tuple[ModulePass, ...]:
    """The passes of `a,b{k=v}` or of MLIR's `builtin.module(func.func(a,b{k=v}))`; UsageError if it is malformed."""
    while nested := re.fullmatch(r"\s*[a-z_]+\.[a-z_]+\((.*)\)\s*", text, re.DOTALL):
        text = nested[1]
    known = available_passes()
    named = re.sub(r"\{[^}]*\}", "", text).split(",") if text.strip() else []
    for name in map(str.strip, named):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise UsageError(f"no pass {name!r}" + (f"; did you mean {near[0]}?" if near else ""), code="unknown-pass")
    try:
        return PassPipeline.parse_spec(known, text.strip()).passes
    except (ValueError, DiagnosticException) as error:
        raise UsageError(f"pipeline {text!r}: {error}", code="bad-pipeline") from error


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
    observers: Sequence[Observer] = (),
) -> list[tuple[str, float]]:
    """Run the passes on `module`, in place; returns (pass, seconds) in order, checks not counted.

    The module is verified before the first and after the last pass, with `verify_each` after every pass.
    VerifyError if a check fails; an exception of a pass goes through with a note that names the pass.
    """
    steps = parse_pipeline(pipeline) if isinstance(pipeline, str) else tuple(pipeline)
    times: list[tuple[str, float]] = []
    _check(module, "before the first pass")
    for index, step in enumerate(steps):
        for observer in observers:
            observer.before(index, step, module)
        try:
            start = time.perf_counter()
            step.apply(ctx, module)
            times.append((step.name, time.perf_counter() - start))
            if verify_each or index == len(steps) - 1:
                _check(module, f"after pass {step.name}")
        except Exception as error:
            if not isinstance(error, AicError) or error.code != "verify":
                error.add_note(f"in pass {step.name} ({index + 1} of {len(steps)})")
            for observer in observers:
                observer.failed(index, step, module, error)
            raise
        for observer in observers:
            observer.after(index, step, module)
    return times


def _check(module: ModuleOp, when: str) -> None:
    try:
        verify(module)
    except DiagnosticException as error:
        raise VerifyError(f"{when}: {error}") from error
