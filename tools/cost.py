"""`aic cost M -t T`: what a model's kernels do, what a roofline allows them, and what memory they want; no run needed.

aic cost net.onnx                                     kernels, nodes, sums
aic cost net.onnx --budget sram=256K,flash=1M,ms=20   PASS or FAIL, exit 1
aic cost net.onnx --what-if mem=128K                  the price of computing values again
"""

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..compiler.errors import BudgetError, UsageError, printable
from ._arguments import add_model, add_shapes, add_target, bytes_of, options_of, target_of
from ._memory import size_text

if TYPE_CHECKING:
    from ..compiler.cost import Cost, Limit
    from ..compiler.recompute import Outcome
    from ..compiler.work import Work

HELP = "tell what a model's kernels do, their roofline and memory; check a budget"
LISTED = 20
"""Kernels and nodes that a person is told of; all of them with --json."""
LIMITS = ("sram", "flash", "ms")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, its budget, what might be."""
    add_model(parser, "an ONNX file")
    told = "limits: sram (arena), flash (weights), ms (a run's time by the roofline)"
    parser.add_argument("--budget", metavar="sram=256K,..", default="", help=told)
    told = "how a run in so much memory would go that computes values again (DTR)"
    parser.add_argument("--what-if", metavar="mem=BYTES", action="append", default=[], help=told)
    add_target(parser)
    add_shapes(parser)


def run(args: argparse.Namespace) -> int:
    """Count, print; exit 1 if the budget is exceeded."""
    from ..compiler.cost import cost_of
    from ..compiler.frontends.onnx.model import load

    limits, budgets = _limits(args.budget), [_what_if(text) for text in args.what_if]
    model = load(args.model)
    found = cost_of(model, target_of(args).name, options_of(args, model), limits, budgets)
    if args.json:
        print(json.dumps(_document(found, printable(model.name), args), indent=2))
    else:
        print(printable("\n".join(_page(found, model.name))))
    return 0 if all(limit.holds for limit in found.limits) else BudgetError.exit_code


def _limits(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for entry in filter(None, text.split(",")):
        name, equals, value = entry.partition("=")
        if name not in LIMITS or not equals:
            raise UsageError(f"--budget {entry}: expected one of {', '.join(f'{n}=N' for n in LIMITS)}")
        found[name] = _milliseconds(entry, value) if name == "ms" else bytes_of(value)
    return found


def _milliseconds(entry: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--budget {entry}: expected a number of milliseconds") from None


def _what_if(text: str) -> int:
    name, equals, value = text.partition("=")
    if name != "mem" or not equals:
        raise UsageError(f"--what-if {text}: expected mem=BYTES")
    return bytes_of(value)


def _bound(work: "Work", cost: "Cost") -> str:
    return "compute" if work.intensity >= cost.speeds.ridge else "memory"


def _document(found: "Cost", name: str, args: argparse.Namespace) -> dict[str, object]:
    speeds, works = found.speeds, found.works
    kernels = [
        {**asdict(w), "intensity": w.intensity, "bound": _bound(w, found), "seconds": found.least(w)} for w in works
    ]
    sums = {key: sum(getattr(w, key) for w in works) for key in ("macs", "flops", "reads", "writes")}
    flops, moved = sums["flops"], sums["reads"] + sums["writes"]
    return {
        "schema": "aic.cost/1",
        "model": name,
        "target": target_of(args).name,
        "machine": {**asdict(speeds), "ridge": speeds.ridge},
        "kernels": kernels,
        "nodes": [{"node": node, "op": op, "flops": count} for node, op, count in found.nodes],
        "total": {**sums, "intensity": flops / moved if moved else 0.0, "seconds": found.seconds},
        "memory": {"arena": found.memory.arena, "lower_bound": found.memory.lower_bound, **found.memory.classes},
        "budget": [{**asdict(limit), "holds": limit.holds} for limit in found.limits],
        "what_if": [
            {
                "memory": o.budget,
                "fits": o.fits,
                "peak": o.peak,
                "evicted": o.evicted,
                "recomputed": max(o.recomputed, 0),
            }
            | {"flops": o.flops, "factor": o.factor if o.fits else None}
            for o in found.outcomes
        ],
    }


def _page(found: "Cost", name: str) -> list[str]:
    speeds, works = found.speeds, found.works
    flops, moved = sum(w.flops for w in works), sum(w.bytes for w in works)
    origin = "measured" if speeds.measured else "given"
    lines = [
        f"{name}: {sum(w.macs for w in works) / 1e6:.1f} MMAC, {flops / 1e6:.1f} MFLOP, {size_text(moved)} moved",
        f"  one core ({origin})  {speeds.flops / 1e9:.1f} GFLOP/s, {speeds.bandwidth / 1e9:.1f} GB/s: "
        f"memory is the bound below {speeds.ridge:.1f} FLOP a byte",
        f"  by the roofline     {found.seconds * 1e3:.3f} ms, were all that a launch reads in memory, in no cache",
        f"  memory              arena {size_text(found.memory.arena)}, "
        f"weights {size_text(found.memory.classes['parameters'])}",
        "",
        f"{'kernel':14}{'runs':>5}{'MMAC':>9}{'MFLOP':>9}{'read':>11}{'written':>11}{'FLOP/B':>8}{'ms':>9}  bound",
    ]
    shown = sorted(works, key=lambda w: -found.least(w))[:LISTED]
    lines += [_row(work, found) for work in shown]
    if len(works) > len(shown):
        lines.append(f"  and {len(works) - len(shown)} launches more")
    total = sum(count for *_, count in found.nodes) or 1
    lines += ["", f"{'ONNX node':44}{'op':20}{'MFLOP':>10}   share"]
    lines += [f"{n:44}{op:20}{c / 1e6:10.2f}{c / total:8.1%}" for n, op, c in found.nodes[:LISTED] if c]
    lines += [""] * bool(found.limits or found.outcomes) + [_limit(limit) for limit in found.limits]
    return lines + [_outcome(o) for o in found.outcomes]


def _row(work: "Work", found: "Cost") -> str:
    runs = f"{work.runs}" if work.exact else f"{work.runs}+"
    bound = _bound(work, found)
    return (
        f"{work.kernel[:13]:14}{runs:>5}{work.macs / 1e6:9.2f}{work.flops / 1e6:9.2f}{size_text(work.reads):>11}"
        f"{size_text(work.writes):>11}{work.intensity:8.1f}{found.least(work) * 1e3:9.4f}  {bound}, "
        f"{', '.join(work.nodes)}"
    )


def _limit(limit: "Limit") -> str:
    told = (lambda v: f"{v:.3f} ms") if limit.name == "ms" else (lambda v: f"{size_text(int(v))} ({int(v)} bytes)")
    verdict = "PASS" if limit.holds else "FAIL"
    excess = "" if limit.holds else f", excess {told(limit.required - limit.available)}"
    return f"{verdict}  {limit.name:6} required {told(limit.required)}, available {told(limit.available)}{excess}"


def _outcome(found: "Outcome") -> str:
    if not found.fits:
        return f"what if mem={size_text(int(found.budget))}: no run gets through"
    return (
        f"what if mem={size_text(int(found.budget))}: peak {size_text(found.peak)}, {found.evicted} values evicted, "
        f"{found.recomputed / 1e6:.1f} MFLOP again, time x {found.factor:.3f}"
    )
