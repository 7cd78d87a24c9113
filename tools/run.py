"""`aic run M --input x=@f.npy --output @out.npz --expect @ref.npz --at LEVEL`: the outputs, at any level of the IR."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..compiler.errors import MismatchError, UsageError, printable, render
from ._arguments import (
    add_build,
    add_inputs,
    add_model,
    add_shapes,
    add_target,
    add_tolerance,
    options_of,
    pairs,
    target_of,
    tolerance_of_outputs,
    use_cache,
)

if TYPE_CHECKING:
    from ..compiler.compare import Difference, Tolerance
    from ..compiler.frontends.onnx.model import Port
    from ..compiler.runnable import Runnable
    from ..dialects._shape import Array

HELP = "run a model or an artifact on arrays"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, on what, where to, compared with what, at which level."""
    add_model(parser)
    add_inputs(parser)
    parser.add_argument("--output", metavar="@F", help="write the outputs: @out.npz, @out.npy, @folder")
    parser.add_argument("--expect", metavar="@F", help="compare with these outputs; exit 4 if they differ")
    parser.add_argument("--at", choices=("graph", "tensor", "loop", "hardware"), default="hardware", help="level")
    group = parser.add_argument_group("programs of an NPU")
    group.add_argument("--trace", type=Path, metavar="FILE", help="write the run's timeline there")
    group.add_argument("--dump-layers", type=Path, metavar="DIR", help="write the tensor of every layer there")
    add_target(parser)
    add_shapes(parser)
    add_build(parser)
    add_tolerance(parser)


def run(args: argparse.Namespace) -> int:
    """Run once; print a line for each output."""
    from ..compiler.runnable import runnable
    from ._npu._observe import expect_program, look_into

    use_cache(args)
    if looked := args.trace is not None or args.dump_layers is not None:
        expect_program(args.model)
    given = inputs_of(args)
    made = runnable(args.model, target_of(args).name, lambda model: options_of(args, model), args.at, given)
    feed = complete(made, given, args)
    start = time.perf_counter()
    outputs = made.run(feed)
    seconds = time.perf_counter() - start
    if args.output:
        _write(args.output, outputs)
    if looked:
        look_into(args.model, feed, args.trace, args.dump_layers)
    tolerance = tolerance_of_outputs(args)
    table = _compare(args, outputs, tolerance)
    if args.json:
        print(json.dumps(_document(args, outputs, table, tolerance, seconds), indent=2))
    else:
        for name, value in outputs.items():
            print(f"{printable(name)}  {describe(value)}")
        print(f"{args.at} level, {seconds:.4f} s", file=sys.stderr)
    return judged(args, lambda: _verdict(args, table, tolerance))


def judged(args: argparse.Namespace, verdict: Callable[[], int]) -> int:
    """The exit code of a verdict. With --json a document is on stdout already, so a mismatch is told on stderr only."""
    try:
        return verdict()
    except MismatchError as error:
        if not args.json:
            raise
        print(render(error), file=sys.stderr)
        return error.exit_code


def inputs_of(args: argparse.Namespace) -> "dict[str, Array | str]":
    """The inputs that the flags give: arrays, or text still to be read as an input's type."""
    from ..compiler.vectors import read_arrays

    found: dict[str, Array | str] = {}
    named = [entry for entry in args.input if not entry.startswith("@")]
    for entry in args.input:
        if entry.startswith("@"):
            found |= read_arrays(Path(entry[1:]), "input")
    for name, text in pairs(named, "--input").items():
        found[name] = next(iter(read_arrays(Path(text[1:])).values()), "") if text.startswith("@") else text
    return found


def complete(made: "Runnable", given: "Mapping[str, Array | str]", args: argparse.Namespace) -> "dict[str, Array]":
    """All inputs as arrays: those given, by name or position, the others random from the seed."""
    from ..compiler.vectors import parse_value, random_inputs

    ports = {port.name: port for port in made.inputs}
    by_position = {str(i): port for i, port in enumerate(made.inputs)}
    found: dict[str, Array] = {}
    for name, value in given.items():
        if (port := ports.get(name) or by_position.get(name)) is None:
            raise UsageError(f"no input {printable(name)!r}; there is: {', '.join(map(printable, ports)) or 'none'}")
        found[port.name] = parse_value(value, port) if isinstance(value, str) else value
    missing = [port for name, port in ports.items() if name not in found]
    if missing and not args.quiet and not args.json:
        told = ", ".join(printable(port.name) for port in missing)
        print(f"random inputs (seed {args.seed}): {told}", file=sys.stderr)
    shapes = {port.name: _static(port) for port in missing}
    return found | random_inputs(missing, shapes, args.seed)


