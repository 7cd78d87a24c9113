"""Which results of a kernel may be written over which of its arguments.

%y = linalg.generic {(i, j) -> (i, j), (j), (i, j); par, par} ins(%x, %b)      over %x, but not over %b
"""

from xdsl.dialects import tensor
from xdsl.ir.affine import AffineMap

from ...dialects._generic import generic
from ...dialects._shape import shape
from ...dialects._xdsl import FillOp, GenericOp
from ...dialects.kernel import FuncOp


def may_overwrite(func: FuncOp, argument: int, result: int) -> bool:
    """Whether each element of the argument is last read where the same element of the result is made: all generics
    are pointwise over one space and read the argument through the identity only, none after the result's maker."""
    arg, last = func.body.block.args[argument], func.body.block.last_op
    made = last.operands[result] if last is not None else None
    if made is None or arg.type != made.type:
        return False
    sizes, written = shape(made), False
    for op in func.body.block.ops:
        if isinstance(op, FillOp | tensor.PadOp):
            return False
        if not isinstance(op, GenericOp):
            continue
        seen = generic(op)
        if not seen.is_pointwise or seen.sizes != sizes or arg in seen.captures:
            return False
        reads = [access for access in seen.inputs if access.value is arg]
        if any(access.map != AffineMap.identity(len(sizes)) for access in reads) or (written and reads):
            return False
        written = written or made in op.results
    return written
