"""Runs a graph on samples, op by op, and counts the numbers that some of its values take.

samples = read_samples(Path("batch.npz"), main)        x: [8, 3, 224, 224] for an input [1, 3, 224, 224] is 8 samples
found = calibrate(main, samples, values, weights)      SSA value -> Histogram
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.utils.exceptions import DiagnosticException

from ....dialects._shape import Array, dtype, shape
from ....dialects.graph._base import GraphOp
from ....dialects.graph.control import RegionOp, YieldOp
from ....dialects.graph.weight import ConstantOp, WeightOp, WeightStore
from .histogram import Histogram

Sample = Sequence[Array]
"""One array an input, in their order."""
Env = dict[SSAValue, Array]
Look = Callable[[SSAValue, Array], None]


def input_names(main: FuncOp) -> list[str]:
    """The names of @main's arguments."""
    names = main.attributes.get("arg_names")
    if isinstance(names, ArrayAttr):
        return [name.data for name in names if isinstance(name, StringAttr)]
    return [f"arg{i}" for i in range(len(main.body.block.args))]


def read_samples(file: Path, main: FuncOp) -> list[Sample]:
    """The samples in an .npz of one array an input: of the input's shape for one sample, with one dimension more in
    front for several, or as many times as long in the first dimension. DiagnosticException if it does not fit."""
    try:
        with np.load(file, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
    except (OSError, ValueError) as error:
        raise DiagnosticException(f"calibration data {file}: {error}") from error
    names = input_names(main)
    if missing := [name for name in names if name not in arrays]:
        raise DiagnosticException(f"calibration data {file}: expected {', '.join(names)}, {missing[0]} is missing")
    split = [split_samples(arrays[n], a, f"{file}: {n}") for n, a in zip(names, main.body.block.args, strict=True)]
    count = max((len(s) for s in split), default=1)
    if any(len(s) not in (1, count) for s in split):
        raise DiagnosticException(f"calibration data {file}: expected {count} samples of each input")
    return [[s[i % len(s)] for s in split] for i in range(count)]


def split_samples(array: Array, argument: SSAValue, what: str) -> list[Array]:
    """An array taken apart into samples of the argument's shape, in its type."""
    dims, kind = shape(argument), dtype(argument.type)
    if array.shape == dims:
        parts = [array]
    elif array.shape[1:] == dims:
        parts = list(array)
    elif dims and array.shape[1:] == dims[1:] and dims[0] and array.shape[0] % dims[0] == 0:
        parts = np.split(array, array.shape[0] // dims[0])
    else:
        raise DiagnosticException(f"calibration data {what}: expected samples of {list(dims)}, found {array.shape}")
    return [np.ascontiguousarray(part, kind).reshape(dims) for part in parts]


def random_samples(main: FuncOp, count: int, seed: int) -> list[Sample]:
    """Floats of a normal distribution, integers from 0 to 99, bools; the same for the same seed."""
    rng = np.random.default_rng(seed)

    def one(argument: SSAValue) -> Array:
        kind, dims = dtype(argument.type), shape(argument)
        drawn = rng.standard_normal(dims) if kind.kind in "fV" else rng.integers(0, 100, dims)
        return np.asarray(drawn % 2 if kind == np.bool_ else drawn).astype(kind)

    return [[one(argument) for argument in main.body.block.args] for _ in range(count)]


def calibrate(
    main: FuncOp, samples: Iterable[Sample], values: Iterable[SSAValue], weights: WeightStore
) -> dict[SSAValue, Histogram]:
    """The numbers that each of these values of @main takes over all samples. A value is freed after its last use."""
    found = {value: Histogram() for value in values}

    def look(value: SSAValue, array: Array) -> None:
        if (histogram := found.get(value)) is not None:
            histogram.add(array)

    for sample in samples:
        run_block(main.body.block, sample, {}, weights, look)
    return found


def run_block(block: Block, inputs: Sequence[Array], outer: Mapping[SSAValue, Array], weights: WeightStore, look: Look):
    """The values that the block ends with; `look` sees every other one as it is made."""
    env: Env = {**outer, **dict(zip(block.args, inputs, strict=True))}
    left = Counter(operand for op in block.walk() for operand in op.operands)
    for argument in block.args:
        look(argument, env[argument])
    for op in block.ops:
        if isinstance(op, ReturnOp | YieldOp):
            return [env[value] for value in op.operands]
        for value, array in zip(op.results, results_of(op, env, weights, look), strict=True):
            env[value] = array
            look(value, array)
        for inner in op.walk():
            left.subtract(inner.operands)
        for value in {v for inner in op.walk() for v in inner.operands}:
            if left[value] == 0:
                env.pop(value, None)
    raise ValueError("expected a block that ends in func.return or graph.yield")


def results_of(op: Operation, env: Env, weights: WeightStore, look: Look) -> Sequence[Array]:
    """What an op makes of the values so far."""
    match op:
        case ConstantOp():
            return (op.array(),)
        case WeightOp():
            return (weights[op.weight],)
        case RegionOp():
            blocks = [region.block for region in op.regions]
            runs = [lambda given, b=block: run_block(b, given, env, weights, look) for block in blocks]
            return op.run([env[v] for v in op.operands], runs)
        case GraphOp():
            with np.errstate(all="ignore"):
                return op.evaluate(*(env[v] for v in op.operands))
        case _:
            raise DiagnosticException(f"{op.name}: expected a graph without it, to run it on samples")
