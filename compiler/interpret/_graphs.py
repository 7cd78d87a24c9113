"""The graph dialect: each op knows its meaning on arrays; here it is called, and its results are checked."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Attribute

from ...dialects._shape import Array, dtype, shape
from ...dialects.graph._base import GraphOp
from ...dialects.graph.weight import ConstantOp, WeightOp
from ._buffers import buffer_of
from ._machine import Env, Scope, Step, rule


def as_type(array: Array, type: Attribute, what: str) -> Array:
    """The array as elements of a type of the same width (unsigned as signless); TypeError if it does not fit."""
    wanted, dims = dtype(type), shape(type)
    if array.dtype != wanted and array.dtype.kind in "iu" and array.dtype.itemsize == wanted.itemsize:
        array = np.ascontiguousarray(array).view(wanted).reshape(array.shape)
    if array.shape != dims or array.dtype != wanted:
        raise TypeError(f"{what}: expected {type}, found {array.dtype}{list(array.shape)}")
    return array


@rule(GraphOp)
def operator(op: GraphOp, scope: Scope) -> Step:
    """The op's own meaning."""
    slots, results = scope.of(op.operands), scope.of(op.results)
    types: Sequence[Attribute] = op.result_types

    def step(env: Env) -> None:
        made = op.evaluate(*[env[i] for i in slots])
        for number, (i, value, type) in enumerate(zip(results, made, types, strict=True)):
            env[i] = _exactly(np.asarray(value), type, f"result {number}")

    return step


def _exactly(array: Array, type: Attribute, what: str) -> Array:
    if array.shape != shape(type) or array.dtype != dtype(type):
        raise TypeError(f"{what}: expected {type}, found {array.dtype}{list(array.shape)}")
    return array


@rule(ConstantOp)
def constant(op: ConstantOp, scope: Scope) -> Step:
    """The array that stands in the IR."""
    array, result = op.array(), scope.slot(op.res)

    def step(env: Env) -> None:
        env[result] = array

    return step


@rule(WeightOp)
def weight(op: WeightOp, scope: Scope) -> Step:
    """The array of the store, logical; as a memref, laid out in memory."""
    machine, name, result, type = scope.machine, op.weight, scope.slot(op.res), op.res.type

    def step(env: Env) -> None:
        if (name, type) not in machine.weights:
            array = as_type(machine.ctx.weights[name], type, f"weight {name}")
            machine.weights[name, type] = buffer_of(array, type) if isinstance(type, MemRefType) else array
        env[result] = machine.weights[name, type]

    return step