def _static(port: "Port") -> tuple[int, ...]:
    if port.dims is None or not all(isinstance(d, int) for d in port.dims):
        raise UsageError(f"input {printable(port.name)!r}: give it, or its shape: its dimensions are not static")
    return tuple(d for d in port.dims if isinstance(d, int))


def _write(where: str, outputs: "Mapping[str, Array]") -> None:
    from ..compiler.vectors import write_arrays

    if not where.startswith("@"):
        raise UsageError(f"--output {where}: expected @FILE")
    write_arrays(Path(where[1:]), outputs)


def _compare(
    args: argparse.Namespace, outputs: "Mapping[str, Array]", tolerance: "Tolerance"
) -> "dict[str, Difference] | None":
    """The differences from --expect by output; None if nothing is expected."""
    from ..compiler.compare import difference
    from ..compiler.vectors import read_arrays

    if args.expect is None:
        return None
    if not args.expect.startswith("@"):
        raise UsageError(f"--expect {args.expect}: expected @FILE")
    expected = read_arrays(Path(args.expect[1:]), "output")
    if set(expected) == {str(i) for i in range(len(expected))} and not set(expected) <= set(outputs):
        expected = dict(zip(outputs, expected.values(), strict=False))
    if unknown := [name for name in expected if name not in outputs]:
        raise UsageError(f"--expect: no output {printable(unknown[0])!r}; there is: {', '.join(outputs)}")
    return {name: difference(outputs[name], value, tolerance) for name, value in expected.items()}


def _verdict(args: argparse.Namespace, table: "dict[str, Difference] | None", tolerance: "Tolerance") -> int:
    if table is None:
        return 0
    bad = {name: found for name, found in table.items() if not tolerance.accepts(found)}
    if not bad:
        if not args.quiet:
            print(f"{len(table)} outputs as expected", file=sys.stderr)
        return 0
    name, found = next(iter(bad.items()))
    what = found.shape or f"max abs {found.maxabs:.3g}, {found.mismatched} elements, worst at {list(found.worst)}"
    raise MismatchError(
        f"{len(bad)} of {len(table)} outputs differ; {printable(name)}: {what}",
        first_bad=name,
        table=[f"{n}: max abs {d.maxabs:.3g}, cosine {d.cosine:.6f}" for n, d in bad.items()],
    )


def _document(
    args: argparse.Namespace,
    outputs: "Mapping[str, Array]",
    table: "dict[str, Difference] | None",
    tolerance: "Tolerance",
    seconds: float,
) -> dict[str, object]:
    rows = [{"name": n, "dtype": str(v.dtype), "shape": list(v.shape), **_range(v)} for n, v in outputs.items()]
    compared = None
    if table is not None:
        compared = [difference_json(name, found, tolerance.accepts(found)) for name, found in table.items()]
    return {"schema": "aic.run/1", "level": args.at, "seconds": seconds, "outputs": rows, "compared": compared}


def difference_json(name: str, found: "Difference", good: bool) -> dict[str, object]:
    """A difference as plain JSON: infinities as null."""
    numbers = {key: _finite(getattr(found, key)) for key in ("maxabs", "maxrel", "cosine", "sqnr", "ulp")}
    first = None
    if found.pair is not None:
        first = {"index": list(found.first), **dict(zip(("found", "expected"), map(_finite, found.pair), strict=True))}
    counts = {"mismatched": found.mismatched, "size": found.size, "first": first}
    return {"name": name, "ok": good, "shape": found.shape or None, **counts, **numbers}


def _finite(number: float) -> float | None:
    return number if abs(number) < float("inf") else None  # nor NaN


def _range(value: "Array") -> dict[str, float | None]:
    if value.size == 0 or value.dtype.kind not in "fiub":
        return {"min": None, "max": None}
    return {"min": _json_number(value.min()), "max": _json_number(value.max())}


def _json_number(number: object) -> float | None:
    found = float(str(number)) if str(number) not in ("True", "False") else float(str(number) == "True")
    return found if found == found and abs(found) < float("inf") else None


def describe(value: "Array") -> str:
    """Type, shape, and the first elements or the range."""
    shape = "x".join(map(str, value.shape)) or "scalar"
    if value.size <= 8:
        return f"{value.dtype} {shape}  {value.tolist()}"
    low, high = _range(value).values()
    return f"{value.dtype} {shape}  min {low}  max {high}  mean {_json_number(value.astype('float64').mean())}"
