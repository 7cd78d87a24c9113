"""`aic npu check p.npux`: races, deadlocks, reads of what nobody wrote: for all timings. Findings exit 1."""

import argparse
import json
from pathlib import Path

from ...compiler.errors import UsageError, printable

HELP = "prove that a program has no race, deadlock or stray access"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Programs."""
    parser.add_argument("what", nargs="?", type=Path, help="a .npux or .npuasm, or an artifact's folder")
    parser.add_argument("--machine", default="", metavar="M[,K=V]", help="for a text (edge), or in a program's place")
    parser.add_argument("--force", action="store_true", help="check a program for another machine than its own")
    parser.add_argument("--slow", action="store_true", help="also waits that stall more than 5 %% of all cycles")
    parser.add_argument("--explain", action="store_true", help="what the classes mean")


def run(args: argparse.Namespace) -> int:
    """Print findings; exit 1 if one is an error."""
    from ...compiler.npu.forms import RULES, findings
    from ...compiler.npu.programs import read_programs, timed

    if args.explain:
        print("\n".join(f"{rule:10}  {text}" for rule, text in RULES.items()))
        return 0
    if args.what is None:
        raise UsageError("check: expected a program or an artifact")
    wrong, document = 0, []
    for name, program in read_programs(args.what, args.machine, force=args.force).items():
        found = findings(program, timed(name, program) if args.slow else None)
        wrong += sum(bool(finding["error"]) for finding in found)
        document += [{"program": name, **finding} for finding in found]
        if not args.json:
            for finding in found:
                print(printable(f"{name}: {finding['class']} {finding['message']}"))
            print(printable(f"{name}: {len(program.text)} instructions, {len(found)} findings"))
    if args.json:
        print(json.dumps({"schema": "aic.npu-check/1", "findings": document}, indent=2))
    return 1 if wrong else 0
