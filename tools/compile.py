"""`aic compile M -t T -o OUT --emit K`: a model into an artifact, with its manifest and a summary."""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.errors import BudgetError, UsageError, printable
from ..compiler.knobs import DEBUG
from ._arguments import add_build, add_model, add_shapes, add_target, bytes_of, options_of, target_of, use_cache
from ._memory import bound_text, memory_document, memory_page, size_text
from ._pass_flags import ELIDED, Watch, add_pass_flags, edited

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from ..compiler.driver import Compiled, Options, Plan
    from ..compiler.frontends.onnx.model import Model
    from ..compiler.memory import MemoryReport
    from ..dialects.graph.weight import AicContext

HELP = "compile a model into an artifact"
LEVELS = ("graph", "tensor", "loop", "hardware")
SHOWN_STAGES, SHOWN_CODE = 3, 4
"""AIC_DEBUG from which on the IR of each level is printed, and the emitted code."""
LISTED = 8
"""Nodes on the host that a person is told of; all of them with --json."""
ENTRY = "entry.json"
"""The cache's own file beside a cached artifact."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, for which machine, into what, where to."""
    add_model(parser, "an ONNX file")
    add = parser.add_argument
    add("-o", "--output", metavar="OUT", help="the artifact's folder; for a single kind its file, or -")
    add(
        "--emit", metavar="K", action="append", default=[], help="c, so, npu-asm, mlir=LEVEL, dot, onnx, ..; repeatable"
    )
    add("--mem-report", action="store_true", help="memory by class, at the peak, and while each kernel runs")
    add("--mem-budget", metavar="BYTES", help="compute values again rather than keep them, until the arena fits")
    add("--pipeline", metavar="LEVEL=P", action="append", default=[], help="other passes for a level")
    parser.add_argument("--no-fallback", action="store_true", help="fail if a node would run on the host")
    parser.add_argument("--report", action="store_true", help="the target's report beside the artifact's files")
    parser.add_argument("--verify-each", action="store_true", help="verify the IR after every pass")
    add_target(parser)
    add_shapes(parser)
    add_build(parser)
    parser.set_defaults(weights="embed", several_sizes=True)  # the library of an artifact stands alone
    add_pass_flags(parser)
    told = "3x3 convolutions directly, slower with less rounding: as --disable-pass winograd"
    parser.add_argument("--no-winograd", dest="disable_pass", action="append_const", const="winograd", help=told)


def run(args: argparse.Namespace) -> int:
    """Compile, tell what came of it."""
    from ..compiler.frontends.onnx.model import load

    use_cache(args)
    target = target_of(args).name
    levels = {kind: _level(kind) for kind in args.emit if kind.partition("=")[0] == "mlir"}
    kinds = tuple(dict.fromkeys([kind for kind in args.emit if kind not in levels] + ["report"] * args.report))
    watch = Watch(args)
    model = load(args.model)
    options = replace(
        options_of(args, model),
        kinds=kinds,
        observers=tuple(watch.observers),
        verify_each=args.verify_each,
        edit=lambda plan: _edited(plan, args),
    )
    if args.print_pipeline:
        return _print_pipeline(target, options)
    if any(kind.partition("=")[0] == "dot" for kind in kinds):
        return _dot(model, target, options, args, watch)
    if kinds == ("onnx",):
        return _onnx(model, target, options, args, watch)
    if levels and not kinds:
        return _texts(model, target, options, list(levels.values()), args, watch)
    return _artifact(model, target, options, list(levels.values()), args, watch)


def _level(kind: str) -> str:
    level = kind.partition("=")[2] or "graph"
    if level not in LEVELS:
        raise UsageError(f"--emit {kind}: expected mlir=LEVEL with one of {', '.join(LEVELS)}")
    return level


