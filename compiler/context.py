"""Discovery: a pass, a dialect, a target is there because its file is; third parties add theirs by entry points."""

import inspect
import logging
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module
from importlib.metadata import entry_points
from typing import TypeVar, cast

from xdsl.dialect_interfaces import DialectInterface
from xdsl.dialects import get_all_dialects
from xdsl.ir import Attribute, Dialect, Operation
from xdsl.passes import ModulePass

from .. import backends, dialects, passes
from ..dialects.graph.weight import AicContext

BORROWED = "builtin func arith math linalg tensor memref scf affine vector bufferization test"
T = TypeVar("T")
log = logging.getLogger("aic.context")


@cache
def _files(package: str) -> tuple[str, ...]:
    found = pkgutil.walk_packages(import_module(package).__path__, f"{package}.")
    return tuple(info.name for info in found if not info.ispkg and "._" not in info.name)


def _defined_in(file: str, base: type[T]) -> list[type[T]]:
    found = (c for _, c in inspect.getmembers(import_module(file), inspect.isclass))
    return [c for c in found if issubclass(c, base) and c.__module__ == file and not inspect.isabstract(c)]


@cache
def pass_files() -> Mapping[str, str]:
    """Pass name -> module, without importing a pass: `fuse-kernels` -> `aic.passes.tensor.fuse_kernels`."""
    found: dict[str, str] = {}
    for file in (*_files(passes.__name__), *(f for f in _files(backends.__name__) if ".passes." in f)):
        name = file.rpartition(".")[2].replace("_", "-")
        if name in found:
            raise ValueError(f"pass {name}: both {found[name]} and {file}")
        found[name] = file
    return found


@cache
def find_pass(name: str) -> type[ModulePass]:
    """Import the one pass of that name; ValueError if its file holds another."""
    (found,) = _defined_in(pass_files()[name], ModulePass)
    if found.name != name:
        raise ValueError(f"pass file {name}: expected that name, found {found.name}")
    return found


@cache
def plugin_passes() -> Mapping[str, type[ModulePass]]:
    """The passes of third parties, by the name of their entry point; what is no pass of that name, or has the name of
    one of ours, is warned of and left out."""
    found: dict[str, type[ModulePass]] = {}
    for name, thing in plugins("passes").items():
        if not (inspect.isclass(thing) and issubclass(thing, ModulePass)) or thing.name != name:
            log.warning("plugin %s is left out: expected a pass of that name, found %r", name, thing)
        elif name in pass_files():
            log.warning("plugin %s is left out: aic has a pass of that name", name)
        else:
            found[name] = thing
    return found


_made: dict[str, type[ModulePass]] = {}


def made_passes() -> Mapping[str, type[ModulePass]]:
    """The passes that `@aic.pass_` made in this process, by name."""
    return _made


def register_pass(made: type[ModulePass]) -> None:
    """Let pipelines name the pass; a later one of the same name replaces it. ValueError if the name is one of ours."""
    if made.name in pass_files():
        raise ValueError(f"pass {made.name}: aic has one of that name, {pass_files()[made.name]}")
    _made[made.name] = made


def targets() -> tuple[str, ...]:
    """The names of the targets, sorted."""
    return tuple(sorted(i.name for i in pkgutil.iter_modules(backends.__path__) if i.ispkg))


def target_summary(name: str) -> str:
    """The first line of a target's documentation."""
    return (import_module(f"{backends.__name__}.{name}").__doc__ or "").partition("\n")[0]


@cache
def plugins(group: str) -> Mapping[str, object]:
    """What third parties offer under `aic.<group>`; one that fails to load is warned of and left out."""
    found: dict[str, object] = {}
    for point in entry_points(group=f"aic.{group}"):
        try:
            found[point.name] = point.load()
        except Exception as error:  # somebody else's code: any failure of theirs must not be ours
            log.warning("plugin %s (%s) is left out: %s", point.name, point.value, error)
    return found


def _dialect(name: str, files: list[str]) -> Dialect:
    ops = [c for f in files for c in _defined_in(f, Operation) if "name" in vars(c)]
    attrs = [c for f in files for c in _defined_in(f, Attribute) if "name" in vars(c)]
    return Dialect(name, ops, attrs, [c() for f in files for c in _defined_in(f, DialectInterface)])


def context() -> AicContext:
    """A fresh context; a dialect is imported when its first word is read."""
    ctx, theirs = AicContext(), get_all_dialects()
    for name in BORROWED.split():
        ctx.register_dialect(name, theirs[name])
    ours: dict[str, list[str]] = {}
    for file in _files(dialects.__name__):
        ours.setdefault(file.removeprefix(f"{dialects.__name__}.").partition(".")[0], []).append(file)
    for name, files in ours.items():
        ctx.register_dialect(name, partial(_dialect, name, files))
    for name, factory in plugins("dialects").items():
        ctx.register_dialect(name, cast(Callable[[], Dialect], factory))
    return ctx
