"""What passes tell of their rewrites: how often each rule fired, what it saved, what it could not do and why.

    if not rewriting(op, "fold-scale", saved=4096):      counted and remarked; False once the rewrite limit is reached
        return
    missed(op, "fold-scale", "the weight has other users")
    if may_rewrite() and (new := fold(op)) is not None:  where what is done and whether it can be are one
        rewriting(op, "fold-scale")

All do nothing, and answer True, unless somebody collects. What a lowering does is `required`, for what runs behind it
needs it: only a limit that names the pass stops it. A `RewritePattern` that an xDSL walker applies is
counted, and stopped at the limit, without a word of its own: its rule is the name of its class, or what a `Rule`
says. One that calls `rewriting` itself is not counted again.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from xdsl.dialects.builtin import LocationAttr
from xdsl.ir import Operation
from xdsl.pattern_rewriter import GreedyRewritePatternApplier, PatternRewriter, RewritePattern
from xdsl.traits import SymbolOpInterface

from ._location import origins


class Rule(RewritePattern):
    """A pattern with the name that its rewrites are counted under."""

    rule: str


@dataclass(frozen=True)
class Remark:
    """One rewrite that was done, or was not: the pass, its rule, the op's kind and the ONNX nodes it comes from, what
    was done or why not, the bytes that are no longer moved or kept, and the kernels that are no longer launched."""

    step: str
    rule: str
    op: str
    nodes: tuple[str, ...]
    applied: bool
    text: str = ""
    saved: int = 0
    launches: int = 0


@dataclass
class StepReport:
    """The counts of one run of one pass, by rule."""

    name: str
    rewrites: Counter[str] = field(default_factory=Counter[str])
    saved: Counter[str] = field(default_factory=Counter[str])
    launches: Counter[str] = field(default_factory=Counter[str])
    applied: list[Remark] = field(default_factory=list[Remark])
    missed: dict[tuple[str, str, tuple[str, ...]], Remark] = field(
        default_factory=dict[tuple[str, str, tuple[str, ...]], Remark]
    )


@dataclass
class Report:
    """What is collected. `limit` rewrites are allowed, of the pass `limited` or, if that is "", of all together."""

    limit: int | None = None
    limited: str = ""
    steps: list[StepReport] = field(default_factory=list[StepReport])
    total: int = 0
    _used: int = 0

    @property
    def step(self) -> StepReport:
        """The pass that runs."""
        return self.steps[-1] if self.steps else self.begin("")

    def begin(self, name: str) -> StepReport:
        """Another pass runs from now on."""
        self.steps.append(StepReport(name))
        return self.steps[-1]

    def is_open(self, required: bool = False) -> bool:
        """Whether another rewrite of this pass is allowed."""
        if self.limit is None or not self._counts() or (required and not self.limited):
            return True
        return self._used < self.limit

    def _counts(self) -> bool:
        return self.limited in ("", self.step.name)

    def applied(
        self,
        rule: str,
        op: str,
        location: LocationAttr,
        text: str = "",
        saved: int = 0,
        launches: int = 0,
        *,
        required: bool = False,
    ) -> None:
        """Count one rewrite; a required one is none of those that are limited all together."""
        step = self.step
        self.total += 1
        self._used += self._counts() and not (required and not self.limited)
        step.rewrites[rule] += 1
        if saved:
            step.saved[rule] += saved
        if launches:
            step.launches[rule] += launches
        nodes = origins(location)
        step.applied.append(Remark(step.name, rule, op, nodes, True, text, saved, launches))
        step.missed.pop((rule, op, nodes), None)

    def missed(self, rule: str, op: str, location: LocationAttr, reason: str) -> None:
        """Note once what was not rewritten; a rewrite of the same op by the same rule later on takes it back."""
        step, nodes = self.step, origins(location)
        step.missed[rule, op, nodes] = Remark(step.name, rule, op, nodes, False, reason)

    def remarks(self, wanted: Callable[[str], bool] = lambda _: True) -> list[Remark]:
        """The remarks of the passes that are wanted by name: for each in order what was done, then what was not."""
        return [r for s in self.steps if wanted(s.name) for r in (*s.applied, *s.missed.values())]


_current: ContextVar[Report | None] = ContextVar("report", default=None)


@contextmanager
def collecting(report: Report) -> Iterator[Report]:
    """Passes that run inside tell this report."""
    token = _current.set(report)
    try:
        yield report
    finally:
        _current.reset(token)


def begin(step: str) -> None:
    """The pass of that name runs from now on."""
    if (report := _current.get()) is not None:
        report.begin(step)


def may_rewrite(*, required: bool = False) -> bool:
    """Whether another rewrite is allowed."""
    return (report := _current.get()) is None or report.is_open(required)


def rewriting(
    op: Operation,
    rule: str,
    text: str = "",
    *,
    saved: int = 0,
    launches: int = 0,
    location: LocationAttr | None = None,
    required: bool = False,
) -> bool:
    """Whether the op may be rewritten; ask when all else is settled, for a yes is counted. `saved` in bytes, `launches`
    in kernels fewer, `location` if more than the op's own nodes take part."""
    if (report := _current.get()) is None:
        return True
    if not report.is_open(required):
        return False
    report.applied(rule, _named(op), location or op.location, text, saved, launches, required=required)
    return True


def missed(op: Operation, rule: str, reason: str, location: LocationAttr | None = None) -> None:
    """Note why an op was not rewritten though it nearly fits; ops of the same kind, name and origin are noted once."""
    if (report := _current.get()) is not None:
        report.missed(rule, _named(op), location or op.location, reason)


def _named(op: Operation) -> str:
    """The op's kind, and its symbol if it has one: several kernels may come from one ONNX node."""
    symbol = op.get_trait(SymbolOpInterface)
    name = symbol.get_sym_attr_name(op) if symbol is not None else None
    return f"{op.name} @{name.data}" if name is not None else op.name


def watched(pattern: RewritePattern) -> RewritePattern:
    """The pattern, counted by whoever collects."""
    if (report := _current.get()) is None or isinstance(pattern, Watched):
        return pattern
    if isinstance(pattern, GreedyRewritePatternApplier):
        inner = [watched(p) for p in pattern.rewrite_patterns]
        return Watched(replace(pattern, rewrite_patterns=inner), "fold-or-erase", report)
    name = pattern.rule if isinstance(pattern, Rule) else rule_of(type(pattern).__name__)
    return Watched(pattern, name, report)


def rule_of(name: str) -> str:
    """The name of a class as that of a rule: `_FoldScale` is `fold-scale`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name.strip("_")).replace("_", "-").lower()


@dataclass
class Watched(RewritePattern):
    """A pattern whose rewrites are counted, and which does nothing beyond the limit."""

    pattern: RewritePattern
    rule: str
    report: Report

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not self.report.is_open():
            return
        before, name, location = self.report.total, op.name, op.location
        self.pattern.match_and_rewrite(op, rewriter)
        if rewriter.has_done_action and self.report.total == before:
            self.report.applied(self.rule, name, location)
