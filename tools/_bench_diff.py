"""Two measurements of `aic bench --json` compared: slower, faster or the same.

A regression is a median that grew by more than the threshold and whose 95 % interval lies clear of the baseline's.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..compiler.errors import RegressionError, UsageError, printable, render

SCHEMA = "aic.bench/1"
FACTS = (
    *("model.hash", "target", "inputs", "effort", "machine.cpu", "machine.cores", "machine.c_compiler"),
    *("options.level", "options.cflags", "options.settings", "peer.name"),
)
"""What should be equal for a comparison to mean something; what only one side tells is passed over."""


@dataclass(frozen=True)
class Measured:
    """A median with its interval, in seconds or as a ratio, and all that the file said."""

    median: float
    low: float
    high: float
    document: Mapping[str, object]


def diff(baseline: Path, candidate: Path, args: argparse.Namespace) -> int:
    """Tell which is faster; RegressionError, or with --json its exit code, if the candidate is too slow."""
    old, new = (_read(path, args.by) for path in (baseline, candidate))
    change = new.median / old.median - 1
    apart = new.low > old.high or new.high < old.low
    beyond = apart and abs(change) * 100 > args.threshold
    verdict = ("slower" if change > 0 else "faster") if beyond else "same"
    differs = _differences(old.document, new.document)
    told = f"{baseline} -> {candidate}: {_number(old, args.by)} -> {_number(new, args.by)}, {change:+.1%}: {verdict}"
    if args.json:
        sides = {"baseline": _side(baseline, old), "candidate": _side(candidate, new)}
        rest = {"change": change, "threshold": args.threshold / 100, "verdict": verdict, "differs": differs}
        print(json.dumps({"schema": "aic.bench-diff/1", "by": args.by, **sides, **rest}, indent=2))
    else:
        print(printable(told))
    if not args.quiet:
        for line in differs:
            print(f"warning: not alike: {printable(line)}", file=sys.stderr)
    if verdict != "slower":
        return 0
    error = RegressionError(f"{candidate} is slower by {change:.1%}, more than {args.threshold:g}%")
    if not args.json:
        raise error
    print(render(error), file=sys.stderr)  # stdout has its one document
    return error.exit_code


def _read(path: Path, by: str) -> Measured:
    """What `by` names in a file; UsageError if it is no measurement, or has no such thing."""
    try:
        document = json.loads(path.read_text(encoding="utf8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON: {error}", code="not-a-bench") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise UsageError(f"{path}: expected a document {SCHEMA}, as `aic bench --json` writes it", code="not-a-bench")
    if by == "ratio" and document.get("peer") is None:
        raise UsageError(f"{path}: --by ratio: it was measured without --peer", code="not-a-bench")
    try:
        found = document["seconds"] if by == "time" else document["peer"]["ratio"]
        low, high = found["interval"]
        made = Measured(float(found["median"]), float(low), float(high), document)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: malformed {SCHEMA}: {error!r}", code="not-a-bench") from None
    if not 0 < made.median < float("inf"):
        raise UsageError(f"{path}: expected a positive median, found {made.median}", code="not-a-bench")
    return made


def _differences(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    pairs = [(fact, _fact(old, fact), _fact(new, fact)) for fact in FACTS]
    return [f"{fact}: {a} -> {b}" for fact, a, b in pairs if a != b and "null" not in (a, b)]


def _fact(document: Mapping[str, object], path: str) -> str:
    found: object = document
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return json.dumps(found, sort_keys=True)


def _side(path: Path, found: Measured) -> dict[str, object]:
    return {"file": str(path), "median": found.median, "interval": [found.low, found.high]}


def _number(found: Measured, by: str) -> str:
    return f"{found.median:.3f}" if by == "ratio" else f"{found.median * 1e6:.2f} us"
