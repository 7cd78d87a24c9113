"""What is known of a value at compile time: its array, or that it is a mask."""

import numpy as np
from xdsl.ir import SSAValue

from ....dialects.graph import weight
from ....dialects.graph.compare import WhereOp
from ....dialects.graph.elementwise import AddOp, MulOp
from ....dialects.graph.quantize import DequantizeOp
from ....dialects.graph.view import ExpandOp, ReshapeOp, SliceOp, TransposeOp
from ....dialects.graph.weight import ConstantOp, Recipe, WeightOp, WeightStore

HIDING = -1e3
"""What is added to a score to hide it is below this."""


def is_known(value: SSAValue) -> bool:
    """Whether the value is a constant or a weight, or integers of these in place of floats."""
    if isinstance(op := value.owner, DequantizeOp):
        return all(map(is_known, op.operands))
    return isinstance(op, ConstantOp | WeightOp)


def recipe(value: SSAValue, weights: WeightStore) -> Recipe | None:
    """How to have the array of a known value; None for any other, and for a weight that has no array."""
    if not isinstance(op := value.owner, DequantizeOp):
        return weight.recipe(value, weights)
    inputs = [r for v in op.operands if (r := recipe(v, weights)) is not None]
    known = len(inputs) == len(op.operands)
    return (lambda: op.evaluate(*(make() for make in inputs))[0]) if known else None


def is_mask(value: SSAValue, weights: WeightStore) -> bool:
    """Whether the value hides scores: made of a choice between numbers, or of a product with one, far below zero."""
    match value.owner:
        case WhereOp() as op:
            return any(hides(v, weights) for v in (op.x, op.y))
        case MulOp() as op:
            return any(hides(v, weights) for v in op.operands)
        case AddOp() as op:
            return any(is_mask(v, weights) for v in op.operands)
        case ReshapeOp() | TransposeOp() | ExpandOp() | SliceOp() as op:
            return is_mask(op.x, weights)
        case _:
            return hides(value, weights)


def hides(value: SSAValue, weights: WeightStore) -> bool:
    """Whether one of the numbers known here is far below zero."""
    made = recipe(value, weights)
    return made is not None and bool(np.min(made().astype(np.float64), initial=0.0) < HIDING)
