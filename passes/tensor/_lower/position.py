"""Values by where an element stands: pointwise generics that compare linalg.index."""

from xdsl.dialects.builtin import IndexType, i64
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from ....dialects._shape import dtype, element, shape
from ....dialects.graph.position import OneHotOp, TriluOp
from ._body import Body
from ._build import Build, lowering


@lowering(TriluOp)
def trilu(op: TriluOp, b: Build) -> SSAValue:
    """x where column - row is beyond k, else 0."""
    dims = shape(op.x)

    def body(t: Body, x: SSAValue) -> SSAValue:
        across = t.sub(t.index(len(dims) - 1), t.index(len(dims) - 2))
        kept = t.cmp("ge" if op.upper else "le", across, t.const(op.k.value.data, IndexType()))
        return t.select(kept, x, t.const(0, x.type))

    return b.pointwise([op.x], dims, element(op.res), body)


@lowering(OneHotOp)
def one_hot(op: OneHotOp, b: Build) -> SSAValue:
    """on where the index along the new axis is the wanted one, else off."""
    dims, axis, depth = shape(op.res), op.axis.value.data, op.depth.value.data
    values, indices = b[op.values], b[op.indices]
    at = AffineMap(len(dims), 0, tuple(AffineDimExpr(i) for i in range(len(dims)) if i != axis))
    choices = [AffineMap(len(dims), 0, (AffineConstantExpr(i),)) for i in range(2)]
    unsigned = dtype(op.indices.type).kind == "u"

    def body(t: Body, index: SSAValue, off: SSAValue, on: SSAValue, old: SSAValue) -> SSAValue:
        wide = t.cast(index, i64, from_unsigned=unsigned)
        wanted = t.select(t.cmp("lt", wide, t.const(0, i64)), t.add(wide, t.const(depth, i64)), wide)
        return t.select(t.cmp("eq", t.cast(t.index(axis), i64), wanted), on, off)

    out = b.empty(dims, element(values)), AffineMap.identity(len(dims))
    return b.generic1([(indices, at), (values, choices[0]), (values, choices[1])], out, "p" * len(dims), body)
