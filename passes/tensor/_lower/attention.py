"""Attention: two contractions round a softmax, all in f32 (f64 for f64); heads that share a key are one more dim.

%p = q k^T (b, g, r, s, t, d)  ->  scaled, masked  ->  max, exp, sum, quotients  ->  weights v (b, g, r, s, e, t)
"""

from xdsl.dialects.builtin import IntegerType, f32, f64, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from ....dialects._shape import element, shape
from ....dialects.graph.attention import STAGES, AttentionOp, AttentionScoresOp
from ._body import Body, widened
from ._build import Build, lowering
from ._products import Factor, product
from ._rows import Rows

Either = AttentionOp | AttentionScoresOp
QUERY, KEY, VALUE, SCORES, RESULT = "bgrsd", "bgtd", "bgte", "bgrst", "bgrse"


def _wide(op: Either) -> Attribute:
    return f64 if element(op.q) == f64 else f32


def _share(op: Either) -> int:
    """The heads that share a key."""
    return shape(op.q)[1] // shape(op.k)[1]


def _names(op: Either, names: str) -> tuple[str, ...]:
    """Dims of a tensor: without that of heads that share a key, if each has its own."""
    return tuple(names if _share(op) > 1 else names.replace("r", ""))


def _by_group(op: Either, dims: tuple[int, ...]) -> tuple[int, ...]:
    """Dimensions [.., H, S, X] as the generics have them: heads by the key that they share."""
    if _share(op) == 1 or len(dims) < 3:
        return dims
    *outer, heads, rows, last = dims
    return (*outer, *((1, 1) if heads == 1 else (shape(op.k)[1], _share(op))), rows, last)


def _products(op: Either, b: Build) -> SSAValue:
    """q k^T, [B, H, S, T], heads by group."""
    q = b.reshape(b[op.q], _by_group(op, shape(op.q)))
    query, key, scores = (_names(op, names) for names in (QUERY, KEY, SCORES))
    return product(b, Factor(q, query), Factor(b[op.k], key), "".join(scores), _wide(op))


def _adjusted(op: Either, b: Build, products: SSAValue, stage: int) -> SSAValue:
    """Scaled, from stage 1 on capped, from stage 2 on -inf where hidden and the mask added."""
    dims, kind, band = _by_group(op, op.scores()), _wide(op), op.band
    rank = len(dims)
    mask = op.mask if stage > 1 else None
    lengths = op.lengths if stage > 1 else None
    same = AffineMap.identity(rank)
    inputs = [(products, same)]
    if mask is not None:
        by_group = b.reshape(b[mask], _by_group(op, shape(mask)))
        inputs.append((by_group, _spread(shape(by_group), dims)))
    if lengths is not None:
        inputs.append((b[lengths], AffineMap(rank, 0, (AffineDimExpr(0),))))

    def body(t: Body, x: SSAValue, *rest: SSAValue) -> SSAValue:
        x = t.mul(x, t.const(op.scale.value.data, kind))
        if stage > 0 and op.cap > 0:
            cap = t.const(op.cap, kind)
            x = t.mul(t.math("tanh", t.div(x, cap)), cap)
        hidden = t.const(float("-inf"), kind)
        if mask is not None:
            term = t.cast(rest[0], widened(rest[0].type))
            if term.type == IntegerType(1):
                x = t.select(term, x, hidden)
            else:
                term = t.cast(term, kind)
                x = t.select(t.cmp("eq", term, hidden), hidden, t.add(x, term))
        for seen in _seen(t, rest[-2]) if lengths is not None else _seen(t, None):
            x = t.select(seen, x, hidden)
        return x

    def _seen(t: Body, count: SSAValue | None) -> list[SSAValue]:
        if stage < 2 or (count is None and not band.bounds):
            return []
        query, key = t.cast(t.index(rank - 2), i64), t.cast(t.index(rank - 1), i64)
        offset = t.const(band.offset, i64) if count is None else t.sub(count, t.const(dims[-2], i64))
        at = t.add(query, offset)
        found = [] if count is None else [t.cmp("lt", key, count)]
        if band.left is not None:
            found.append(t.cmp("ge", key, t.sub(at, t.const(band.left, i64))))
        if band.right is not None:
            found.append(t.cmp("le", key, t.add(at, t.const(band.right, i64))))
        return found

    return b.generic1(inputs, (b.empty(dims, kind), same), "p" * rank, body)


def _spread(source: tuple[int, ...], dims: tuple[int, ...]) -> AffineMap:
    """How a mask broadcasts to the scores."""
    skipped = len(dims) - len(source)
    pairs = enumerate(source, start=skipped)
    exprs = (AffineDimExpr(i) if n == dims[i] else AffineConstantExpr(0) for i, n in pairs)
    return AffineMap(len(dims), 0, tuple(exprs))


def _weights(op: Either, b: Build, scores: SSAValue) -> SSAValue:
    """The softmax of each row; zeros for a row of -inf."""
    rows, kind = Rows(b, scores, [len(shape(scores)) - 1]), _wide(op)

    def grown(t: Body, x: SSAValue, top: SSAValue) -> SSAValue:
        hidden = t.cmp("eq", top, t.const(float("-inf"), kind))
        return t.math("exp", t.sub(x, t.select(hidden, t.const(0.0, kind), top)))

    def share(t: Body, x: SSAValue, total: SSAValue) -> SSAValue:
        return t.div(x, t.select(t.cmp("eq", total, t.const(0.0, kind)), t.const(1.0, kind), total))

    top = rows.reduce(float("-inf"), lambda t, x, so_far: t.max(so_far, x), rows.full(scores))
    raised = rows.apply(kind, grown, rows.full(scores), rows.row(top))
    total = rows.reduce(0.0, lambda t, x, so_far: t.add(so_far, x), rows.full(raised))
    return rows.apply(kind, share, rows.full(raised), rows.row(total))


@lowering(AttentionOp)
def attention(op: AttentionOp, b: Build) -> SSAValue:
    """Scores, weights, weighted values."""
    dims, scores, kind = shape(op.res), op.scores(), element(op.res)
    if 0 in dims or 0 in scores:
        return b.fill(0, dims, kind)
    weights = _weights(op, b, _adjusted(op, b, _products(op, b), 2))
    labels, value, result = (_names(op, names) for names in (SCORES, VALUE, RESULT))
    found = product(b, Factor(weights, labels), Factor(b[op.v], value), "".join(result), _wide(op))
    found = b.reshape(found, dims)
    return found if kind == _wide(op) else b.pointwise([found], dims, kind, lambda t, x: x)


@lowering(AttentionScoresOp)
def attention_scores(op: AttentionScoresOp, b: Build) -> SSAValue:
    """Scores up to the stage."""
    dims, kind, stage = shape(op.res), element(op.res), STAGES.index(op.stage.data)
    if 0 in dims:
        return b.empty(dims, kind)
    found = _adjusted(op, b, _products(op, b), stage)
    found = b.reshape(_weights(op, b, found) if stage == 3 else found, dims)
    return found if kind == _wide(op) else b.pointwise([found], dims, kind, lambda t, x: x)
