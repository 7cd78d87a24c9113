"""Products of matrices, whatever their operands are."""

from ....dialects.graph.contraction import MatmulOp
from .dense import matmul
from .reader import Reader, Unsupported, reads


@reads(MatmulOp)
def either(reader: Reader, op: MatmulOp) -> None:
    """With constant weights, or of activations."""
    if reader.constants.known(op.rhs) is not None:
        matmul(reader, op)
    else:
        raise Unsupported("a product of activations")