def _edited(plan: "Plan", args: argparse.Namespace) -> "Plan":
    """The plan as --pipeline, --disable-pass, --pass-option and --pass-limit want it."""
    from ..compiler.pipeline import parse_pipeline

    steps = dict(plan)
    for entry in args.pipeline:
        level, equals, text = entry.partition("=")
        if not equals or level not in steps:
            raise UsageError(f"--pipeline {entry}: expected LEVEL=PASSES with one of {', '.join(steps)}")
        steps[level] = parse_pipeline(text)
    if args.mem_budget is not None:
        steps = _within(steps, bytes_of(args.mem_budget))
    flat = [(level, step) for level, found in steps.items() for step in found]
    changed = list(edited([step for _, step in flat], args))
    kept: dict[str, list[ModulePass]] = {level: [] for level in steps}
    for level, step in flat:
        if changed and changed[0].name == step.name:
            kept[level].append(changed.pop(0))
    return {level: tuple(found) for level, found in kept.items()}


def _within(steps: "dict[str, tuple[ModulePass, ...]]", budget: int) -> "dict[str, tuple[ModulePass, ...]]":
    """The plan with a pass before plan-memory that keeps the arena within a budget."""
    from ..compiler.pipeline import parse_pipeline

    names = [step.name for step in steps.get("loop", ())]
    if "plan-memory" not in names:
        raise UsageError("--mem-budget: no plan-memory in the pipeline of the loop level")
    at = names.index("plan-memory")
    found = parse_pipeline(f"rematerialize{{budget={budget}}}")
    return {**steps, "loop": (*steps["loop"][:at], *found, *steps["loop"][at:])}


def _onnx(model: "Model", target: str, options: "Options", args: argparse.Namespace, watch: Watch) -> int:
    """The graph level after its passes, as ONNX."""
    from ..compiler.driver import lower
    from ..compiler.frontends.onnx.exporter import export_onnx
    from ..compiler.frontends.onnx.saving import save_onnx

    made = lower(model, target, options, until="graph")
    out = Path(args.output or f"{model.name.removesuffix('.onnx')}-{target}.onnx")
    save_onnx(export_onnx(made.ctx, made.module, name=options.name), out)
    watch.tell(made.times)
    return 0


def _dot(model: "Model", target: str, options: "Options", args: argparse.Namespace, watch: Watch) -> int:
    """The graph, or with dot=tensor the kernels, as Graphviz draws it."""
    from ..compiler.dot import dot
    from ..compiler.driver import lower
    from ..compiler.files import write_whole

    level = options.kinds[0].partition("=")[2] or "graph"
    if len(args.emit) > 1 or level not in LEVELS[:2]:
        raise UsageError(f"--emit {options.kinds[0]}: expected dot=graph or dot=tensor, and nothing beside it")
    with watch.collecting():
        made = lower(model, target, replace(options, kinds=()), until=level)
    if args.output in (None, "-"):
        print(dot(made.module), end="")
    else:
        write_whole(Path(args.output), dot(made.module))
    watch.tell(made.times)
    return 0


def _print_pipeline(target: str, options: "Options") -> int:
    from ..compiler.driver import plan
    from ..compiler.pipeline import print_pipeline

    for level, steps in plan(target, options).items():
        print(f"{level}={print_pipeline(steps)}")
    return 0


def _texts(
    model: "Model", target: str, options: "Options", levels: list[str], args: argparse.Namespace, watch: Watch
) -> int:
    """IR text only: no artifact is made."""
    from ..compiler.driver import lower
    from ..compiler.files import write_whole
    from ..compiler.ir_text import ir_text

    if len(levels) != 1:
        raise UsageError("--emit mlir=..: several levels want an artifact's folder; add the kind of an artifact")
    with watch.collecting():
        made = lower(model, target, options, until=levels[0])
    text = ir_text(made.module)
    if args.output in (None, "-"):
        print(text)
    else:
        write_whole(Path(args.output), text + "\n")
    watch.tell(made.times)
    return 0


