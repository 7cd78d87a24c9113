"""`aic verify M -t T [--data DIR] [--junit F]`: are the outputs right, for every test case; for continuous integration.

The cases are those of --data, or of the model's own folder (test_data_set_N), or, where there are none, random inputs
whose outputs a reference gives.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.errors import MismatchError, UsageError, printable
from ._arguments import (
    add_build,
    add_model,
    add_shapes,
    add_target,
    add_tolerance,
    options_of,
    target_of,
    tolerance_of_outputs,
    use_cache,
)
from .run import complete, judged

if TYPE_CHECKING:
    from ..compiler.cases import Case, Outcome

HELP = "tell whether a model's outputs are right, for test cases"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, on which cases, at which level, how closely."""
    add_model(parser)
    add = parser.add_argument
    add("--data", metavar="DIR", type=Path, help="test_data_set_N, or X.npz with X.expected.npz")
    add("--junit", metavar="F.xml", type=Path, help="write the outcomes there, as JUnit does")
    add("--ref", metavar="R", help="without cases: ort, onnx-ref or aic-interp; by default ort if it is there")
    add("--cases", metavar="N", type=int, default=3, help="without cases: so many random ones")
    add("--seed", type=int, default=0, help="of random inputs")
    add("--at", choices=("graph", "tensor", "loop", "hardware"), default="hardware", help="level")
    add_target(parser)
    add_shapes(parser)
    add_build(parser)
    add_tolerance(parser)


def run(args: argparse.Namespace) -> int:
    """Run the cases; exit 4 if any is wrong."""
    from ..compiler.cases import junit
    from ..compiler.files import write_whole

    use_cache(args)
    outcomes = [_outcome(args, case) for case in _cases(args)]
    bad = [o for o in outcomes if o.why]
    if args.junit is not None:
        write_whole(args.junit, junit(args.model.stem, outcomes))
    if args.json:
        cases = [{"name": o.name, "ok": not o.why, "why": o.why, "seconds": o.seconds} for o in outcomes]
        document = {"schema": "aic.verify/1", "level": args.at, "target": target_of(args).name, "ok": not bad}
        print(json.dumps({**document, "cases": cases}, indent=2))
    elif not args.quiet or bad:
        print(
            "\n".join(
                f"{'BAD ' if o.why else 'ok  '} {printable(o.name)}  {printable(o.why)}".rstrip() for o in outcomes
            )
        )
    return judged(args, lambda: _verdict(outcomes, bad))


def _verdict(outcomes: "list[Outcome]", bad: "list[Outcome]") -> int:
    if bad:
        text = f"{len(bad)} of {len(outcomes)} cases are wrong; the first is {bad[0].name}: {bad[0].why}"
        raise MismatchError(printable(text), first_bad=bad[0].name)
    return 0


def _cases(args: argparse.Namespace) -> "list[Case]":
    from ..compiler.cases import cases_of

    if args.data is not None:
        return cases_of(args.data)
    if any(args.model.parent.glob("test_data_set_*")):
        return cases_of(args.model.parent)
    if args.model.suffix != ".onnx":
        raise UsageError(f"{args.model}: give --data, cases to verify it by")
    return _random_cases(args)


def _random_cases(args: argparse.Namespace) -> "list[Case]":
    """Random inputs; what a reference makes of them."""
    from ..compiler.cases import Case
    from ..compiler.frontends.onnx.model import load
    from ..compiler.references import default_reference, reference_arrays
    from .compare import feed_of

    model, kind = load(args.model), args.ref or default_reference()
    found: list[Case] = []
    for seed in range(args.seed, args.seed + args.cases):
        options, feed = feed_of(argparse.Namespace(**{**vars(args), "seed": seed, "input": [], "quiet": True}), model)
        made = reference_arrays(kind, args.model, model, options, feed, [])
        names = {port.name for port in model.outputs}
        found.append(Case(f"seed {seed}, {kind}", feed, {n: v for n, v in made.items() if n in names}))
    return found


def _outcome(args: argparse.Namespace, case: "Case") -> "Outcome":
    from ..compiler.cases import Outcome, verdict
    from ..compiler.runnable import runnable

    made = runnable(args.model, target_of(args).name, lambda model: options_of(args, model), args.at, case.inputs)
    feed = complete(made, case.inputs, args)
    start = time.perf_counter()
    why = verdict(made.run(feed), case.expected, tolerance_of_outputs(args))
    if not args.quiet and not args.json and why:
        print(printable(f"{case.name}: {why}"), file=sys.stderr)
    return Outcome(case.name, why, time.perf_counter() - start)
