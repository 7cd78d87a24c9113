"""Asking for the next panel of a streamed operand, a line at a time, while the points of this one are computed.

128 points, panel of 768 steps by 16    per step and tile of 6 rows: the line 6 * 16 / 128 of the panel further on
"""

from math import prod

from ...dialects.loop import PrefetchOp
from .problem import Tiling
from .scope import Base, Code
from .walk import Walk

LINE = 16
"""Elements that one prefetch brings, of four bytes each."""


def ask_ahead(code: Code, walk: Walk, tiling: Tiling, bases: dict[int, Base], rows: int) -> None:
    """Prefetch a line of the next panel (in chunks: of its same chunk): as far into it as the points, `rows` at a time,
    and the reduction are through with this."""
    vector, sizes = tiling.vector, walk.sizes
    assert vector is not None
    reducers = walk.stage.of("reduce")
    access = next(a for (m, _), a in walk.reads.items() if m is reducers[0] and a.inner(vector))
    passed = tiling.order[tiling.order.index(vector) + 1 :]
    steps = prod(sizes[d] for d in tiling.reduction)
    each = -(-steps * tiling.width // prod(sizes[d] for d in passed))
    if access.buffer is None or (step := -(-each * rows // steps)) > LINE:
        return  # lines would be left out
    outer = {d: base for d, base in bases.items() if d not in (*passed, *tiling.reduction)}
    terms, constant = code.address(access, outer, {})
    constant += access.steps[vector][0] * tiling.width
    for dims, coefficient in ((passed, each), (tiling.reduction, step)):
        for d in reversed(dims):
            index, start = bases[d]
            terms += [(coefficient, index)] if index is not None else []
            constant += coefficient * start
            coefficient *= sizes[d]
    code.put(PrefetchOp.at(access.buffer, terms, constant))
