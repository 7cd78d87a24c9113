"""The reference meaning of a module at any level: run @main on numpy arrays.

    outputs = interpret(ctx, module, [x])                 graph, tensor or loop level alike
    interpret(ctx, module, [x], hook=lambda op, values: ...)

The hook sees every op outside generics with its results as they are made: arrays, scalars, Buffers (`.array`); for a
launch on memrefs its arguments. A tensor may be updated in place later on, so a hook that keeps one must copy it.
"""

import pkgutil
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, MemRefType, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute

from ...dialects._shape import Array
from ...dialects.graph.weight import AicContext
from ..errors import InterpretError
from ._buffers import Buffer, allocated, buffer_of
from ._graphs import as_type
from ._machine import Hook, Machine

__all__ = ["Buffer", "Hook", "interpret"]

for _file in pkgutil.iter_modules(__path__, f"{__name__}."):
    import_module(_file.name)  # each registers the rules of its level


def interpret(
    ctx: AicContext,
    module: ModuleOp,
    inputs: Sequence[Array] | Mapping[str, Array],
    *,
    hook: Hook | None = None,
    entry: str = "main",
) -> list[Array]:
    """The results of @main for these inputs (in order, or by name); InterpretError if the IR does what it may not.

    After bufferization the arguments that follow the inputs are made here: outputs unwritten, then the arena. Results
    have the graph-level types of the attribute `res_types` where the function carries it.
    """
    machine = Machine(ctx, module, hook)
    main = machine.function(entry)
    types = list(main.function_type.inputs.data)
    given = _ordered(inputs, main)
    count = len(given)
    if len(types) < count or (len(types) > count and main.function_type.outputs.data):
        raise InterpretError(f"@{entry}: expected {len(types)} inputs, found {count}")
    with np.errstate(all="ignore"):
        values = [_argument(np.asarray(a), t, f"input {i}") for i, (a, t) in enumerate(zip(given, types, strict=False))]
        made = [allocated(t) for t in types[count:]]
        results = machine.code(entry)(*values, *made)
    if len(types) > count:
        results = [b.array for b in (made[:-1] if "arena_bytes" in main.attributes else made)]
    return _typed([r.array if isinstance(r, Buffer) else np.asarray(r) for r in results], main)


def _argument(array: Array, type: Attribute, what: str) -> Any:
    try:
        array = as_type(array, type, what)
    except TypeError as error:
        raise InterpretError(str(error)) from error
    return buffer_of(array.copy(), type) if isinstance(type, MemRefType) else array


def _ordered(inputs: Sequence[Array] | Mapping[str, Array], main: object) -> list[Array]:
    if not isinstance(inputs, Mapping):
        return list(inputs)
    names = main.attributes.get("arg_names") if isinstance(main, FuncOp) else None
    if not isinstance(names, ArrayAttr):
        raise InterpretError("inputs by name: the function names none of its arguments")
    wanted = [name.data for name in names if isinstance(name, StringAttr)]
    if missing := [name for name in wanted if name not in inputs]:
        raise InterpretError(f"inputs: expected {', '.join(wanted)}; {', '.join(missing)} missing")
    return [inputs[name] for name in wanted]


def _typed(results: list[Array], main: object) -> list[Array]:
    types = main.attributes.get("res_types") if isinstance(main, FuncOp) else None
    if not isinstance(types, ArrayAttr):
        return results
    return [as_type(r, t, f"result {i}") for i, (r, t) in enumerate(zip(results, types, strict=True))]
