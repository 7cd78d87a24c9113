"""`aic bench M|ART`: how long a run takes, and how sure that is; `aic bench diff A B`: whether it takes longer now.

    aic bench model.onnx --json > a.json        .. later ..        aic bench model.onnx --json > b.json
    aic bench diff a.json b.json --threshold 5                     exit 5 if b is slower by more than 5 %

A time is that of a call from Python with its inputs at hand and its outputs fresh; on a simulated machine that of its
clock.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.errors import MissingToolError, UsageError, printable
from ._arguments import add_build, add_inputs, add_shapes, add_target, options_of, target_of, use_cache
from ._bench_diff import diff
from .compile import clock_text
from .run import complete, inputs_of

if TYPE_CHECKING:
    from ..compiler.driver import Options
    from ..compiler.frontends.onnx.model import Model
    from ..compiler.measure import Effort, Spread
    from ..compiler.runnable import Runnable
    from ..dialects._shape import Array

HELP = "measure how long a model or an artifact runs; compare two measurements"
ORT = "ort"
BARE = {".mlir": "interpreter", ".npux": "npu"}
"""What runs a file that is neither model nor artifact."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, how often, beside whom; or two files to compare."""
    told = "an ONNX file, or the folder of an artifact; or: diff A.json B.json"
    parser.add_argument("what", nargs="+", metavar="M", help=told)
    add = parser.add_argument_group("measuring").add_argument
    add("--warmup", type=count, default=3, metavar="N", help="runs before that do not count (3)")
    add("--repeat", type=count, default=20, metavar="N", help="at least so many runs (20)")
    add("--min-time", type=amount, default=0.5, metavar="S", help="and on until they took so many seconds (0.5)")
    add("--percentiles", type=percents, default=(5.0, 50.0, 95.0), metavar="P,..", help="which (5,50,95)")
    add("--peer", metavar="ort|ART", help="run in turns with onnxruntime, or another artifact, and tell the ratio")
    add("--peer-threads", type=count, metavar="N", help="of onnxruntime (as many as of aic)")
    add = parser.add_argument_group("diff").add_argument
    add("--threshold", type=amount, default=5.0, metavar="PERCENT", help="how much slower is a regression (5)")
    add("--by", choices=("time", "ratio"), default="time", help="compare times, or the ratios to the peer")
    add_inputs(parser)
    add_target(parser)
    add_shapes(parser)
    add_build(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, or compare what was measured."""
    match args.what:
        case ["diff", baseline, candidate]:
            return diff(Path(baseline), Path(candidate), args)
        case ["diff", *_]:
            raise UsageError("bench diff: expected two files that `aic bench --json` wrote")
        case [model]:
            return _measured(Path(model), args)
        case _:
            raise UsageError("bench: expected one model, or: diff A.json B.json")


def _measured(path: Path, args: argparse.Namespace) -> int:
    from ..compiler.measure import Effort, measure, ratios, spread_of

    use_cache(args)
    _expect_machine(path, args)
    facts, made, feed = _ready(path, args)
    if made.clock is not None:
        return _simulated(facts, made.clock, args)
    calls: dict[str, Callable[[], object]] = {"aic": lambda: made.run(feed)}
    outputs = made.run(feed)
    agrees = None
    if args.peer is not None:
        peer = _peer(path, args)
        agrees = _agree(outputs, peer, feed, args.peer)
        calls[args.peer] = lambda: peer.run(feed)
    effort = Effort(args.warmup, args.repeat, args.min_time)
    times = measure(list(calls.values()), effort)
    found = {name: spread_of(t, args.percentiles) for name, t in zip(calls, times, strict=True)}
    ratio = None if len(times) < 2 else spread_of(ratios(times[0], times[1]), args.percentiles)
    if args.json:
        print(json.dumps(_document(facts, effort, found, ratio, agrees), indent=2))
    else:
        print(_told(facts, found, ratio))
    if agrees is False and args.peer and not args.quiet:
        print(f"warning: the outputs differ from those of {printable(args.peer)}", file=sys.stderr)
    return 0


def _expect_machine(path: Path, args: argparse.Namespace) -> None:
    """MissingToolError if the machine of the target is not here."""
    from ..compiler.artifact import is_artifact, read_manifest
    from ..compiler.targets import target_named

    name = str(read_manifest(path)["target"]) if is_artifact(path) else target_of(args).name
    if path.suffix not in BARE and (reason := target_named(name).absent()):
        raise MissingToolError(f"bench: {reason}", code="no-machine")


def _simulated(facts: Mapping[str, object], clock: Mapping[str, object], args: argparse.Namespace) -> int:
    """A machine whose clock is simulated: one run is as good as many, and what the host takes says nothing."""
    from ..compiler.measure import Effort, spread_of

    if args.peer is not None:
        raise UsageError("--peer: the time of a simulated machine is not measured, nor a peer beside it")
    seconds = float(str(clock["cycles"])) / float(str(clock["clock_ghz"])) / 1e9
    found = {"aic": spread_of([seconds], args.percentiles)}
    if args.json:
        print(json.dumps(_document(facts, Effort(0, 1, 0.0), found, None, None, clock), indent=2))
    else:
        print(f"{printable(str(facts['file']))}: target {facts['target']}, simulated")
        print(f"  {clock_text(clock)}\n  {time_text(seconds)} a run")
    return 0


def _ready(path: Path, args: argparse.Namespace) -> "tuple[dict[str, object], Runnable, dict[str, Array]]":
    """What is measured, as facts for the record, to run, and its inputs."""
    from ..compiler.artifact import is_artifact, read_manifest
    from ..compiler.crash import package_version, versions
    from ..compiler.measure import machine
    from ..compiler.runnable import runnable
    from .doctor import compiler, first_line

    target, given, seen = target_of(args).name, inputs_of(args), dict[str, object]()

    def options(model: "Model | None") -> "Options":
        chosen = options_of(args, model)
        if model is not None:
            seen["model"] = {"name": model.name, "hash": model.digest}
        asked = {"level": chosen.level, "weights": chosen.weights, "cflags": list(chosen.cflags)}
        seen["options"] = asked | {"settings": dict(chosen.settings)}
        return chosen

    made = runnable(path, target, options, "hardware", given)
    feed = complete(made, given, args)
    if is_artifact(path):
        manifest = read_manifest(path)
        target, seen = str(manifest["target"]), {key: manifest.get(key, {}) for key in ("model", "options")}
    elif path.suffix in BARE:
        target, seen = BARE[path.suffix], {"options": {}}
    found = versions() | ({"onnxruntime": package_version("onnxruntime")} if args.peer == ORT else {})
    cc = str(getattr(args, "cc", ""))
    facts: dict[str, object] = {
        "file": str(path),
        "model": seen.get("model") or {"name": path.name, "hash": ""},
        "target": target,
        "options": seen["options"],
        "inputs": [{"name": n, "dtype": str(v.dtype), "shape": list(v.shape)} for n, v in feed.items()],
        "machine": machine() | {"c_compiler": first_line(*cc.split(), "--version") if cc else compiler()},
        "versions": found,
    }
    return facts, made, feed


def _peer(path: Path, args: argparse.Namespace) -> "Runnable":
    from ..compiler.artifact import is_artifact
    from ..compiler.peers import onnxruntime
    from ..compiler.runnable import runnable

    if args.peer != ORT:
        if not is_artifact(args.peer):
            raise UsageError(f"--peer {args.peer}: expected {ORT}, or the folder of an artifact")
        return runnable(Path(args.peer), "c", lambda model: options_of(args, model), "hardware", {})
    if path.suffix != ".onnx":
        raise UsageError(f"--peer {ORT} wants the ONNX file; {path} is none")
    ours = int(target_of(args).settings.get("threads", 1))
    return onnxruntime(path, ours if args.peer_threads is None else args.peer_threads)


def _agree(outputs: "Mapping[str, Array]", peer: "Runnable", feed: "Mapping[str, Array]", name: str) -> bool:
    """Whether a peer computes the same; a time is worth nothing otherwise."""
    from ..compiler.compare import Tolerance, difference
    from ..compiler.peers import checked_run

    theirs = checked_run(peer, feed, name)
    pairs = [(value, theirs[key]) for key, value in outputs.items() if key in theirs]
    return len(pairs) == len(outputs) and all(Tolerance().accepts(difference(a, b)) for a, b in pairs)


def _document(
    facts: Mapping[str, object],
    effort: "Effort",
    found: "Mapping[str, Spread]",
    ratio: "Spread | None",
    agrees: bool | None,
    clock: Mapping[str, object] | None = None,
) -> dict[str, object]:
    peer = None
    if ratio is not None:
        name = list(found)[1]
        peer = {"name": name, "agrees": agrees, "seconds": asdict(found[name]), "ratio": asdict(ratio)}
    return {
        "schema": "aic.bench/1",
        **facts,
        "effort": asdict(effort),
        "seconds": asdict(found["aic"]),
        "clock": clock,
        "peer": peer,
    }


def _told(facts: Mapping[str, object], found: "Mapping[str, Spread]", ratio: "Spread | None") -> str:
    machine, versions, width = facts["machine"], facts["versions"], max(map(len, found))
    lines = [f"{printable(str(facts['file']))}: target {facts['target']}"]
    if isinstance(machine, Mapping) and isinstance(versions, Mapping):
        load = f"{machine['cores']} cores, load {machine['load']}"
        lines.append(f"{machine['cpu']}, {load}; aic {versions['aic']}; {machine['c_compiler']}")
    for name, spread in found.items():
        tail = "  ".join(f"p{p} {time_text(value)}" for p, value in spread.percentiles.items())
        low, high = map(time_text, spread.interval)
        lines.append(
            f"  {printable(name):{width}}  median {time_text(spread.median)}  (95%: {low} .. {high})  {tail}  "
            f"min {time_text(spread.minimum)}  {spread.count} runs"
        )
    if ratio is not None:
        low, high = ratio.interval
        other = printable(list(found)[1])
        lines.append(f"  aic takes {ratio.median:.3f} of {other}'s time  (95%: {low:.3f} .. {high:.3f}), in turns")
    return "\n".join(lines)


def time_text(seconds: float) -> str:
    """A time for a person, in the unit that suits it: `12.3 us`."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}" if seconds < 1000 * factor else f"{seconds / factor:.0f} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def count(text: str) -> int:
    """A whole number, 0 or more."""
    if (number := int(text)) < 0:
        raise ValueError(text)
    return number


def amount(text: str) -> float:
    """A number, 0 or more."""
    if not 0 <= (number := float(text)) < 1e9:
        raise ValueError(text)
    return number


def percents(text: str) -> tuple[float, ...]:
    """Numbers from 0 to 100."""
    found = tuple(float(part) for part in text.split(",") if part)
    if not all(0 <= p <= 100 for p in found):
        raise ValueError(text)
    return found
