"""`aic list KIND [NAME]`: what is registered, because its file is there; with a name, all about that one."""

import argparse
import inspect
import json
from collections.abc import Callable
from importlib.metadata import entry_points

from ..compiler.errors import UsageError

HELP = "tell which targets, passes, pipelines, dialects, ops, tuners and plugins there are"
PLUGINS = ("dialects", "passes", "targets", "frontends", "tuners", "cli")
Entries = dict[str, str]


def _summary(thing: object) -> str:
    lines = (inspect.getdoc(thing) or "").strip().splitlines()
    return lines[0] if lines else ""


def _targets(_: argparse.Namespace) -> Entries:
    from ..compiler.context import target_summary, targets

    return {name: target_summary(name) for name in targets()}


def _passes(args: argparse.Namespace) -> Entries:
    from ..compiler.context import pass_files, plugin_passes
    from ..compiler.pipeline import available_passes

    chosen = available_passes() if args.all else {*pass_files(), *plugin_passes()}
    return {name: _about(name).partition("\n")[0] for name in sorted(chosen)}


def _about(name: str) -> str:
    """The documentation of a pass: of ours its file's, which has the picture; of others its own before its file's."""
    from ..compiler.context import pass_files
    from ..compiler.pipeline import pass_named

    found = pass_named(name)
    module = inspect.getmodule(found)
    texts = [(module.__doc__ if module else None) or "", found.__doc__ or ""]
    return inspect.cleandoc(next(filter(None, texts if name in pass_files() else reversed(texts)), ""))


def _dialects(_: argparse.Namespace) -> Entries:
    from ..compiler.context import context

    ctx, found = context(), Entries()
    for name in sorted(ctx.registered_dialect_names):
        ctx.load_registered_dialect(name)
        dialect = ctx.get_dialect(name)
        found[name] = f"{len(list(dialect.operations))} ops, {len(list(dialect.attributes))} attributes"
    return found


def _ops(args: argparse.Namespace) -> Entries:
    """The ONNX ops that have an importer; with --dialect, the ops of a dialect, those of the graph with their class in
    fusion; with --target, those of the graph with the unit that does them."""
    if args.target is not None:
        return _units(args.target)
    if args.dialect is not None:
        from ..compiler.context import context

        ctx = context()
        if args.dialect not in set(ctx.registered_dialect_names):
            raise UsageError(f"no dialect {args.dialect!r}; `aic list dialects` tells which there are")
        ctx.load_registered_dialect(args.dialect)
        found = sorted(ctx.get_dialect(args.dialect).operations, key=lambda o: o.name)
        return {op.name: _class(op) + _summary(op) for op in found}
    from ..compiler.frontends.onnx.registry import importers

    return {f"{domain}::{name}" if domain else name: _summary(f) for (domain, name), f in sorted(importers().items())}


def _class(op: type[object]) -> str:
    """How an op of the graph may join a kernel, as `elementwise: `; "" of other ops."""
    from ..dialects.graph._base import Fusion

    kind = getattr(op, "__fusion__", None)
    return f"{kind.name.lower()}: " if isinstance(kind, Fusion) else ""


def _units(target: str) -> Entries:
    from ..compiler.context import context
    from ..compiler.targets import parse_target, target_named
    from ..dialects.graph._base import GraphOp

    ctx, machine = context(), target_named(parse_target(target).name)
    ctx.load_registered_dialect("graph")
    ops = [op for op in ctx.get_dialect("graph").operations if issubclass(op, GraphOp)]
    return {op.name: machine.unit(op) or _summary(op) for op in sorted(ops, key=lambda o: o.name)}


def _pipelines(args: argparse.Namespace) -> Entries:
    """The passes of each level in three stages (pre, main, post), by target and optimisation level."""
    from ..compiler.context import targets
    from ..compiler.targets import parse_target, target_named

    chosen = [parse_target(args.target)] if args.target else [parse_target(name) for name in targets()]
    found = Entries()
    for choice in chosen:
        target = target_named(choice.name)
        for effort, flag in enumerate("0123s"):
            for level, stages in target.stages(target.machine(choice.settings), effort).items():
                found |= {f"{choice.name} -O{flag} {level} {stage}": text for stage, text in stages.items() if text}
    return found


def _tuners(_: argparse.Namespace) -> Entries:
    from ..compiler.tune.tuners import TUNERS

    return {name: _summary(found) for name, found in TUNERS.items()}


def _plugins(_: argparse.Namespace) -> Entries:
    return {f"{group}: {p.name}": p.value for group in PLUGINS for p in entry_points(group=f"aic.{group}")}


KINDS: dict[str, Callable[[argparse.Namespace], Entries]] = {
    "targets": _targets,
    "passes": _passes,
    "dialects": _dialects,
    "ops": _ops,
    "pipelines": _pipelines,
    "tuners": _tuners,
    "plugins": _plugins,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The kind, and the one of it that is of interest."""
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("name", nargs="?", help="tell all about this one")
    parser.add_argument(
        "-t", "--target", metavar="T", help="pipelines: those of this target, as name,key=value; ops: its unit for each"
    )
    parser.add_argument("--all", action="store_true", help="passes: those of xDSL too")
    parser.add_argument("--dialect", metavar="NAME", help="ops: those of this dialect, instead of the ONNX ops")


def run(args: argparse.Namespace) -> int:
    """Print a table, or one entry in full."""
    if args.kind == "passes" and args.name is not None:
        return _one_pass(args)
    entries = KINDS[args.kind](args)
    if args.name is not None:
        if args.name not in entries:
            raise UsageError(f"no {args.kind.removesuffix('s')} {args.name!r}")
        entries = {args.name: entries[args.name]}
    if args.json:
        items = [{"name": name, "summary": text} for name, text in entries.items()]
        print(json.dumps({"schema": "aic.list/1", "kind": args.kind, "items": items}, indent=2))
        return 0
    width = max(map(len, entries), default=0)
    print("\n".join(f"{name:{width}}  {text}".rstrip() for name, text in entries.items()))
    return 0


def _one_pass(args: argparse.Namespace) -> int:
    """A pass with its documentation, its options and an example."""
    from xdsl.passes import get_pass_option_infos

    from ..compiler.pipeline import parse_pipeline, pass_named

    found = pass_named(args.name)
    options = [
        {"name": o.name.replace("_", "-"), "type": o.expected_type, "default": o.default_value}
        for o in get_pass_option_infos(found)
    ]
    about = _about(args.name)
    filled = " ".join(f"{o['name']}={o['default']}" for o in options if o["default"] not in (None, "()", "none", ""))
    example = f"{args.name}{{{filled}}}" if filled else args.name
    try:
        parse_pipeline(example)
    except UsageError:
        example = args.name
    if args.json:
        item = {
            "name": args.name,
            "summary": about.partition("\n")[0],
            "text": about,
            "options": options,
            "example": example,
        }
        print(json.dumps({"schema": "aic.list/1", "kind": "passes", "items": [item]}, indent=2))
        return 0
    print("\n\n".join(filter(None, [args.name, about])))
    if options:
        print()
    for o in options:
        print(f"  {o['name']}: {o['type']}" + (f" = {o['default']}" if o["default"] is not None else ""))
    print(f"\naic opt F.mlir -p '{example}'")
    return 0
