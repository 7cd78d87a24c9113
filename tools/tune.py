"""`aic tune M -t T`: measure other schedules of a model's kernels, keep what is faster; `aic tune db ..`: what is kept.

aic tune net.onnx --time 600                      search; `aic compile net.onnx` uses what was found
aic tune net.onnx --workers 2                     one process builds while the other measures
aic tune net.onnx -t triton,arch=sm_90            without a GPU: ranked by a model of it, which the records say
aic tune db list | best                           the measurements; the schedules that won
aic tune db table F                               those as JSON lines, for `aic compile --tuned F`
aic tune db export F | import F | merge DB        JSON lines, to hand on; another database
aic tune db replay M                              the code of what won is what it was when it was measured
aic tune db prune                                 drop what no build will use
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.errors import RegressionError, UsageError, printable
from ..compiler.files import write_whole
from ._arguments import add_build, add_shapes, add_target, options_of, target_of, use_cache
from .bench import amount, count, time_text

if TYPE_CHECKING:
    from ..compiler.tune.database import Database, Row
    from ..compiler.tune.tuning import Report, Tuned

HELP = "search faster schedules for a model's kernels; look after the database of them"
LISTED = 20
"""Kernels that a person is told of; all of them with --json."""
ACTIONS = {"list": 0, "best": 0, "table": 1, "export": 1, "import": 1, "merge": 1, "prune": 0, "replay": 1}
"""What can be done with the database -> how many words follow."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, for how long, in which way."""
    parser.add_argument("what", nargs="+", metavar="M", help=f"an ONNX file; or: db {'|'.join(ACTIONS)} ..")
    add = parser.add_argument_group("searching").add_argument
    add("--trials", type=count, default=1000, metavar="N", help="schedules to measure at most (1000)")
    add("--time", type=amount, default=600.0, metavar="S", help="seconds at most (600)")
    add("--tuner", default="learned", metavar="T", help="random, grid, ga or learned (learned)")
    add("--seed", type=int, default=0, metavar="N", help="of what is random in the search")
    add("--batch", type=count, default=12, metavar="N", help="schedules of a kernel that are built together (12)")
    add("--early-stop", type=count, default=48, metavar="N", help="leave a kernel after so many without gain (48)")
    add("--no-resume", action="store_true", help="measure again what is in the database")
    add("--workers", default="1", metavar="N|tcp://..", help="N processes, or a dask scheduler's (1)")
    add_target(parser)
    add_shapes(parser)
    add_build(parser)


def run(args: argparse.Namespace) -> int:
    """Tune, or do what is asked with the database."""
    from ..compiler.tune.database import Database, default_path

    words = args.what
    if words[0] == "db" and (len(words) < 2 or ACTIONS.get(words[1]) != len(words) - 2):
        told = ", ".join(f"{name} {'F' * number}".strip() for name, number in ACTIONS.items())
        raise UsageError(f"tune db: expected one of {told}")
    if words[0] != "db" and len(words) != 1:
        raise UsageError("tune: expected one model, or: db ACTION")
    if args.db == "none":
        raise UsageError("tune --db none: a search wants a database")
    use_cache(args)
    database = Database(Path(args.db) if args.db else default_path())
    try:
        return _with(database, words[1:], args) if words[0] == "db" else _tune(database, Path(words[0]), args)
    finally:
        database.close()


def _tune(database: "Database", path: Path, args: argparse.Namespace) -> int:
    from ..compiler.frontends.onnx.model import load
    from ..compiler.tune.tuning import Request, tune

    model = load(path)
    request = Request(
        trials=args.trials,
        seconds=args.time,
        tuner=args.tuner,
        seed=args.seed,
        batch=args.batch,
        patience=args.early_stop,
        resume=not args.no_resume,
        workers=args.workers,
    )

    def tell(line: str) -> None:
        if not args.quiet:
            print(printable(line), file=sys.stderr, flush=True)

    found = tune(model, target_of(args).name, options_of(args, model), database, request, tell)
    if args.json:
        print(json.dumps(_document(found, printable(model.name), database, args), indent=2))
    else:
        print(printable("\n".join(_page(found, model.name, database))))
    return 0


def _document(found: "Report", name: str, database: "Database", args: argparse.Namespace) -> dict[str, object]:
    default, tuned = found.sums
    return {
        "schema": "aic.tune/1",
        "model": name,
        "target": target_of(args).name,
        "database": str(database.path),
        "trials": found.trials,
        "seconds": found.seconds,
        "clock": found.clock,
        "default_seconds": default,
        "tuned_seconds": tuned,
        "rank_correlation": found.correlation,
        "kernels": [
            {**asdict(k), "trials": dict(k.trials), "nodes": [printable(n) for n in k.nodes]} for k in found.kernels
        ],
    }


