"""Many rules as one rewriter: ops are looked up by their kind, so that one that no rule names costs a look.

rewriter((file, ...), fast=False).rewrite(module, weights)
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import prod
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter
from xdsl.traits import is_side_effect_free

from ...dialects._report import missed, rewriting
from ...dialects._shape import dtype, shape
from ...dialects.graph._base import GraphOp
from ...dialects.graph.weight import WeightStore
from .expression import Compute, Expressions
from .functions import Facts
from .pattern import Match, Matcher, Patterns
from .result import Build, Results, built
from .syntax import Rule, RuleError, Source, parse
from .vocabulary import Kind, nearest

NOTHING = Match({})
EACH = 64
"""Rewrites for each op of a module, at most; more are taken for rules that go round in a circle."""


@dataclass(frozen=True)
class Compiled:
    """A rule as functions, and the ops that it begins at."""

    rule: Rule
    kinds: tuple[Kind, ...]
    match: Matcher
    condition: Compute | None
    build: Build

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.rule.name)

    def matches(self, op: GraphOp, facts: Facts) -> Iterator[Match]:
        """The ways in which it fits an op, conditions kept."""
        for found in self.match(op.results[0], NOTHING):
            if self.condition is None or self.condition(found.names, facts):
                yield found


def compiled(rule: Rule) -> Compiled:
    """A rule as functions; RuleError where its names and numbers do not fit."""
    patterns = Patterns(rule.source, {}, rule.ordered)
    match = patterns.op(rule.pattern)
    kinds = patterns.kinds_of(rule.pattern)
    expressions = Expressions(rule.source, patterns.sorts)
    condition = None if rule.condition is None else expressions.compute(rule.condition)
    return Compiled(rule, kinds, match, condition, Results(rule, patterns.sorts).whole())


@dataclass(frozen=True)
class Rewriter:
    """Rules by the op that they begin at, those of more benefit first, then in the order of the files."""

    rules: tuple[Compiled, ...]
    index: Mapping[Kind, tuple[Compiled, ...]] = field(repr=False)

    @classmethod
    def of(cls, rules: Sequence[Compiled]) -> "Rewriter":
        """All of these."""
        ordered = sorted(rules, key=lambda r: -r.rule.benefit)
        index: dict[Kind, tuple[Compiled, ...]] = {}
        for rule in ordered:
            for kind in rule.kinds:
                index[kind] = (*index.get(kind, ()), rule)
        return cls(tuple(ordered), index)

    def without(self, skip: Sequence[str], only: Sequence[str]) -> "Rewriter":
        """Less the rules to skip, or of these only; RuleError for a name that no rule has."""
        names = [r.name for r in self.rules]
        for name in (*skip, *only):
            if name not in names:
                near = nearest(name, names)
                raise RuleError(f"no rule is called {name}" + (f"; did you mean {near}?" if near else ""))
        kept = [r for r in self.rules if r.name not in skip and (not only or r.name in only)]
        return Rewriter.of(kept)

    def rewrite(self, module: ModuleOp, weights: WeightStore) -> Counter[str]:
        """Apply the rules until none fits; how often each did. RuleError if there is no end to it."""
        return _Run(self, Facts(weights)).run(module) if self.index else Counter()


@dataclass
class _Run:
    rewriter: Rewriter
    facts: Facts
    fired: Counter[str] = field(default_factory=Counter[str])
    most: int = 0

    def run(self, module: ModuleOp) -> Counter[str]:
        index = self.rewriter.index
        while True:
            before = self.fired.total()
            ops = list(module.walk())
            self.most = self.most or EACH * (len(ops) + EACH)
            todo = deque(op for op in ops if type(op) in index)
            while todo:
                op = todo.popleft()
                if op.parent is not None and (fresh := self.try_rules(op)):
                    todo.extendleft(reversed([o for o in fresh if type(o) in index]))
            if self.fired.total() == before:
                return self.fired

    def try_rules(self, op: Operation) -> list[Operation]:
        """Apply the first rule that fits an op; the ops to look at next."""
        assert isinstance(op, GraphOp)
        for rule in self.rewriter.index[type(op)]:
            for match in rule.matches(op, self.facts):
                made = built(rule.build, op, match, self.facts)
                if isinstance(made, str):
                    missed(op, rule.name, made)
                    continue
                new, value = made
                if rewriting(op, rule.name, saved=_bytes(op.results) - _bytes(v for o in new for v in o.results)):
                    self.count(rule)
                    return _replace(op, new, value)
                _discard(new)
                return []
        return []

    def count(self, rule: Compiled) -> None:
        self.fired[rule.name] += 1
        if self.fired.total() > self.most:
            told = ", ".join(f"{name} ({count} times)" for name, count in self.fired.most_common(4))
            raise RuleError(f"rules go on without end: {told}")


def _bytes(values: Sequence[SSAValue] | Iterator[SSAValue]) -> int:
    return sum(prod(shape(v)) * dtype(v.type).itemsize for v in values)


def _discard(ops: Sequence[Operation]) -> None:
    for op in reversed(ops):
        op.drop_all_references()


def _replace(op: GraphOp, new: list[Operation], value: SSAValue) -> list[Operation]:
    """Put the new ops in place; they and all that reads their value."""
    sources = [v.owner for v in op.operands if isinstance(v.owner, Operation)]
    PatternRewriter(op).replace(op, new, [value])
    fresh = [*new, *(use.operation for use in value.uses)]
    for source in dict.fromkeys((*reversed(new), *sources)):
        fresh += _erase_dead(source)
    return fresh


def _erase_dead(op: Operation) -> list[Operation]:
    """Erase an op that nothing reads, and what only it read; the ops that may fit better now that a value has fewer
    readers."""
    if op.parent is None or any(r.uses for r in op.results) or not is_side_effect_free(op):
        return []
    sources = [v.owner for v in op.operands if isinstance(v.owner, Operation)]
    PatternRewriter(op).erase(op)
    fresh: list[Operation] = []
    for source in dict.fromkeys(sources):
        fresh += _erase_dead(source) or [use.operation for r in source.results for use in r.uses]
    return fresh


def rewriter(files: Sequence[Path], *, fast: bool = False) -> Rewriter:
    """The rules of files as one rewriter, compiled once in a process; with `fast` also those that change rounding."""
    return _of(tuple((file, _stamp(file)) for file in files), fast)


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError as error:
        raise RuleError(f"{file}: {error.strerror}") from None


@cache
def _of(files: tuple[tuple[Path, int], ...], fast: bool) -> Rewriter:
    rules = [rule for file, _ in files for rule in read(file)]
    return Rewriter.of([r for r in rules if fast or r.rule.fast is None])


def read(file: Path) -> list[Compiled]:
    """The rules of a file, compiled."""
    try:
        text = file.read_text(encoding="utf8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{file}: {error}") from None
    return [compiled(rule) for rule in parse(Source(file.name, text))]
