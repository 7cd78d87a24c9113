"""Analyses: functions from an op to facts about it, computed once and kept until the IR changes.

    @analysis
    def reads(module: ModuleOp) -> Reads: ...

    reads(module)        computed
    reads(module)        the same object
    rewriter.replace(..) any rewrite by a PatternRewriter, anywhere: what is kept no longer holds
    reads(module)        computed anew

A pass that changes the IR by other means (`op.detach()`, `op.attributes[...] = ...`) and asks again says `changed()` in
between. When a pass has run nothing holds, but the analyses that it names in `preserves`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Generic, TypeVar

from xdsl.ir import Operation

Root = TypeVar("Root", bound=Operation)
Facts = TypeVar("Facts")


@dataclass
class _Clock:
    """Counts the changes of any IR."""

    now: int = 0


_clock = _Clock()
_KEPT = "_aic_analyses"


@dataclass
class _Kept:
    """The facts of one op by analysis, each with the time at which they held. It lives and dies with the op."""

    facts: dict[object, tuple[int, object]] = field(default_factory=dict[object, tuple[int, object]])


class Analysis(Generic[Root, Facts]):
    """A function that reads the IR below an op and rewrites nothing; it answers something frozen."""

    def __init__(self, compute: Callable[[Root], Facts]):
        self.compute = compute
        update_wrapper(self, compute)

    def __call__(self, root: Root) -> Facts:
        kept = _kept(root)
        found = kept.facts.get(self)
        if found is None or found[0] != _clock.now:
            found = (_clock.now, self.compute(root))
            kept.facts[self] = found
        return found[1]  # pyright: ignore[reportReturnType]  what this analysis stored


def analysis(compute: Callable[[Root], Facts]) -> Analysis[Root, Facts]:
    """The function, keeping what it found."""
    return Analysis(compute)


def changed() -> None:
    """Some IR has changed: nothing that was found holds."""
    _clock.now += 1


def holding(root: Operation) -> dict[object, object]:
    """What is known of the op at this moment, by analysis."""
    return {analysis: facts for analysis, (time, facts) in _kept(root).facts.items() if time == _clock.now}


def passed(root: Operation, held: dict[object, object], preserves: Iterable[object]) -> None:
    """A pass has run on the op: of what held before it, only what it preserves still does."""
    changed()
    kept = _kept(root)
    kept.facts = {analysis: (_clock.now, held[analysis]) for analysis in preserves if analysis in held}


def _kept(root: Operation) -> _Kept:
    return vars(root).setdefault(_KEPT, _Kept())
