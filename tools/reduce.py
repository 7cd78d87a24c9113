"""`aic reduce F --check CMD -o S`: the smallest part of a model, or of IR text, that still fails in the same way.

To fail is to make CMD, in which `{}` stands for the file, end with the code that it ends with for the whole. Without
--check it is that the passes (of the target, or of -p) fail, or make the numbers wrong.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.errors import UsageError
from ._arguments import add_inputs, add_shapes, add_target, add_tolerance, target_of, tolerance_of
from .bisect import add_subject

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from ..compiler.culprit.submodel import Part

HELP = "find the smallest part of a model that still fails"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, what it is to fail, where to."""
    parser.add_argument("model", type=Path, help="an ONNX file, or IR text (.mlir)")
    parser.add_argument("-o", "--output", metavar="S", type=Path, help="the part; by default reduced.onnx or .mlir")
    parser.add_argument("--check", metavar="CMD", help="what fails is a command; {} is a file with the part")
    parser.add_argument("--check-timeout", metavar="S", type=float, default=600.0, help="no command takes longer")
    add_subject(parser)
    add_inputs(parser)
    add_target(parser)
    add_shapes(parser)
    add_tolerance(parser)


def run(args: argparse.Namespace) -> int:
    """Reduce, write, tell how far it went."""
    text = args.model.suffix == ".mlir"
    out = args.output or Path(f"reduced{args.model.suffix}")
    if out.suffix != args.model.suffix:
        raise UsageError(f"-o {out}: expected {args.model.suffix}, as what is reduced")
    before, after, ops, checks = (_of_text if text else _of_model)(args, out)
    if args.json:
        document = {"schema": "aic.reduce/1", "output": str(out), "before": before, "after": after, "ops": ops}
        print(json.dumps({**document, "checks": checks}, indent=2))
    else:
        print(f"{out}: {before} reduced to {after} by {checks} checks: {', '.join(ops)}")
    return 0


def _of_model(args: argparse.Namespace, out: Path) -> tuple[int, int, list[str], int]:
    from ..compiler.culprit.reduce import Reducer
    from ..compiler.culprit.submodel import save, tensor_values
    from ..compiler.frontends.onnx.model import load
    from ..compiler.vectors import write_arrays
    from .compare import feed_of

    model = load(args.model)
    options, feed = feed_of(args, model)
    fails = _command(args) if args.check else _passes(args)
    reducer = Reducer(model, tensor_values(model, options, feed), fails, lambda line: _say(args, line))
    part = reducer.run()
    save(part.model, out)
    write_arrays(out.with_suffix(".npz"), part.feed)
    ops = [node.op_type for node in part.model.proto.graph.node if node.op_type != "Constant"]
    return len(reducer.nodes), len(ops), ops, reducer.checks


def _command(args: argparse.Namespace) -> "Callable[[Part], str]":
    """Fails as a command does; the file with the model has its inputs beside it, as .npz."""
    from tempfile import TemporaryDirectory

    from ..compiler.culprit.judge import Command
    from ..compiler.culprit.submodel import save
    from ..compiler.vectors import write_arrays

    command = Command(args.check, args.check_timeout)

    def fails(part: "Part") -> str:
        with TemporaryDirectory(prefix="aic-") as scratch:
            file = Path(scratch) / "part.onnx"
            save(part.model, file)
            write_arrays(file.with_suffix(".npz"), part.feed)
            code, _ = command.of_file(file)
            return str(code) if code else ""

    return fails


def _passes(args: argparse.Namespace) -> "Callable[[Part], str]":
    """Fails as the passes do: by an exception, or by numbers."""
    from ..compiler.culprit.judge import failure_of
    from ._subject import of_part

    target, tolerance = target_of(args).name, tolerance_of(args)

    def fails(part: "Part") -> str:
        try:
            subject = of_part(args, part, target)
        except Exception as error:  # a part that cannot be imported is another failure than the one looked for
            return f"import: {type(error).__name__}"
        return failure_of(subject.ctx, subject.start, [s.step for s in subject.stages], subject.judge(None, tolerance))

    return fails


def _of_text(args: argparse.Namespace, out: Path) -> tuple[int, int, list[str], int]:
    from ..compiler.culprit.judge import Command, Numbers, failure_of
    from ..compiler.culprit.reduce_ir import items, reduce_module
    from ..compiler.files import write_whole
    from ..compiler.ir_text import ir_text
    from ._subject import feed_and_results, of_text

    subject = of_text(args.model, args.passes or "", args.seed)
    if not args.check and not subject.stages:
        raise UsageError("IR text wants the passes that fail, -p 'a,b{k=v}', or --check CMD")
    command = Command(args.check, args.check_timeout) if args.check else None
    tolerance, checks = tolerance_of(args), 0

    def fails(module: "ModuleOp") -> str:
        nonlocal checks
        checks += 1
        if command is not None:
            return command(subject.ctx, module).partition(":")[0]
        inputs, names, results = feed_and_results(subject.ctx, module, args.seed)
        judge = Numbers(inputs, names, results, tolerance)
        return failure_of(subject.ctx, module, [s.step for s in subject.stages], judge)

    reduced = reduce_module(subject.start, fails)
    write_whole(out, ir_text(reduced) + "\n")
    ops = [op.name for op in items(reduced)]
    return len(items(subject.start)), len(ops), ops, checks


def _say(args: argparse.Namespace, line: str) -> None:
    if not args.quiet and not args.json:
        print(line, file=sys.stderr)
