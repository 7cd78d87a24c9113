"""Where rules are, beside the passes made of them or in a target's folder; and the words that they may name."""

import pkgutil
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from ... import backends, passes
from ...passes._rules import read
from ...passes._rules.functions import functions
from ...passes._rules.rewriter import Compiled
from ...passes._rules.vocabulary import FAMILIES, KINDS, TYPES, members
from ..errors import UsageError


def rule_files() -> tuple[Path, ...]:
    """The files of rules of our passes and of our targets, by name."""
    rooms = [
        f"{r.__name__}.{name}"
        for r in (passes, backends)
        for _, name, is_room in pkgutil.iter_modules(r.__path__)
        if is_room
    ]
    found = [Path(str(f)) for room in rooms for f in files(room).iterdir()]
    return tuple(sorted(f for f in found if f.suffix == ".rules"))


def rules_of(chosen: Sequence[Path]) -> list[tuple[Path, Compiled]]:
    """The rules of these files, of our passes' files if there are none; RuleError, UsageError if one is not there."""
    if missing := [file for file in chosen if not file.is_file()]:
        raise UsageError(f"{missing[0]}: no such file", code="no-file")
    return [(file, rule) for file in chosen or rule_files() for rule in read(file)]


def words() -> Mapping[str, Mapping[str, str]]:
    """What rules may name, by sort, each with what it stands for."""
    families = {name: " ".join(sorted(k.name.removeprefix("graph.") for k in members(name))) for name in FAMILIES}
    kinds = {name: " ".join(t for t, of in TYPES.items() if fits(of)) for name, fits in KINDS.items()}
    kinds["const"] = "what is known at compile time"
    return {"families": families, "kinds": kinds, "functions": functions()}
