"""`aic bisect M -t T` or `aic bisect F.mlir -p 'a,b'`: the first pass, then its first rewrite, that makes it wrong.

Right is what the graph computes as it was imported (of IR text: before the passes), or what --ref says; with --check,
that a command ends well whose `{}` is a file with the IR.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.errors import UsageError, printable
from ._arguments import add_inputs, add_shapes, add_target, add_tolerance, target_of, tolerance_of
from ._subject import Subject, of_model, of_text

if TYPE_CHECKING:
    from ..compiler.culprit.bisect import Culprit, Stage
    from ..compiler.culprit.judge import Judge

HELP = "find the pass, and the rewrite, that makes a model wrong or the compiler fail"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, which passes, what is right."""
    parser.add_argument("model", type=Path, help="an ONNX file, or IR text (.mlir)")
    add_subject(parser)
    parser.add_argument("--ref", metavar="R", help="ort, onnx-ref or @F.npz, instead of the graph as imported")
    parser.add_argument("--check", metavar="CMD", help="right is what this command takes; {} is a file with the IR")
    parser.add_argument("--pass-only", action="store_true", help="do not look for the rewrite")
    add_inputs(parser)
    add_target(parser)
    add_shapes(parser)
    add_tolerance(parser)


def add_subject(parser: argparse.ArgumentParser) -> None:
    """-p, --at, --plugin."""
    add = parser.add_argument
    add("-p", "--passes", help="these passes; of a model, by default its target's")
    add("--at", choices=("graph", "tensor", "loop", "hardware"), default="tensor", help="the last level looked at")
    add("--plugin", metavar="F.py", action="append", default=[], type=Path, help="passes of this file, by @aic.pass_")


def run(args: argparse.Namespace) -> int:
    """Search, and tell; exit 0 whatever was found."""
    from ..compiler.culprit.bisect import bisect
    from ..compiler.culprit.judge import Command

    subject = subject_of(args)
    judge: Judge = Command(args.check) if args.check else subject.judge(args.ref, tolerance_of(args))
    found = bisect(
        subject.ctx,
        subject.start,
        subject.stages,
        judge,
        rewrites=not args.pass_only,
        tell=lambda line: _say(args, line),
    )
    beyond = subject.code(tolerance_of(args)) if found is None and args.at == "hardware" and not args.check else ""
    if args.json:
        print(json.dumps(_document(found, subject.stages, beyond), indent=2))
    else:
        print(_page(found, subject.stages, beyond))
    return 0


def subject_of(args: argparse.Namespace) -> Subject:
    """What is bisected: IR text with the passes of -p, or a model with those of its target."""
    if args.model.suffix == ".mlir":
        if args.passes is None:
            raise UsageError("IR text wants its passes: -p 'a,b{k=v}'")
        return of_text(args.model, args.passes, args.seed)
    return of_model(args, target_of(args).name)


def _say(args: argparse.Namespace, line: str) -> None:
    if not args.quiet and not args.json:
        print(printable(line), file=sys.stderr)


def _page(found: "Culprit | None", stages: "list[Stage]", beyond: str) -> str:
    if beyond:
        return printable(f"all {len(stages)} passes are right; below them, loops or code: {beyond}")
    if found is None:
        return f"all {len(stages)} passes are right"
    if found.step is None:
        return printable(f"wrong before any pass: {found.why}")
    lines = [f"pass {found.index} of {len(stages)}: {found.step.spec()} ({found.level} level)", f"  {found.why}"]
    if (rewrite := found.rewrite) is not None:
        remark = rewrite.remark
        where = ", ".join(remark.nodes) or "an op without location"
        lines.append(f"rewrite {rewrite.number} of {rewrite.total}: {remark.rule} at {where} ({remark.op})")
        lines += [f"  {line}" for line in (*([remark.text] if remark.text else []), *rewrite.diff)]
    return printable("\n".join(lines))


def _document(found: "Culprit | None", stages: "list[Stage]", beyond: str) -> dict[str, object]:
    document: dict[str, object] = {"schema": "aic.bisect/1", "passes": len(stages), "culprit": None, "below": beyond}
    if found is None:
        return document
    rewrite = None
    if (r := found.rewrite) is not None:
        remark = r.remark
        rewrite = {"number": r.number, "of": r.total, "rule": remark.rule, "op": remark.op, "nodes": list(remark.nodes)}
        rewrite |= {"text": remark.text, "diff": list(r.diff)}
    spec = str(found.step.spec()) if found.step else ""
    culprit = {"pass": found.name, "spec": spec, "index": found.index, "level": found.level, "why": found.why}
    return document | {"culprit": {**culprit, "rewrite": rewrite}}
