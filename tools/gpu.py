"""`aic gpu M.. -o bundle/`: models, inputs and a script, to be checked and timed on a machine with a GPU.

    aic gpu resnet50.onnx bert.onnx -t triton,arch=sm_90,precision=f16 -o bundle/
    python bundle/measure.py bundle/*/ --out results --limit 540        there: torch, triton and numpy

Each launch is compared with what numpy computes for it, and times are set beside those of the same network as a torch
module. Inputs are those of M.npz beside M.onnx, else random.
"""

import argparse
import json
import shutil
from pathlib import Path

from ..compiler.errors import UsageError, printable
from ._arguments import add_build, add_shapes, add_target, options_of, target_of, use_cache
from ._memory import size_text

HELP = "a bundle to check and time models by on a machine with a GPU"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The models, where to, with which weights."""
    parser.add_argument("models", nargs="+", type=Path, metavar="M", help="ONNX files")
    parser.add_argument("-o", dest="output", type=Path, required=True, metavar="DIR", help="a new folder")
    told = "carry the weights themselves; by default large ones are random, and made again from a seed"
    parser.add_argument("--carry-weights", action="store_true", help=told)
    parser.add_argument("--seed", type=int, default=0, help="of random inputs")
    add_target(parser)
    add_shapes(parser)
    add_build(parser)


def run(args: argparse.Namespace) -> int:
    """Write the bundle; print a line for each model."""
    use_cache(args)
    if target_of(args).name != "triton":
        raise UsageError("aic gpu: expected -t triton", code="wrong-target")
    if args.output.exists():
        raise UsageError(f"{args.output}: exists", code="bad-output")
    args.output.mkdir(parents=True)
    shutil.copy(Path(__file__).parent / "_gpu" / "measure.py", args.output / "measure.py")
    found = {path: _bundled(path, args) for path in args.models}
    if args.json:
        print(json.dumps({"schema": "aic.gpu/1", "models": {p.stem: told for p, told in found.items()}}, indent=2))
        return 0
    for path, told in found.items():
        alone = "" if (args.output / path.stem / "anchor.py").exists() else "; torch has no word for some op: no anchor"
        print(f"{printable(path.stem):24} {told['launches']} launches, {size_text(told['bytes'])} to carry{alone}")
    return 0


def _bundled(path: Path, args: argparse.Namespace) -> dict[str, int]:
    from dataclasses import replace

    from ..compiler.frontends.onnx.model import load
    from ..compiler.gpu.bundle import bundle
    from ..compiler.runnable import shaped
    from ..compiler.vectors import random_inputs, read_arrays

    model = load(path)
    arrays = path.with_suffix(".npz")
    given = read_arrays(arrays, "input") if arrays.is_file() else {}
    given = {port.name: given[port.name] for port in model.inputs if port.name in given}
    options = shaped(options_of(args, model), model, given)
    static = {port.name: options.shapes.get(port.name) or _static(port.dims, options.dims) for port in model.inputs}
    feed = random_inputs([p for p in model.inputs if p.name not in given], static, args.seed) | given
    options = replace(options, kinds=("py",), name="model")
    inputs = [feed[port.name] for port in model.inputs]
    return bundle(model, options, inputs, args.output / path.stem, seeded=not args.carry_weights)


def _static(dims: object, known: object) -> tuple[int, ...]:
    if not isinstance(dims, tuple) or not isinstance(known, dict):
        raise UsageError("aic gpu: expected static shapes; give --shape or --dim")
    sizes = [known.get(d, d) for d in dims]
    if not all(isinstance(d, int) for d in sizes):
        raise UsageError("aic gpu: expected static shapes; give --shape or --dim")
    return tuple(sizes)
