"""`aic npu diff A.json B.json`: two reports layer by layer, the largest change first; exit 5 if B is slower.

aic npu sim m.npux --report --json > a.json     .. later ..     aic npu diff a.json b.json --threshold 1
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...compiler.errors import RegressionError, UsageError, printable, render

if TYPE_CHECKING:
    from ...compiler.npu.forms import Diff

HELP = "compare two reports layer by layer; exit 5 if the second is slower"
LISTED = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Two files."""
    parser.add_argument("old", type=Path, metavar="A.json", help="a report, as `aic npu sim --report` writes it")
    parser.add_argument("new", type=Path, metavar="B.json")
    parser.add_argument("--threshold", type=float, default=0.0, metavar="PERCENT", help="what is no regression yet (0)")
    parser.add_argument("--all", action="store_true", help=f"all layers, not the {LISTED} that changed most")


def run(args: argparse.Namespace) -> int:
    """Print what changed; RegressionError, or with --json its exit code, if the second is too slow."""
    from ...compiler.npu.forms import difference

    found = difference(_read(args.old), _read(args.new))
    slower = found.change * 100 > args.threshold
    if args.json:
        print(json.dumps(_document(args, found, slower), indent=2))
    else:
        print(printable(_text(found, args.all)))
    if not args.quiet:
        for line in found.differs:
            print(f"warning: not alike: {printable(line)}", file=sys.stderr)
    if not slower:
        return 0
    error = RegressionError(f"{args.new} is slower by {found.change:.2%}, more than {args.threshold:g}%")
    if not args.json:
        raise error
    print(render(error), file=sys.stderr)  # stdout has its one document
    return error.exit_code


def _read(path: Path) -> Mapping[str, object]:
    try:
        document = json.loads(path.read_text(encoding="utf8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON: {error}", code="not-a-report") from None
    if not isinstance(document, dict):
        raise UsageError(f"{path}: expected a report, as `aic npu sim --report` writes it", code="not-a-report")
    return document


def _document(args: argparse.Namespace, found: "Diff", slower: bool) -> dict[str, object]:
    return {
        "schema": "aic.npu-diff/1",
        "files": [str(args.old), str(args.new)],
        "change": found.change,
        "threshold": args.threshold / 100,
        "verdict": "slower" if slower else "faster" if found.change < 0 else "same",
        "totals": {name: {"old": old, "new": new} for name, (old, new) in found.totals.items()},
        "stalls": {name: {"old": old, "new": new} for name, (old, new) in found.stalls.items()},
        "layers": [change.document() for change in found.layers],
        "differs": list(found.differs),
    }


def _text(found: "Diff", whole: bool) -> str:
    from ...compiler.npu.forms import table

    changed = [c for c in found.layers if c.cycles or c.old is None or c.new is None]
    shown = changed if whole else changed[:LISTED]
    rows = [[c.layer, _number(c.old), _number(c.new), f"{c.cycles:+,}", _by(c.old_by, c.new_by)] for c in shown]
    titles = ["layer", "old", "new", "change", "bound by"]
    parts = [table(titles, rows, [False, True, True, True, False])] if rows else []
    parts += [f"... {len(changed) - len(shown)} more"] if len(changed) > len(shown) else []
    totals = [[name, *_pair(old, new)] for name, (old, new) in (found.totals | found.stalls).items()]
    return "\n\n".join([*parts, table(["total", "old", "new", "change"], totals, [False, True, True, True])])


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _by(old: str, new: str) -> str:
    return old if old == new else f"{old or '-'} -> {new or '-'}"


def _pair(old: float, new: float) -> list[str]:
    change = f"{100 * (new / old - 1):+.2f} %" if old else "-"
    return [*(f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}" for value in (old, new)), change]
