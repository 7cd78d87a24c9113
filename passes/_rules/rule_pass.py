"""What passes that are made of rules share: the file of rules beside them, and options.

class SimplifyAlgebra(RulePass):          simplify_algebra.py
    name = "simplify-algebra"             simplify_algebra.rules
"""

import inspect
from abc import ABC
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects.graph.weight import AicContext, WeightStore
from .rewriter import Rewriter, rewriter
from .syntax import RuleError
from .vocabulary import nearest

GROUP = "aic.rules"
"""The entry points under which others offer files of rules: a path, or a package that holds `*.rules`."""


@dataclass(frozen=True)
class RulePass(ModulePass, ABC):
    """`rules` are more files of rules, names of entry points or packages; `only` and `skip` choose rules by name."""

    rules: tuple[str, ...] = ()
    fast: bool = False
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def files(self) -> list[Path]:
        """The files of rules, the pass's own first."""
        own = Path(inspect.getfile(type(self))).with_suffix(".rules")
        return [*([own] if own.exists() else []), *(f for name in self.rules for f in found(name))]

    def rewriter(self) -> Rewriter:
        """All rules that the options choose."""
        chosen = rewriter(self.files(), fast=self.fast)
        return chosen.without(self.skip, self.only) if self.skip or self.only else chosen

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        weights = ctx.weights if isinstance(ctx, AicContext) else WeightStore()
        self.rewriter().rewrite(op, weights)


def found(name: str) -> list[Path]:
    """The files that a path, the name of an entry point or a package with a dot in its name stands for; RuleError if
    there are none."""
    if name.endswith(".rules"):
        return [Path(name)]
    points = {p.name: p for p in entry_points(group=GROUP)}
    if name not in points and "." in name:
        return of_package(name)
    if name not in points:
        near = nearest(name, points)
        raise RuleError(f"no rules are called {name}: expected a .rules file" + (f" or {near}" if near else ""))
    thing = points[name].load()
    place = Path(thing) if isinstance(thing, str | Path) else Path(inspect.getfile(thing)).parent
    return sorted(place.glob("*.rules")) if place.is_dir() else [place]


def of_package(name: str) -> list[Path]:
    """The files of rules in a package's folder; the package itself is not imported."""
    try:
        spec = find_spec(name)
    except ImportError:
        spec = None
    folders = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    if not (files := sorted(f for folder in folders for f in folder.glob("*.rules"))):
        raise RuleError(f"no rules are called {name}: expected a package that holds files of rules")
    return files
