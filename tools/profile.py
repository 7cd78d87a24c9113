"""`aic profile M -t T`: where the time of a run goes, by kernel and by ONNX node, and how near it is to the peak.

    aic profile net.onnx                             launches, kernels, nodes
    aic profile net.onnx --by onnx-node              nodes alone
    aic profile net.onnx --trace t.json --roofline r.svg

The code that is profiled has a timer round each launch; the code that `aic compile` writes has none.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.errors import printable
from ._arguments import add_build, add_inputs, add_model, add_shapes, add_target, target_of
from .bench import amount, count

if TYPE_CHECKING:
    from ..compiler.profile import Launch, Profile

HELP = "tell where the time of a run goes, by kernel and by ONNX node"
LISTED = 20
"""Rows that a person is told of; all of them with --json."""
VIEWS = ("launch", "kernel", "onnx-node")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, how often, which views."""
    add_model(parser, "an ONNX file")
    add = parser.add_argument
    add("--by", choices=VIEWS, action="append", default=[], help="these tables; by default all three")
    add(
        "--trace",
        metavar="T.json",
        type=Path,
        help="write a run's launches as a timeline, as Chrome and Perfetto read it",
    )
    add("--roofline", metavar="R.svg", type=Path, help="draw each launch under the machine's roofline")
    add("--no-peak", action="store_true", help="do not measure what the machine reaches")
    add("--warmup", type=count, default=3, metavar="N", help="runs before that do not count (3)")
    add("--repeat", type=count, default=20, metavar="N", help="at least so many runs (20)")
    add("--min-time", type=amount, default=0.5, metavar="S", help="and on until they took so many seconds (0.5)")
    add_inputs(parser)
    add_target(parser)
    add_shapes(parser)
    add_build(parser)


def run(args: argparse.Namespace) -> int:
    """Compile, run, print; write the files asked for."""
    from ..compiler.files import write_whole
    from ..compiler.frontends.onnx.model import load
    from ..compiler.measure import Effort
    from ..compiler.profile import profile, trace
    from ..compiler.roofline import picture
    from .compare import feed_of

    model = load(args.model)
    options, feed = feed_of(args, model)
    inputs = [feed[port.name] for port in model.inputs]
    effort, peak = Effort(args.warmup, args.repeat, args.min_time), args.roofline is not None or not args.no_peak
    found = profile(model, target_of(args).name, options, inputs, effort, roofline=peak)
    if args.trace is not None:
        write_whole(args.trace, json.dumps(trace(found), indent=1) + "\n")
    if args.roofline is not None:
        write_whole(args.roofline, picture(found))
    if args.json:
        print(json.dumps(_document(found, printable(model.name), args), indent=2))
    else:
        print(printable("\n".join(_page(found, model.name, args.by or VIEWS))))
    return 0


def _document(found: "Profile", name: str, args: argparse.Namespace) -> dict[str, object]:
    speeds, total = found.speeds, found.seconds or 1.0
    machine = None
    if speeds is not None:
        machine = {
            "flops": speeds.flops,
            "bandwidth": speeds.bandwidth,
            "measured": speeds.measured,
            "ridge": speeds.ridge,
        }
    launches = [
        {
            "kernel": x.kernel,
            "nodes": list(x.nodes),
            "calls": x.calls,
            "seconds": x.seconds,
            "share": x.seconds / total,
            "flops": x.flops,
            "bytes": x.work.bytes if x.work is not None else 0,
            "gflops": x.rate / 1e9,
            "of_peak": found.of_peak(x),
            "of_roofline": found.of_roofline(x),
        }
        for x in found.launches
    ]
    kernels = [{"kernel": k, "calls": n, "seconds": s, "share": s / total} for k, n, s in found.by_kernel()]
    nodes = [{"node": n, "seconds": s, "share": s / total} for n, s in found.by_node()]
    head = {"schema": "aic.profile/1", "model": name, "target": target_of(args).name, "machine": machine}
    times = {"runs": found.runs, "seconds": found.seconds}
    return {**head, **times, "launches": launches, "kernels": kernels, "nodes": nodes}


def _page(found: "Profile", name: str, views: "tuple[str, ...] | list[str]") -> list[str]:
    total = found.seconds or 1.0
    lines = [f"{name}: {found.seconds * 1e3:.3f} ms a run (median of {found.runs}), {len(found.launches)} launches"]
    if found.speeds is not None:
        flops = sum(x.flops for x in found.launches)
        lines.append(
            f"  {flops / total / 1e9:.1f} GFLOP/s, {flops / total / found.speeds.flops:.1%} of one core's peak"
        )
    if "launch" in views:
        lines += ["", f"{'launch':14}{'ms':>9}{'share':>8}{'GFLOP/s':>9}{'of peak':>9}{'of roof':>9}  nodes"]
        rows = sorted(found.launches, key=lambda x: -x.seconds)[:LISTED]
        lines += [_row(x, found, total) for x in rows] + _more(len(found.launches), len(rows), "launches")
    if "kernel" in views:
        lines += ["", f"{'kernel':14}{'ms':>9}{'share':>8}{'calls':>9}"]
        kernels = found.by_kernel()
        lines += [f"{k[:13]:14}{s * 1e3:9.3f}{s / total:8.1%}{n:9}" for k, n, s in kernels[:LISTED]]
        lines += _more(len(kernels), LISTED, "kernels")
    if "onnx-node" in views:
        lines += ["", f"{'ms':>9}{'share':>8}  ONNX node"]
        nodes = found.by_node()
        lines += [f"{s * 1e3:9.3f}{s / total:8.1%}  {n}" for n, s in nodes[:LISTED]] + _more(
            len(nodes), LISTED, "nodes"
        )
    return lines


def _row(launch: "Launch", found: "Profile", total: float) -> str:
    peak, roof = (
        f"{v:9.1%}" if v is not None else f"{'':9}" for v in (found.of_peak(launch), found.of_roofline(launch))
    )
    rate = f"{launch.rate / 1e9:9.1f}"
    times = f"{launch.seconds * 1e3:9.3f}{launch.seconds / total:8.1%}"
    return f"{launch.kernel[:13]:14}{times}{rate}{peak}{roof}  {', '.join(launch.nodes)}"


def _more(count: int, shown: int, what: str) -> list[str]:
    return [f"  and {count - shown} {what} more"] * (count > shown)