def _artifact(
    model: "Model", target: str, options: "Options", levels: list[str], args: argparse.Namespace, watch: Watch
) -> int:
    from ..compiler.artifact import write_folder
    from ..compiler.driver import compile_model
    from ..compiler.placement import placement_of
    from ..compiler.reuse import compile_cached

    start = time.perf_counter()
    if args.output == "-":
        return _to_stdout(model, target, options)
    out = Path(args.output or f"{model.name.removesuffix('.onnx')}-{target}")
    texts: dict[str, str] = {}
    if levels or DEBUG.get() >= SHOWN_STAGES:
        options = replace(options, stage=_collect(texts, levels))
    reports: list[MemoryReport] = []
    if args.mem_report:
        options = replace(options, stage=_reporting(options.stage, reports))
    watched = bool(options.stage or watch.needs_a_run or args.mem_limit)
    with watch.collecting():
        made = (compile_model if watched else compile_cached)(model, target, options=options)
    _expect_within(args.mem_limit, made.manifest)
    found = placement_of(target, made.manifest.get("placement"))
    if args.no_fallback and found is not None:
        found.forbid(printable(model.name))
    if not _wants_file(out, made):
        write_folder(out, lambda fresh: _copy(made.folder, fresh, texts))
    if DEBUG.get() >= SHOWN_CODE:
        _print_code(made.folder)
    watch.tell(made.times)
    _tell(made, out, time.perf_counter() - start, args, reports)
    return 0


def _wants_file(out: Path, made: "Compiled") -> bool:
    """Write the one file that is the whole model, if `out` has its ending; answers whether that was asked for."""
    from ..compiler.files import write_whole

    endings = made.manifest.get("endings")
    if not isinstance(endings, list) or out.suffix not in endings:
        return False
    if not isinstance(single := made.manifest.get("single"), str):
        raise UsageError(f"-o {out}: the model is more than one program; give a folder", code="not-single")
    write_whole(out, (made.folder / single).read_bytes())
    return True


def _collect(texts: dict[str, str], levels: list[str]) -> "Callable[[str, AicContext, ModuleOp], None]":
    """A hook that keeps the text of these levels, and prints each where AIC_DEBUG asks for it."""
    from ..compiler.ir_text import elided_text, ir_text

    def stage(level: str, _: "AicContext", module: "ModuleOp") -> None:
        if DEBUG.get() >= SHOWN_STAGES:
            print(f"// -----// IR at the {level} level //----- //\n{elided_text(module, ELIDED)}", file=sys.stderr)
        if level in levels:
            texts[f"{level}.mlir"] = ir_text(module) + "\n"

    return stage


def _print_code(artifact: Path) -> None:
    for path in sorted(artifact.iterdir()):
        if path.suffix in (".c", ".h", ".npuasm"):
            print(f"// -----// {path.name} //----- //\n{path.read_text(encoding='utf8')}", file=sys.stderr)


def _reporting(
    inner: "Callable[[str, AicContext, ModuleOp], None] | None", reports: "list[MemoryReport]"
) -> "Callable[[str, AicContext, ModuleOp], None]":
    """A stage that keeps the report of memory of the loop level."""
    from ..compiler.memory import memory_report

    def stage(level: str, ctx: "AicContext", module: "ModuleOp") -> None:
        if inner is not None:
            inner(level, ctx, module)
        if level == "loop":
            reports.append(memory_report(module))

    return stage


def _copy(artifact: Path, fresh: Path, texts: Mapping[str, str]) -> None:
    for path in artifact.iterdir():
        if path.is_dir():
            shutil.copytree(path, fresh / path.name)
        elif path.name != ENTRY:
            shutil.copy(path, fresh / path.name)
    for name, text in texts.items():
        (fresh / name).write_text(text, encoding="utf8")


def _to_stdout(model: "Model", target: str, options: "Options") -> int:
    """The one text file of a single kind, on stdout."""
    from ..compiler.driver import compile_model

    if len(options.kinds) != 1:
        raise UsageError("-o - takes a single text kind, as --emit c")
    made = compile_model(model, target, options=options)
    file = made.folder / f"{options.name}.{options.kinds[0]}"
    try:
        print(file.read_text(encoding="utf8"), end="")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"-o -: {options.kinds[0]} is not a single text file") from None
    return 0


def _expect_within(limit: str | None, manifest: Mapping[str, object]) -> None:
    if limit is None:
        return
    need, allowed = sum(memory_of(manifest)), bytes_of(limit)
    if need > allowed:
        arena, weights = memory_of(manifest)
        raise BudgetError(
            f"memory: required {need} bytes (arena {arena}, weights {weights}), available {allowed}, "
            f"excess {need - allowed}",
            code="memory-limit",
        )


