"""`aic npu sim --step | --compare R | --dump-layers DIR`: a program's values, instruction by instruction."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...compiler.errors import MismatchError, UsageError, printable, render
from .._arguments import add_inputs
from ._model import sizes_of

if TYPE_CHECKING:
    from ...compiler.driver import Options
    from ...compiler.npu.watch import Candidates, Debugger, Subject
    from ...dialects._shape import Array

PROMPT = "(npu) "


def add_observation(parser: argparse.ArgumentParser) -> None:
    """--step, --compare, --tolerance, --model, --dump-layers, --program, --input, --seed."""
    group = parser.add_argument_group("values")
    add = group.add_argument
    add("--step", action="store_true", help="the debugger: reads commands, one a line; h lists them")
    add("--compare", metavar="R", help="stop at the first layer that differs from ort, onnx-ref, aic-interp or @F.npz")
    told = "what may differ: steps of integers, a part of the largest magnitude of floats (0.1)"
    add("--tolerance", type=float, metavar="T", default=0.1, help=told)
    add("--model", type=Path, metavar="M.onnx", help="the model that a program was made of, for --compare")
    add("--dump-layers", type=Path, metavar="DIR", help="write the tensor of every layer there")
    add("--program", default="", metavar="NAME", help="which one, of an artifact of several programs")
    add_inputs(parser)


def observes(args: argparse.Namespace) -> bool:
    """Whether values are asked for."""
    return bool(args.step or args.compare or args.dump_layers)


def observe(args: argparse.Namespace) -> int:
    """Step, or run through; MismatchError, or with --json its exit code, if a layer differs."""
    from ...compiler.frontends.onnx.model import load
    from ...compiler.npu.networks import BUILD
    from ...compiler.npu.programs import is_model
    from ...compiler.npu.watch import run_through, subject
    from ...compiler.runnable import Runnable, shaped
    from ..run import complete, inputs_of

    if args.step and args.json:
        raise UsageError("--step: expected no --json with it; it is a conversation")
    options, given = sizes_of(args, args.what), inputs_of(args)
    if is_model(args.what) and args.what not in BUILD:
        options = shaped(options, load(args.what), given)
    found = subject(args.what, args.machine, args.batch, args.program, options)
    feed = complete(Runnable(found.inputs, lambda _: {}), given, args)
    expected = _expected(args, found, feed, options) if args.compare else None
    debugger = found.debugger(feed, expected, args.tolerance)
    reason = _converse(debugger) if args.step else run_through(debugger)
    if args.dump_layers is not None:
        _dump(debugger, args.dump_layers)
    if expected is None:
        return 0
    return _told(args, debugger, expected, reason)


def expect_program(path: Path) -> None:
    """UsageError for a model."""
    from ...compiler.npu.programs import is_model

    if is_model(path):
        raise UsageError(f"{path}: --trace and --dump-layers look into a program; compile the model first")


def look_into(program: Path, feed: "Mapping[str, Array]", trace: Path | None, layers: Path | None) -> None:
    """Write the timeline, and the layers' tensors, of a program or of an artifact of one."""
    from ...compiler.files import write_whole
    from ...compiler.npu.forms import trace_document
    from ...compiler.npu.programs import measured
    from ...compiler.npu.watch import run_through, subject

    if trace is not None:
        found = measured(program)
        if len(found) > 1:
            raise UsageError(f"{program}: {len(found)} programs; name one of its files", code="program")
        write_whole(trace, json.dumps(trace_document(found[0])))
    if layers is not None:
        debugger = subject(program).debugger(feed)
        run_through(debugger)
        _dump(debugger, layers)


def _expected(
    args: argparse.Namespace, found: "Subject", feed: "Mapping[str, Array]", options: "Options"
) -> "Candidates":
    from ...compiler.frontends.onnx.model import load
    from ...compiler.npu.networks import BUILD
    from ...compiler.npu.programs import is_model, source_of
    from ...compiler.npu.reference import expected_of

    known = args.what in BUILD
    path = None if known else Path(args.what) if is_model(args.what) else args.model
    if path is None and not known:
        raise UsageError(f"--compare: {args.what} is no model; name the one it was made of with --model M.onnx")
    model = load(source_of(args.what, args.batch) if path is None else path)
    return expected_of(args.compare, model, path, feed, found.program, options)


def _converse(debugger: "Debugger") -> str:
    from ...compiler.npu.watch import converse

    converse(debugger, _lines(), lambda text: print(printable(text)))
    return ""


def _lines() -> Iterator[str]:
    """What a person types, or a script sends."""
    while True:
        if sys.stdin.isatty():
            print(PROMPT, end="", flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        yield line.strip()


def _dump(debugger: "Debugger", folder: Path) -> None:
    """LAYER.npy as stored, channels last; index.json says what each is."""
    import numpy as np

    from ...compiler.files import written

    folder.mkdir(parents=True, exist_ok=True)
    index: list[dict[str, object]] = []
    for number, tensor in enumerate(debugger.program.tensors):
        name = str(tensor["name"])
        if not tensor["pieces"] or debugger.tensors.missing(name):
            continue
        file = f"{number:03}.npy"
        array = debugger.tensors[name]
        with written(folder / file) as stream:
            np.save(stream, array.astype(np.float32) if array.dtype.kind == "V" else array)
        rest = {key: tensor[key] for key in ("shape", "dtype", "scale", "zero_point", "unsigned")}
        index.append({"file": file, "name": name, **rest})
    with written(folder / "index.json") as stream:
        stream.write(json.dumps({"schema": "aic.npu-layers/1", "tensors": index}, indent=1).encode() + b"\n")


def _told(args: argparse.Namespace, debugger: "Debugger", expected: "Candidates", reason: str) -> int:
    """How the comparison ended."""
    made = [t for t in debugger.program.tensors if t["pieces"]]
    compared = [str(t["name"]) for t in made if t["name"] in expected and not debugger.tensors.missing(str(t["name"]))]
    left = [str(t["name"]) for t in made if t["name"] not in expected]
    found = debugger.difference
    if args.json:
        different = None if found is None else {**vars(found), "index": list(found.index), "makers": list(found.makers)}
        document = {"reference": args.compare, "compared": compared, "left_out": left, "difference": different}
        print(json.dumps({"schema": "aic.npu-compare/1", **document}, indent=2))
    elif found is None and not args.quiet:
        print(printable(f"{len(compared)} tensors agree with {args.compare}; {len(left)} are no ONNX tensor's"))
    if found is None:
        return 0
    error = MismatchError(printable(reason or str(found)), first_bad=found.layer)
    if not args.json:
        raise error
    print(render(error), file=sys.stderr)
    return error.exit_code