def _page(found: "Report", name: str, database: "Database") -> list[str]:
    from ..compiler.tune.database import MODEL

    default, tuned = found.sums
    part = f" ({1 - tuned / default:.1%} less)" if default else ""
    won, modelled = sum(bool(k.schedule) for k in found.kernels), found.clock == MODEL
    are = "are faster by the model" if modelled else "are faster"
    lines = [
        f"{name}: {found.trials} trials in {found.seconds:.0f} s; {won} of {len(found.kernels)} kernels {are}",
        f"  their runs alone   {time_text(default)} by default, {time_text(tuned)} tuned{part}",
    ]
    if modelled:
        lines.append("  told by a model    there is no such machine here: nothing was run, and no time was measured")
    elif found.clock != "cpu":
        lines.append(f"  measured on        {printable(found.clock)}")
    if found.correlation is not None:
        times = "the model's" if modelled else "measured"
        lines.append(f"  static cost        rank correlation with {times} times {found.correlation:.2f} (median)")
    lines += [f"  database           {database.path}", ""]
    lines.append(f"{'kernel':12}{'runs':>5}{'default':>10}{'ratio':>7}{'trials':>7}{'of':>7}{'rank':>6}  schedule")
    lines += [_row(kernel) for kernel in found.kernels[:LISTED]]
    rest = len(found.kernels) - LISTED
    return lines + ([f"  and {rest} kernels more"] if rest > 0 else [])


def _row(kernel: "Tuned") -> str:
    default = "-" if kernel.default is None else time_text(kernel.default)
    rank = "-" if kernel.correlation is None else f"{kernel.correlation:.2f}"
    bad = ", ".join(f"{n} {status}" for status, n in sorted(kernel.trials.items()) if status != "ok")
    tail = kernel.schedule or "the default's"
    return (
        f"{kernel.name[:11]:12}{kernel.launches:>5}{default:>10}{kernel.ratio:>7.3f}{kernel.trials.total():>7}"
        f"{kernel.space:>7}{rank:>6}  {tail}{f' ({bad})' if bad else ''}"
    )


def _with(database: "Database", words: Sequence[str], args: argparse.Namespace) -> int:
    from ..compiler.tune import records

    match words:
        case ["list"]:
            return _listed(database.rows(), database, args)
        case ["best"]:
            return _listed(_best(database, args), database, args)
        case ["export" | "table" as what, file]:
            text = records.exported(database.rows() if what == "export" else _best(database, args))
            if file == "-":
                print(text, end="")
            else:
                write_whole(Path(file), text)
            return 0
        case ["import", file]:
            return _changed("import", database.add(records.read(Path(file))), database, args)
        case ["merge", other]:
            return _changed("merge", database.merge(Path(other)), database, args)
        case ["prune"]:
            return _changed("prune", database.prune(_version(args)), database, args)
        case ["replay", model]:
            return _replay(database, Path(model), args)
        case _:
            raise UsageError(f"tune db: unknown action {words[0]}")


def _version(args: argparse.Namespace) -> str:
    from ..compiler.tune.identity import compiler_version

    return compiler_version(target_of(args).name)


def _best(database: "Database", args: argparse.Namespace) -> "list[Row]":
    from ..compiler.tune.identity import fingerprint

    return [*database.best(fingerprint(target_of(args).name, options_of(args)), _version(args)).values()]


def _listed(rows: "Sequence[Row]", database: "Database", args: argparse.Namespace) -> int:
    from ..compiler.tune.database import MODEL, document

    if args.json:
        entries = [document(row) for row in rows]
        print(json.dumps({"schema": "aic.tune-db/1", "database": str(database.path), "rows": entries}, indent=2))
        return 0
    print(f"{database.path}: {len(rows)} measurements")
    for row in rows:
        time = time_text(row.seconds) if row.status == "ok" else row.status
        print(
            f"  {row.kernel}  {printable(row.model)[:20]:20} {printable(row.name)[:10]:10} {row.kind:5} {time:>9} "
            f"{row.ratio:6.3f}  {row.schedule or 'default'}{' (by a model)' if row.clock == MODEL else ''}"
        )
    return 0


def _changed(action: str, rows: int, database: "Database", args: argparse.Namespace) -> int:
    if args.json:
        document = {"schema": "aic.tune-change/1", "action": action, "database": str(database.path), "rows": rows}
        print(json.dumps(document, indent=2))
    else:
        print(f"{database.path}: {rows} measurements {'dropped' if action == 'prune' else 'taken over'}")
    return 0


def _replay(database: "Database", path: Path, args: argparse.Namespace) -> int:
    """Make the winners' code again; RegressionError if it is not what was measured."""
    from ..compiler.frontends.onnx.model import load
    from ..compiler.tune.replay import replay

    model = load(path)
    found = replay(model, target_of(args).name, options_of(args, model), _best(database, args))
    if args.json:
        rows = [asdict(entry) | {"equal": entry.equal} for entry in found]
        print(json.dumps({"schema": "aic.tune-replay/1", "model": printable(model.name), "kernels": rows}, indent=2))
    else:
        for entry in found:
            print(f"{printable(entry.name):12} {entry.schedule:60} {'equal' if entry.equal else 'other code'}")
        print(f"{len(found)} kernels with a schedule that won")
    if other := [entry.name for entry in found if not entry.equal]:
        raise RegressionError(f"{len(other)} kernels have other code than was measured, the first {other[0]}")
    return 0
