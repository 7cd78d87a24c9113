"""Matrix products and einsum: one contraction each, of the operands as they lie."""

from dataclasses import replace
from math import prod

from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from ....dialects._shape import element, shape
from ....dialects.graph.contraction import EinsumOp, GemmOp, MatmulOp
from ._body import Body
from ._build import Build, lowering, signless
from ._products import Factor, is_unsigned, product, reshaped, settled, sizes_of, unbroadcast


def multiply(b: Build, lhs: SSAValue, rhs: SSAValue, kind: Attribute, dims: tuple[int, ...]) -> SSAValue:
    """numpy.matmul accumulated in `kind`, a tensor of `dims`; the leading dimensions of lhs are folded into its rows
    where rhs is one matrix."""
    left, right = shape(lhs), shape(rhs)
    signs = is_unsigned(lhs), is_unsigned(rhs)
    if len(right) > 2 and prod(right[:-2]) == 1:
        right = right[-2:]
        rhs = reshaped(b, rhs, right)
    if len(left) > 2 and len(right) <= 2 and 0 not in left:
        left = (prod(left[:-1]), left[-1])
        lhs = b.reshape(lhs, left)
    rank = max(len(left), len(right)) - 2
    batch = [f"b{i}" for i in range(max(rank, 0))]
    rows, columns = (["m"] if len(left) > 1 else []), (["n"] if len(right) > 1 else [])
    x = Factor(lhs, tuple([*batch[len(batch) - max(len(left) - 2, 0) :], *rows, "k"]), signs[0])
    y = Factor(rhs, tuple([*batch[len(batch) - max(len(right) - 2, 0) :], "k", *columns]), signs[1])
    return b.reshape(product(b, x, y, [*batch, *rows, *columns], kind), dims)


@lowering(MatmulOp)
def matmul(op: MatmulOp, b: Build) -> SSAValue:
    """A contraction; of half floats in f32, then rounded."""
    kind = signless(element(op.res))
    return settled(b, multiply(b, op.lhs, op.rhs, kind, shape(op.res)), kind)


@lowering(GemmOp)
def gemm(op: GemmOp, b: Build) -> SSAValue:
    """A contraction of a and b as they lie; alpha, beta and c in one generic after it."""
    kind, dims = signless(element(op.res)), shape(op.res)
    (trans_a, trans_b), (alpha, beta) = op.transposed, op.scales
    a = Factor(op.a, ("k", "m") if trans_a else ("m", "k"), is_unsigned(op.a))
    y = product(b, a, Factor(op.b, ("n", "k") if trans_b else ("k", "n"), is_unsigned(op.b)), "mn", kind)

    def body(t: Body, x: SSAValue, *c: SSAValue) -> SSAValue:
        x = x if alpha == 1 else t.mul(t.const(alpha, x.type), x)
        if not c:
            return x
        return t.add(x, c[0] if beta == 1 else t.mul(t.const(beta, x.type), c[0]))

    if op.c is None and alpha == 1:
        return settled(b, y, kind)
    return b.pointwise([y] if op.c is None else [y, op.c], dims, kind, body)


@lowering(EinsumOp)
def einsum(op: EinsumOp, b: Build) -> SSAValue:
    """Operands one after the other: what only one has is summed first, the rest by products of two, left to right."""
    equation, kind = op.parsed, signless(element(op.res))
    if any(size == 0 for size in equation.sizes.values()):
        dims = shape(op.res)
        return b.empty(dims, kind) if 0 in dims else b.fill(0, dims, kind)
    pairs = zip(op.inputs, equation.inputs, strict=True)
    factors = [_distinct(b, value, labels, equation.sizes) for value, labels in pairs]
    needed = [set(equation.output).union(*(f.labels for f in factors[i + 1 :])) for i in range(len(factors))]
    first, *rest = factors
    first = _summed(b, first, needed[0])
    for position, factor in enumerate(rest, start=1):
        factor = _summed(b, factor, needed[position] | set(first.labels))
        sizes = sizes_of(first, factor)
        last = position == len(rest)
        out = equation.output if last else tuple(x for x in sizes if x in needed[position])
        out = tuple(x for x in out if x in sizes)
        first = Factor(product(b, first, factor, out, kind), out)
    order = [first.labels.index(label) for label in equation.output]
    value = first.value if order == sorted(order) else b.transpose(first.value, order)
    return value if element(value) == kind else settled(b, value, kind)


def _distinct(b: Build, value: SSAValue, labels: tuple[str, ...], sizes: dict[str, int]) -> Factor:
    """Without the dimensions of 1 that broadcast, and of a repeated label its diagonal."""
    factor = unbroadcast(b, Factor(value, labels, is_unsigned(value)), sizes)
    once = tuple(dict.fromkeys(factor.labels))
    if once == factor.labels:
        return factor
    reads = AffineMap(len(once), 0, tuple(AffineDimExpr(once.index(label)) for label in factor.labels))
    out = b.empty([sizes[label] for label in once], element(factor.value)), AffineMap.identity(len(once))
    diagonal = b.generic1([(factor.value, reads)], out, "p" * len(once), lambda t, x, old: x)
    return replace(factor, value=diagonal, labels=once)


def _summed(b: Build, factor: Factor, needed: set[str]) -> Factor:
    """Summed over the labels that nothing else needs."""
    axes = [i for i, label in enumerate(factor.labels) if label not in needed]
    if not axes:
        return factor
    total = b.reduce(factor.value, axes, 0, lambda t, x, so_far: t.add(x, so_far))
    return replace(factor, value=total, labels=tuple(x for x in factor.labels if x in needed))
