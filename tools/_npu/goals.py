"""`aic npu goals`: what the presets reach on the networks they are measured by, beside their bounds and goals.

aic npu goals --preset edge --network resnet50
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...compiler.errors import printable

if TYPE_CHECKING:
    from ...compiler.npu.goals import Reached

HELP = "what the presets reach on the networks they are measured by"
PRESETS = ("edge", "gemmini-like", "nvdla1024-like", "tpu-v1-like", "davinci-like")
NETWORKS = ("resnet50", "mobilenetv2", "bert-base")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which of them."""
    parser.add_argument("--preset", choices=PRESETS, help="only this machine")
    parser.add_argument("--network", choices=NETWORKS, help="only this network")
    parser.add_argument("--batch", type=int, metavar="N", help="only this batch")
    parser.add_argument("--workers", default="1", metavar="N|tcp://..", help="processes, or a dask scheduler (1)")


def run(args: argparse.Namespace) -> int:
    """Print a table or a document; exit 5 if a goal is missed."""
    from ...compiler.npu.goals import GATE, geomean, reached

    found: list[Reached] = []
    for case in reached(args.preset, args.network, args.batch, args.workers):
        found.append(case)
        if not args.quiet:
            print(f"{case.case.preset} {case.case.network} b{case.case.batch}: {case.ratio:.3f}", file=sys.stderr)
    mean = geomean(found)
    if args.json:
        rest = {"cases": [case.document() for case in found], "geomean": mean, "gate": GATE}
        print(json.dumps({"schema": "aic.npu-goals/1", **rest}, indent=2))
    else:
        print(printable(_text(found, mean, GATE)))
    return 5 if any(case.met is False for case in found) else 0


def _text(found: "Sequence[Reached]", mean: float, gate: float) -> str:
    from ...compiler.npu.forms import table

    titles = ["preset", "network", "batch", "cycles", "inf/s", "achieved %", "bound %", "ratio", "goal %", "met"]
    rows = [
        [
            c.case.preset,
            c.case.network,
            str(c.case.batch),
            f"{c.cycles:,}",
            f"{c.runs_per_second:,.1f}",
            f"{c.achieved:.1f}",
            f"{c.bound:.1f}",
            f"{c.ratio:.3f}",
            "-" if c.goal is None else f"{c.goal:.0f}",
            {None: "-", True: "yes", False: "NO"}[c.met],
        ]
        for c in found
    ]
    parts = [table(titles, rows, [False, False, *[True] * 7, False])]
    parts.append(f"geometric mean of the ratios {mean:.3f} (gate {gate})")
    slow = [
        [c.case.preset, c.case.network, f"b{c.case.batch}", s.layer, f"{s.cycles:,}", f"{s.bound:,.0f}", s.reason]
        for c in found
        for s in c.slow
    ]
    if slow:
        heads = ["preset", "network", "batch", "below half of its bound", "cycles", "bound", "reason"]
        parts.append(table(heads, slow, [False, False, False, False, True, True, False]))
    return "\n\n".join(parts)
