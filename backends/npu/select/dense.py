"""Products of activations with a constant matrix: pixels are its rows. Where what is summed over lies along rows and
columns too (a flattened image), it is a convolution whose kernel is the whole image."""

from collections.abc import Sequence

import numpy as np
from xdsl.ir import SSAValue

from ....dialects._shape import shape
from ....dialects.graph._numbers import Numbers
from ....dialects.graph.contraction import GemmOp, MatmulOp
from ..layer import Tensor
from .moves import move, same
from .place import CHANNEL, COLUMN, IMAGE, ROW, Dim, Factor, Place, Unplaceable, box, merged
from .reader import Reader, Unsupported, reads
from .sums import Sum, factors, in_integers, written


@reads(GemmOp)
def gemm(reader: Reader, op: GemmOp) -> None:
    """a @ b + c with constant b and c."""
    alpha, beta = op.scales
    axis = 0 if op.trans_b else 1
    x = reader.place(op.a)
    if op.trans_a:
        raise Unsupported("a transposed first operand")
    product(reader, op, op.a, x, op.b, axis, bias=op.c, scale=alpha, beta=beta)


def matmul(reader: Reader, op: MatmulOp) -> None:
    """A product with a constant right operand, [K, N]."""
    known = reader.constants.known(op.rhs)
    if known is None or len([n for n in known.shape[:-2] if n > 1]) or len(known.shape) < 2:
        raise Unsupported("a batch of constant matrices")
    product(reader, op, op.lhs, reader.place(op.lhs), op.rhs, len(known.shape) - 1)


def product(
    reader: Reader,
    op: MatmulOp | GemmOp,
    value: SSAValue,
    place: Place,
    weights: SSAValue,
    axis: int,
    bias: SSAValue | None = None,
    scale: float = 1.0,
    beta: float = 1.0,
) -> None:
    """x[.., K] with a matrix [K, N] (axis of N last) or [N, K]."""
    dims = shape(weights)
    outputs = dims[axis]
    if not in_integers(reader, place, factors(reader, weights, lambda w: w, axis)):
        place = reader.converted(place, "bf16")
    place = summable(reader, place)
    *rows, inner = place.dims
    window = Window(place, inner, reader.granule(place.tensor))
    local = pixels(place, rows)

    def arrange(w: Numbers) -> Numbers:
        w = w.reshape(dims[-2:])
        return window.arranged(w if axis == len(dims) - 1 else w.T)

    size = (*window.view.size[:3], outputs)
    size = tuple(1 if a in window.inside else n for a, n in enumerate(size))
    written(
        reader,
        Sum(
            op=op,
            value=op.res,
            axis=len(shape(op.res)) - 1,
            x=window.view,
            size=(size[0], size[1], size[2], outputs),
            place=lambda tensor: result(tensor, local, rows, outputs),
            factors=factors(reader, weights, arrange, axis, window.way),
            shape=(*window.kernel, window.view.size[3], outputs),
            bias=bias,
            scale=scale * reader.gain(value),
            beta=beta,
            kernel=window.kernel,
        ),
    )


def summable(reader: Reader, place: Place) -> Place:
    """A place whose last dimension and the others lie along different axes, copied if need be."""
    *rows, inner = place.dims
    apart = {f.axis for d in rows for f in d}.isdisjoint(f.axis for f in inner)
    if (
        apart
        and all(f.axis in (ROW, COLUMN, CHANNEL) for f in inner)
        and CHANNEL not in {f.axis for d in rows for f in d}
    ):
        try:
            Window(place, inner, 1)
            return place
        except Unplaceable:
            pass
    sizes = place.shape
    made = same(reader, place.tensor, stacked(sizes))
    target = ordered(made, sizes)
    move(reader, place, target)
    return target


def stacked(sizes: Sequence[int]) -> tuple[int, int, int, int]:
    """The tensor of a value of at least one dimension: the last as channels, the one before as rows, so that strips of
    them can be told apart, all others as images."""
    return int(np.prod(sizes[:-2], dtype=int)), (sizes[-2] if len(sizes) > 1 else 1), 1, sizes[-1]


def ordered(tensor: Tensor, sizes: Sequence[int]) -> Place:
    """Where a value lies in its tensor `stacked`."""
    dims: list[Dim] = []
    step = int(np.prod(sizes[:-2], dtype=int))
    for n in sizes[:-2]:
        step //= n
        dims.append((Factor(IMAGE, np.arange(n, dtype=np.int64) * step),) if n > 1 else ())
    for axis, n in zip((ROW, CHANNEL)[-len(sizes) :], sizes[-2:], strict=True):
        dims.append((Factor(axis, np.arange(n, dtype=np.int64)),) if n > 1 else ())
    return Place(tensor, (0, 0, 0, 0), tuple(dims))


class Window:
    """What is summed over as a window: `kernel` rows and columns of the view, all of its channels."""

    def __init__(self, place: Place, inner: Dim, granule: int):
        if sum(f.axis == CHANNEL for f in inner) > 1 or len(merged(inner)) != len(inner):
            raise Unplaceable("a sum over several parts of the channels")
        self.inner, self.inside = inner, {f.axis for f in inner if f.axis != CHANNEL}
        if any(f.step != 1 for f in inner if f.axis != CHANNEL) or len(self.inside) + 1 < len(inner):
            raise Unplaceable("a sum over scattered pixels")
        self.view, local = box(place, granule)
        at, size = local.at[CHANNEL], self.view.size
        tables = [f.table for f in inner if f.axis == CHANNEL]
        self.table = at + (tables[0] if tables else np.zeros(1, np.int64))
        self.kernel = (size[ROW] if ROW in self.inside else 1, size[COLUMN] if COLUMN in self.inside else 1)
        if any(s != 1 for s in self.view.step) and self.inside:
            raise Unplaceable("a sum over every other pixel")
        if max(self.kernel) > 63:
            raise Unplaceable(f"a sum over {self.kernel[0]} rows and {self.kernel[1]} columns")

    @property
    def way(self) -> tuple[object, ...]:
        """What the order of the weights depends on."""
        return tuple((f.axis, len(f)) for f in self.inner), self.table.tolist(), self.view.size[3]

    def arranged(self, w: Numbers) -> Numbers:
        """[K, N] as [kernel rows, kernel columns, channels of the view, N]."""
        w = w.reshape(*(len(f) for f in self.inner), w.shape[-1])
        axes = [f.axis for f in self.inner]
        for missing in (a for a in (ROW, COLUMN, CHANNEL) if a not in axes):
            w, axes = w[None], [missing, *axes]
        w = w.transpose(*(axes.index(a) for a in (ROW, COLUMN, CHANNEL)), w.ndim - 1)
        if np.array_equal(self.table, np.arange(self.view.size[3])):
            return w
        wide = np.zeros((*w.shape[:2], self.view.size[3], w.shape[3]), w.dtype)
        wide[:, :, self.table] = w
        return wide


def pixels(place: Place, rows: list[Dim]) -> Place:
    """Where the rows of the matrix lie in the result."""
    _, local = box(Place(place.tensor, place.at, tuple(rows)))
    return local


def result(tensor: Tensor, local: Place, rows: list[Dim], outputs: int) -> Place:
    """The place of the product: the rows' pixels, the outputs as channels."""
    last = (Factor(CHANNEL, np.arange(outputs, dtype=np.int64)),) if outputs > 1 else ()
    at = (*local.at[:3], 0)
    return Place(tensor, at, (*local.dims, last))
