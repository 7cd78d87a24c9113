"""New constants, made from known values without computing them yet."""

from math import prod

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from ...dialects._shape import Array, shape
from ...dialects.graph.weight import SMALL, ConstantOp, Recipe, WeightOp, WeightStore


def constant(make: Recipe, type: TensorType[Attribute], weights: WeightStore, stem: str) -> Operation:
    """A constant, made at once, of up to 64 elements; above, a weight that is made when it is first used."""
    return ConstantOp(make()) if prod(shape(type)) <= SMALL else lazy(make, type, weights, stem)


def lazy(make: Recipe, type: TensorType[Attribute], weights: WeightStore, stem: str) -> WeightOp:
    """A weight that is made when it is first used."""

    def dense() -> Array:
        array = make()
        return array if array.flags.c_contiguous else array.copy()

    return WeightOp(weights.fresh(stem, dense), type)


def stem(*values: SSAValue) -> str:
    """The name of the first weight among the values, from which the name of one made of them is derived."""
    return next((v.owner.weight for v in values if isinstance(v.owner, WeightOp)), "c")