def memory_of(manifest: Mapping[str, object]) -> tuple[int, int]:
    """Bytes of the arena and of the weights, as an artifact's manifest has them."""
    memory, weights = manifest.get("memory"), manifest.get("weights")
    arena = memory.get("arena_bytes", 0) if isinstance(memory, Mapping) else 0
    return int(arena), int(weights.get("bytes", 0)) if isinstance(weights, Mapping) else 0


def _tell(
    made: "Compiled", out: Path, seconds: float, args: argparse.Namespace, reports: "Sequence[MemoryReport]"
) -> None:
    """The summary: on stderr for a person, on stdout for a program."""
    from ..compiler.placement import placement_of
    from ..compiler.targets import target_named

    manifest = made.manifest
    arena, weights = memory_of(manifest)
    memory = manifest.get("memory")
    bound = memory.get("lower_bound_bytes", 0) if isinstance(memory, Mapping) else 0
    target, precision = str(manifest["target"]), str(manifest.get("precision", "f32"))
    placed, clock = placement_of(target, manifest.get("placement")), target_named(target).cycles(manifest)
    nodes = _nodes(manifest) if placed is None else placed.total
    if args.json:
        stages = {stage: sum(t for s, _, t in made.times if s == stage) for stage, _, _ in made.times}
        document = {
            "schema": "aic.compile/1",
            "output": str(out),
            "target": target,
            "precision": precision,
            "quantised": manifest.get("quantised"),
            "nodes": nodes,
            "placement": manifest.get("placement"),
            "clock": clock,
            "cached": not made.times,
            "seconds": seconds,
            "stages": stages,
            "memory": {"arena_bytes": arena, "lower_bound_bytes": bound, "weights_bytes": weights},
            **({"mem_report": memory_document(reports[0])} if reports else {}),
            "hash": manifest["hash"],
        }
        print(json.dumps(document, indent=2))
    if args.quiet:
        return
    kernels = manifest.get("launches")
    launched = f" by {len(kernels)} launches" if isinstance(kernels, list) else ""
    where = f"{nodes} nodes{launched}" if placed is None else placed.line
    told = "from the cache" if not made.times else f"{seconds:.1f} s"
    lines = [f"{printable(str(out))}: target {target}, {precision}, {where}"]
    lines += (
        [] if placed is None else [f"  host    {printable(n)} ({op}): {why}" for n, op, why in placed.host[:LISTED]]
    )
    lines += [] if placed is None or len(placed.host) <= LISTED else [f"  ... {len(placed.host) - LISTED} more"]
    chosen = manifest.get("quantised")
    lines += [f"  int8    {printable(chosen)}"] if isinstance(chosen, str) else []
    lines += [] if clock is None else [f"  clock   {clock_text(clock)}"]
    lines += [f"  tuned   {tuned} kernels have schedules that were found better"] if (tuned := _tuned(manifest)) else []
    lines += [
        f"  memory  arena {size_text(arena)} ({bound_text(arena, int(bound))}), weights {size_text(weights)}",
        f"  time    {told}",
    ]
    lines += [f"  {line}" for report in reports for line in memory_page(report)]
    print("\n".join(lines), file=sys.stderr)


def clock_text(clock: Mapping[str, object]) -> str:
    """Cycles of a run with what they mean: `492,164 cycles, 59.7 % of peak; 2,032 a second at 1 GHz`."""
    cycles, ghz, used = (float(str(clock[key])) for key in ("cycles", "clock_ghz", "utilisation"))
    rate = f"; {ghz * 1e9 / cycles:,.1f} a second at {ghz:g} GHz" if cycles else ""
    return f"{cycles:,.0f} cycles, {used:.1f} % of peak{rate}"


def _tuned(manifest: Mapping[str, object]) -> int:
    """Kernels whose schedules a tuner found, as the passes' text has them."""
    passes = manifest.get("pipeline")
    text = " ".join(map(str, passes.values())) if isinstance(passes, Mapping) else ""
    return text.partition('schedules="')[2].partition('"')[0].count("@")


def _nodes(manifest: Mapping[str, object]) -> int:
    """ONNX nodes that some launch carries out."""
    launches = manifest.get("launches")
    if not isinstance(launches, list):
        return 0
    return len({node for launch in launches for node in launch.get("nodes", ())})
