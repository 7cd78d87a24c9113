"""`aic npu presets`: the machines that come with the compiler."""

import argparse
import json

HELP = "list the machines that come with the compiler"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(args: argparse.Namespace) -> int:
    """Print a table or a document."""
    from ...compiler.npu.machines import describe, known

    machines = known()
    if args.json:
        items = [describe(machine) for machine in machines]
        print(json.dumps({"schema": "aic.npu-presets/1", "machines": items}, indent=2))
        return 0
    print(f"{'name':16} {'array':>10} {'GHz':>5} {'SPAD KiB':>9} {'WMEM KiB':>9} {'ACC KiB':>8} {'VPU':>5} {'TOPS':>8}")
    for m in machines:
        told = describe(m)
        tops = told["peak_tops"]
        best = max(tops.values()) if isinstance(tops, dict) else 0.0
        sizes = f"{m.spad.bytes >> 10:9} {m.wmem.bytes >> 10:9} {m.acc.bytes >> 10:8}"
        print(f"{m.name:16} {told['array']:>10} {m.clock_ghz:5.2f} {sizes} {m.vpu.lanes:5} {best:8.2f}")
    return 0
