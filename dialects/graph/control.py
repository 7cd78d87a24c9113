"""Control flow with regions, which read the values round them directly: if, loop, while; and their terminator, yield.

%r = graph.if %c ({ graph.yield %a : tensor<4xf32> }) ({ graph.yield %b : tensor<4xf32> }) : ..
%s, %ys = graph.loop %init ({ ^bb0(%i: tensor<i64>, %s: ..): .. graph.yield %s1, %y : .. }) {steps = 10 : i64} : ..
%t = graph.while %limit, %go, %init ({ ^bb0(%i: tensor<i64>, %t: ..): .. graph.yield %go1, %t1 : .. }) : ..
"""

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.dialects.builtin import IntegerAttr, TensorType, i1, i64
from xdsl.ir import Attribute, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.traits import IsTerminator
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, dtype, element, shape, tensor
from ._base import Fusion, GraphOp, Types

Run = Callable[[Sequence[Array]], Sequence[Array]]
"""A region as a function of its block arguments."""
FLAG, COUNT = tensor(i1, ()), tensor(i64, ())


@irdl_op_definition
class YieldOp(IRDLOperation):
    """The end of a region: its values."""

    name = "graph.yield"
    values = var_operand_def(TensorType)
    traits = traits_def(IsTerminator())
    assembly_format = "attr-dict ($values^ `:` type($values))?"

    def __init__(self, *values: SSAValue):
        super().__init__(operands=[values])


class RegionOp(GraphOp):
    """An op whose meaning needs that of its regions."""

    fusion = Fusion.OPAQUE

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        raise TypeError(f"{self.name}: its regions are run by an interpreter, which calls `run`")

    def run(self, inputs: Sequence[Array], regions: Sequence[Run]) -> Sequence[Array]:
        """The results for these operands, the regions given as functions."""
        raise NotImplementedError

    def yielded(self, region: Region) -> tuple[TensorType[Attribute], ...]:
        """The types of a region's values; VerifyException if it does not end in graph.yield."""
        last = region.block.last_op if len(region.blocks) == 1 else None
        if not isinstance(last, YieldOp):
            raise VerifyException(f"{self.name}: expected a region of one block that ends in graph.yield, found {last}")
        return tuple(tensor(element(v), shape(v)) for v in last.values)

    def expect(self, role: str, found: Sequence[Attribute], wanted: Sequence[Attribute]) -> None:
        """VerifyException if two lists of types differ."""
        if tuple(found) != tuple(wanted):
            raise VerifyException(f"{self.name}: expected {role} {_listed(wanted)}, found {_listed(found)}")


def _listed(types: Sequence[Attribute]) -> str:
    return f"({', '.join(map(str, types))})"


@irdl_op_definition
class IfOp(RegionOp):
    """The values of one of two regions."""

    name = "graph.if"
    condition = operand_def(TensorType)
    then_region = region_def("single_block")
    else_region = region_def("single_block")
    res = var_result_def(TensorType)

    def infer(self) -> Types:
        self.expect("a condition of type", [self.condition.type], [FLAG])
        types = self.yielded(self.regions[0])
        self.expect("as the first region's the second's values", self.yielded(self.regions[1]), types)
        return types

    def run(self, inputs: Sequence[Array], regions: Sequence[Run]) -> Sequence[Array]:
        return regions[0 if inputs[0] else 1]([])


@irdl_op_definition
class LoopOp(RegionOp):
    """`steps` rounds. The region takes the round's number and the carried values; it yields their next values, then one
    slice of each scan result, which stacks the slices of all rounds along a new first axis."""

    name = "graph.loop"
    inits = var_operand_def(TensorType)
    steps = prop_def(IntegerAttr)
    body = region_def("single_block")
    res = var_result_def(TensorType)

    def infer(self) -> Types:
        steps, carried = self.steps.value.data, tuple(v.type for v in self.operands)
        if steps < 0:
            raise VerifyException(f"{self.name}: expected at least 0 steps, found {steps}")
        types = self.yielded(self.regions[0])
        self.expect("block arguments", self.regions[0].block.arg_types, [COUNT, *carried])
        self.expect("the carried values yielded first", types[: len(carried)], carried)
        scans = [tensor(element(t), (steps, *shape(t))) for t in types[len(carried) :]]
        return (*types[: len(carried)], *scans)

    def run(self, inputs: Sequence[Array], regions: Sequence[Run]) -> Sequence[Array]:
        values, count = list(inputs), len(inputs)
        slices: list[list[Array]] = [[] for _ in self.results[count:]]
        for step in range(self.steps.value.data):
            values = list(regions[0]([np.array(step, np.int64), *values]))
            for rows, row in zip(slices, values[count:], strict=True):
                rows.append(np.array(row))
            del values[count:]
        made = zip(slices, self.results[count:], strict=True)
        return [*values, *(np.array(rows, dtype(r.type)).reshape(shape(r)) for rows, r in made)]


@irdl_op_definition
class WhileOp(RegionOp):
    """Rounds as long as the condition holds and fewer than `limit` are done. The region takes the round's number and
    the carried values; it yields the next condition, then their next values."""

    name = "graph.while"
    limit = operand_def(TensorType)
    condition = operand_def(TensorType)
    inits = var_operand_def(TensorType)
    body = region_def("single_block")
    res = var_result_def(TensorType)

    def infer(self) -> Types:
        carried = tuple(tensor(element(v), shape(v)) for v in self.operands[2:])
        self.expect("a limit and a condition of types", [v.type for v in self.operands[:2]], [COUNT, FLAG])
        self.expect("block arguments", self.regions[0].block.arg_types, [COUNT, *carried])
        self.expect("a condition and the carried values yielded", self.yielded(self.regions[0]), [FLAG, *carried])
        return carried

    def run(self, inputs: Sequence[Array], regions: Sequence[Run]) -> Sequence[Array]:
        limit, going, *values = inputs
        step = 0
        while going and step < int(limit):
            going, *values = regions[0]([np.array(step, np.int64), *values])
            step += 1
        return values
