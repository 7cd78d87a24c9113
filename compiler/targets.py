"""Targets by name: a folder of `backends/`, or a plugin's. `c,vector_bytes=32,l2=512K` is a target with settings."""

import difflib
import inspect
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module

from .. import backends
from ..backends.target import SIZE as SIZE
from ..backends.target import Target
from .context import plugins, targets
from .errors import UsageError

log = logging.getLogger("aic.targets")


@dataclass(frozen=True)
class TargetChoice:
    """A target's name with the settings of its machine."""

    name: str = "c"
    settings: dict[str, str] = field(default_factory=dict[str, str])


def parse_target(text: str) -> TargetChoice:
    """`name[,key=value]...`; UsageError if it is malformed."""
    name, *rest = text.split(",")
    settings: dict[str, str] = {}
    for entry in rest:
        key, equals, value = entry.partition("=")
        if not equals or not key:
            raise UsageError(f"-t {text}: expected name,key=value,..., found {entry!r}", code="bad-target")
        settings[key] = _number(value)
    return TargetChoice(name, settings)


def with_threads(name: str, settings: Mapping[str, str], threads: int | None) -> dict[str, str]:
    """The settings with so many threads unless they say how many; a target of one thread is told of, and left alone."""
    if threads is None or "threads" in settings:
        return dict(settings)
    if target_named(name).threaded:
        return {**settings, "threads": str(threads)}
    if threads > 1:
        log.warning("%d threads were asked for; target %s runs on one", threads, name)
    return dict(settings)


def _number(text: str) -> str:
    """Plain digits for `512K` and `1MiB`; anything else as it is."""
    for suffix, factor in (("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)):
        for ending in (suffix, f"{suffix}iB"):
            if text.endswith(ending) and text.removesuffix(ending).isdigit():
                return str(int(text.removesuffix(ending)) * factor)
    return text


def target_named(name: str) -> Target[object]:
    """The target of that name; UsageError names the nearest one if there is none."""
    if name in targets():
        module = import_module(f"{backends.__name__}.{name}.target")
        (found,) = [
            c
            for _, c in inspect.getmembers(module, inspect.isclass)
            if issubclass(c, Target) and c.__module__ == module.__name__
        ]
        return found()
    offered = plugins("targets")
    if isinstance(plugin := offered.get(name), type) and issubclass(plugin, Target):
        return plugin()
    known = sorted({*targets(), *offered})
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(known)}"
    raise UsageError(f"no target {name!r}; {hint}", code="unknown-target")
