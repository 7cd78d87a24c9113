"""`aic npu sweep MACHINE MODEL --set array.rows=16,32,64`: one row a machine, with what the array's cycles went to."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...compiler.errors import UsageError, printable
from .._arguments import pairs
from ._model import MODEL, add_sizes, sizes_of

if TYPE_CHECKING:
    from ...compiler.npu.sweep import Row

HELP = "run a model on machines that differ in a few keys"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A machine, a model, the keys to change."""
    parser.add_argument("machine", help="a preset or a file")
    parser.add_argument("model", help=MODEL)
    told = "values of a key of the machine; repeated: every combination"
    parser.add_argument("--set", metavar="KEY=A,B,..", action="append", default=[], dest="changes", help=told)
    parser.add_argument("--workers", default="1", metavar="N|tcp://..", help="processes, or a dask scheduler (1)")
    add_sizes(parser)


def run(args: argparse.Namespace) -> int:
    """Print a table or a document."""
    from ...compiler.npu.sweep import sweep

    changes = {key: text.split(",") for key, text in pairs(args.changes, "--set").items()}
    if not changes:
        raise UsageError("sweep: expected --set KEY=A,B,.. at least once")
    sizes = sizes_of(args, args.model)
    rows: list[Row] = []
    for row in sweep(args.machine, args.model, changes, batch=args.batch, options=sizes, workers=args.workers):
        rows.append(row)
        if not args.quiet:
            print(printable(f"{_settings(row)}: {row.error or f'{row.cycles:,} cycles'}"), file=sys.stderr)
    if args.json:
        told = {"schema": "aic.npu-sweep/1", "machine": args.machine, "model": args.model, "batch": args.batch}
        print(json.dumps({**told, "rows": [row.document() for row in rows]}, indent=2))
    else:
        print(printable(_text(list(changes), rows)))
    return 1 if all(row.error for row in rows) else 0


def _text(keys: list[str], rows: "Sequence[Row]") -> str:
    from ...compiler.npu.forms import table

    made = [row for row in rows if not row.error]
    classes = list(made[0].stalls) if made else []
    titles = [*keys, "cycles", "runs/s", "util %", *(f"{name} %" for name in classes)]
    shown = [
        [*row.settings.values(), f"{row.cycles:,}", f"{row.runs_per_second:,.1f}", f"{row.util:.1f}"]
        + [f"{row.stalls[name]:.1f}" for name in classes]
        for row in made
    ]
    parts = [table(titles, shown, [True] * len(titles))] if shown else []
    wrong = [f"{_settings(row)}: {row.error}" for row in rows if row.error]
    return "\n".join([*parts, *wrong])


def _settings(row: "Row") -> str:
    return " ".join(f"{key}={value}" for key, value in row.settings.items())
