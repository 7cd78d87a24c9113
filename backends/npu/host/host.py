"""The host's part of a compiled model: what is left of @main, run on numpy, with NPU programs in between.

func.func @main(%x: tensor<1x3x224x224xf32>) -> tensor<1x1000xf32> {
  %q = graph.quantize %x, ..          on the host
  %y = kernel.launch @npu0(%q)        a program, by way of `launch("npu0", [q])`
  ..
"""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
from xdsl.dialects.builtin import Builtin, ModuleOp, SymbolRefAttr
from xdsl.dialects.func import Func, FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Dialect, Operation, SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer

from ....dialects import graph, kernel
from ....dialects._shape import Array, dtype, shape
from ....dialects.graph._base import GraphOp
from ....dialects.graph.control import RegionOp, YieldOp
from ....dialects.graph.weight import AicContext, ConstantOp, WeightOp, WeightStore
from ...target import TargetError

Kinds = Sequence[np.dtype[np.generic]]
Launch = Callable[[str, Sequence[Array], Kinds], Sequence[Array]]
"""Runs the program of that name on the arguments of its launch; answers the launch's results, of these types."""
Values = dict[SSAValue, Array]


def host_text(module: ModuleOp) -> tuple[str, dict[str, str]]:
    """@main as text, and the weights that it reads: the name in the text -> the name in the store."""
    main = main_of(module).clone()
    main.attributes.clear()
    names: dict[str, str] = {}
    for op in main.walk():
        for value in (*op.results, *(arg for region in op.regions for block in region.blocks for arg in block.args)):
            value.name_hint = None  # no string of the model gets into what is written
        if isinstance(op, WeightOp):
            op.ref = SymbolRefAttr(names.setdefault(op.weight, f"w{len(names)}"))
    stream = io.StringIO()
    Printer(stream).print_op(ModuleOp([main]))
    return stream.getvalue() + "\n", {new: old for old, new in names.items()}


def main_of(module: ModuleOp) -> FuncOp:
    """The function @main; TargetError if there is none."""
    for op in module.ops:
        if isinstance(op, FuncOp) and op.sym_name.data == "main":
            return op
    raise TargetError("no func.func @main in the module")


def save_weights(names: Mapping[str, str], store: WeightStore) -> bytes:
    """The arrays as an .npz; equal arrays make equal bytes."""
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **{new: store[old] for new, old in names.items()})
    return stream.getvalue()


def load_weights(data: bytes, what: str) -> dict[str, Array]:
    """What `save_weights` wrote; TargetError if it is something else."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise TargetError(f"{what}: cannot be read: {error}") from error


class Host:
    """@main, ready to run. Unlike a compiler's interpreter it knows graph ops and launches only."""

    def __init__(self, text: str, weights: Mapping[str, Array], launch: Launch):
        self._main = main_of(Parser(_context(), text).parse_module())
        self._weights, self._launch = weights, launch

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs for inputs in order."""
        values: Values = dict(zip(self._main.body.block.args, inputs, strict=True))
        with np.errstate(all="ignore"):
            return self._run(self._main.body.block, values)

    def _run(self, block: Block, values: Values) -> list[Array]:
        """Run a block; answers the operands of its terminator."""
        for op in block.ops:
            operands = [values[v] for v in op.operands]
            if isinstance(op, ReturnOp | YieldOp):
                return operands
            made = self._evaluate(op, operands, values)
            for value, array in zip(op.results, made, strict=True):
                values[value] = _typed(np.asarray(array), value.type, op)
        raise TargetError("the host's part has a block without an end")

    def _evaluate(self, op: Operation, operands: Sequence[Array], values: Values) -> Sequence[Array]:
        match op:
            case WeightOp():
                return (self._weights[op.weight],)
            case ConstantOp():
                return (op.array(),)
            case kernel.LaunchOp():
                return self._launch(op.kernel, operands, [dtype(t) for t in op.result_types])
            case RegionOp():
                return op.run(operands, [self._function(region.block, values) for region in op.regions])
            case GraphOp():
                return op.evaluate(*operands)
            case _:
                raise TargetError(f"{op.name}: expected a graph op or a launch on the host")

    def _function(self, block: Block, values: Values) -> Callable[[Sequence[Array]], list[Array]]:
        def run(arguments: Sequence[Array]) -> list[Array]:
            return self._run(block, values | dict(zip(block.args, map(np.asarray, arguments), strict=True)))

        return run


def _typed(array: Array, type: Attribute, op: Operation) -> Array:
    """The array with the element type of the IR: an .npz does not know bf16, and memory no sign."""
    wanted = dtype(type)
    if array.dtype != wanted and array.dtype.itemsize == wanted.itemsize and array.dtype.kind in "iuV":
        array = np.ascontiguousarray(array).view(wanted).reshape(array.shape)
    if array.dtype != wanted or array.shape != shape(type):
        raise TargetError(f"{op.name}: expected {type}, found {array.dtype}{list(array.shape)}")
    return array


def _context() -> AicContext:
    ctx = AicContext()
    for dialect in (Builtin, Func, _graph(), Dialect("kernel", [kernel.FuncOp, kernel.LaunchOp, kernel.ReturnOp])):
        ctx.load_dialect(dialect)
    return ctx


@cache
def _graph() -> Dialect:
    """The graph dialect: all ops of its files."""
    files = [import_module(f"{graph.__name__}.{f.name}") for f in iter_modules(graph.__path__)]
    ops = {c for f in files for c in vars(f).values() if isinstance(c, type) and issubclass(c, Operation)}
    return Dialect("graph", [c for c in ops if isinstance(vars(c).get("name"), str) and c.name.startswith("graph.")])
