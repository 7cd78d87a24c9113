"""`aic rules [F.rules ..]`: the rules of algebra, what they are made of, and whether they keep what graphs compute."""

import argparse
import json
from pathlib import Path

HELP = "list rules of algebra, or try them on random graphs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which rules, and what about them."""
    add = parser.add_argument
    add("files", metavar="F.rules", type=Path, nargs="*", help="files of rules; by default those of our passes")
    add("--only", metavar="RULE", action="append", default=[], help="these rules")
    add("--check", action="store_true", help="try each on random graphs; exit 4 if one changes what a graph computes")
    add("--times", metavar="N", type=int, default=24, help="graphs for each (24)")
    add("--seed", metavar="N", type=int, default=0, help="other graphs (0)")
    add("--words", action="store_true", help="the functions, families, kinds and types that rules may name")


def run(args: argparse.Namespace) -> int:
    """A table, or the words."""
    from ..compiler.errors import MismatchError, UsageError
    from ..compiler.rulecheck import check
    from ..compiler.rulecheck.files import rules_of, words

    if args.words:
        for sort, found in words().items():
            print("\n".join([sort, *(f"  {name:30}{about}" for name, about in found.items())]))
        return 0
    rules = rules_of(args.files)
    if unknown := [name for name in args.only if name not in {rule.name for _, rule in rules}]:
        raise UsageError(f"--only {unknown[0]}: no rule is called that")
    rows: list[dict[str, object]] = []
    faults: list[str] = []
    for file, rule in rules:
        if args.only and rule.name not in args.only:
            continue
        row: dict[str, object] = {"file": file.name, "rule": rule.name, "line": rule.rule.name.line}
        row["fast"] = rule.rule.fast
        if args.check:
            found = check(rule, seed=args.seed, times=args.times)
            row |= {"graphs": found.fired, "drawn": found.tried, "good": found.is_good}
            if not found.is_good:
                faults.append(str(found.fault or f"rule {rule.name}: none of {found.tried} graphs fits it"))
        rows.append(row)
        if not args.json:
            print(_line(row))
    if args.json:
        print(json.dumps({"schema": "aic.rules/1", "rules": rows}, indent=2))
    if faults:
        raise MismatchError("\n\n".join(faults), first_bad=faults[0].partition("\n")[0])
    return 0


def _line(row: dict[str, object]) -> str:
    told = f"{row['file']}:{row['line']}".ljust(30) + str(row["rule"]).ljust(34)
    told += "exact" if row["fast"] is None else f"fast {row['fast']}"
    return told if "good" not in row else f"{told.ljust(75)}{row['graphs']} graphs of {row['drawn']}"
