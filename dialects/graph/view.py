"""The same elements elsewhere: reshape, transpose, expand, slice, concat, pad.

%1 = graph.slice %x {offsets = array<i64: 0, 7>, sizes = array<i64: 2, 4>, strides = array<i64: 1, -2>}
     : (tensor<2x8xf32>) -> tensor<2x4xf32>            // x[:, 7:None:-2]

Squeeze, unsqueeze and flatten are reshapes, split is slices, tile is reshape, expand, reshape. No shape holds a -1.
"""

from math import prod

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, StringAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_operand_def, prop_def, result_def, var_operand_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, element, shape, tensor
from ._base import Fusion, GraphOp, Types, ints, normalized


class ViewOp(GraphOp):
    """One tensor in, one out, of the same elements (or some of them, or some repeated)."""

    x = operand_def(TensorType)
    res = result_def(TensorType)
    fusion = Fusion.INJECTIVE

    def like_x(self, dims: tuple[int, ...] | list[int]) -> Types:
        """The result types for these dimensions: x's element type."""
        return (tensor(element(self.x), dims),)

    def per_axis(self, name: str, attribute: DenseArrayBase) -> tuple[int, ...]:
        """The numbers of a property that has one for each axis of x; VerifyException if it has another count."""
        values, rank = ints(attribute), len(shape(self.x))
        if len(values) != rank:
            raise VerifyException(f"{self.name}: expected {name} of length {rank}, one per axis, found {list(values)}")
        return values


@irdl_op_definition
class ReshapeOp(ViewOp):
    """The elements in the same row-major order under another shape."""

    name = "graph.reshape"
    shape = prop_def(DenseArrayBase)

    def infer(self) -> Types:
        wanted, old = ints(self.shape), shape(self.x)
        if any(d < 0 for d in wanted) or prod(wanted) != prod(old):
            raise VerifyException(
                f"{self.name}: expected a shape of the {prod(old)} elements of {list(old)}, found {list(wanted)}"
            )
        return self.like_x(wanted)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = inputs
        assert x is not None
        return (x.reshape(ints(self.shape)),)


@irdl_op_definition
class TransposeOp(ViewOp):
    """Axis i of the result is axis perm[i] of x."""

    name = "graph.transpose"
    perm = prop_def(DenseArrayBase)

    def infer(self) -> Types:
        perm, old = ints(self.perm), shape(self.x)
        if sorted(perm) != list(range(len(old))):
            raise VerifyException(
                f"{self.name}: expected perm to order each axis 0..{len(old) - 1} once, found {list(perm)}"
            )
        return self.like_x([old[p] for p in perm])

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = inputs
        assert x is not None
        return (x.transpose(ints(self.perm)),)


@irdl_op_definition
class ExpandOp(ViewOp):
    """x broadcast to `shape` by numpy's rule."""

    name = "graph.expand"
    shape = prop_def(DenseArrayBase)

    def infer(self) -> Types:
        wanted, old = ints(self.shape), shape(self.x)
        kept = wanted[len(wanted) - len(old) :]
        if len(old) > len(wanted) or any(o not in (1, w) or w < 0 for o, w in zip(old, kept, strict=True)):
            raise VerifyException(f"{self.name}: expected a shape that {list(old)} broadcasts to, found {list(wanted)}")
        return self.like_x(wanted)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = inputs
        assert x is not None
        return (np.broadcast_to(x, ints(self.shape)),)


@irdl_op_definition
class SliceOp(ViewOp):
    """sizes[i] elements along each axis, from offsets[i] on, strides[i] apart (a negative stride walks backwards)."""

    name = "graph.slice"
    offsets = prop_def(DenseArrayBase)
    sizes = prop_def(DenseArrayBase)
    strides = prop_def(DenseArrayBase)

    def infer(self) -> Types:
        offsets, sizes = self.per_axis("offsets", self.offsets), self.per_axis("sizes", self.sizes)
        strides, old = self.per_axis("strides", self.strides), shape(self.x)
        for axis, (offset, size, stride, dim) in enumerate(zip(offsets, sizes, strides, old, strict=True)):
            if stride == 0:
                raise VerifyException(f"{self.name}: expected a step other than 0 on axis {axis}, found 0")
            last = offset + (size - 1) * stride
            if size < 0 or (size > 0 and not (0 <= offset < dim and 0 <= last < dim)):
                raise VerifyException(
                    f"{self.name}: expected elements within 0..{dim - 1} on axis {axis}, "
                    f"found {size} from {offset} by {stride}"
                )
        return self.like_x(sizes)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = inputs
        assert x is not None
        for axis, (offset, size, stride) in enumerate(
            zip(ints(self.offsets), ints(self.sizes), ints(self.strides), strict=True)
        ):
            x = x.take(offset + stride * np.arange(size), axis) if stride < 0 else x
            x = x[(slice(None),) * axis + (slice(offset, offset + size * stride, stride),)] if stride > 0 else x
        return (x,)


@irdl_op_definition
class ConcatOp(GraphOp):
    """Tensors of equal shape but for `axis`, one after another along it."""

    name = "graph.concat"
    xs = var_operand_def(TensorType)
    axis = prop_def(IntegerAttr)
    res = result_def(TensorType)
    fusion = Fusion.INJECTIVE

    def infer(self) -> Types:
        if not self.xs:
            raise VerifyException(f"{self.name}: expected at least one input, found none")
        first, kind = shape(self.xs[0]), element(self.xs[0])
        axis = normalized(self.axis.value.data, len(first), self)
        for x in self.xs[1:]:
            dims = shape(x)
            if element(x) != kind:
                raise VerifyException(f"{self.name}: expected element type {kind} of all inputs, found {element(x)}")
            if len(dims) != len(first) or any(a != b for i, (a, b) in enumerate(zip(first, dims)) if i != axis):  # noqa: B905
                raise VerifyException(
                    f"{self.name}: expected the shape of {list(first)} on all axes but {axis}, found {list(dims)}"
                )
        total = sum(shape(x)[axis] for x in self.xs)
        return (tensor(kind, [*first[:axis], total, *first[axis + 1 :]]),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        return (np.concatenate([x for x in inputs if x is not None], self.axis.value.data),)


Table = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
"""For each element along an axis the element it is taken from."""

PAD_MODES = ("constant", "reflect", "edge", "wrap")


@irdl_op_definition
class PadOp(GraphOp):
    """low[i] elements before and high[i] after each axis; a negative count crops, and crops come first.

    `value` (a scalar, 0 if absent) fills in mode `constant`; the other modes repeat elements of the cropped x.
    """

    name = "graph.pad"
    x = operand_def(TensorType)
    value = opt_operand_def(TensorType)
    low = prop_def(DenseArrayBase)
    high = prop_def(DenseArrayBase)
    mode = prop_def(StringAttr)
    res = result_def(TensorType)
    fusion = Fusion.INJECTIVE

    def infer(self) -> Types:
        low, high, old = ints(self.low), ints(self.high), shape(self.x)
        if len(low) != len(old) or len(high) != len(old):
            raise VerifyException(
                f"{self.name}: expected pads of length {len(old)} on each side, found {list(low)} and {list(high)}"
            )
        if self.mode.data not in PAD_MODES:
            raise VerifyException(f"{self.name}: expected a mode of {', '.join(PAD_MODES)}, found {self.mode.data}")
        if self.value is not None and (shape(self.value) != () or element(self.value) != element(self.x)):
            raise VerifyException(f"{self.name}: expected a scalar {element(self.x)} value, found {self.value.type}")
        for axis, (before, after, dim) in enumerate(zip(low, high, old, strict=True)):
            left = dim + min(before, 0) + min(after, 0)
            if left < 0 or (left == 0 and self.mode.data != "constant" and max(before, after) > 0):
                raise VerifyException(
                    f"{self.name}: expected elements left of dimension {dim} on axis {axis}, "
                    f"found pads {before} and {after}"
                )
        return (tensor(element(self.x), [b + d + a for b, d, a in zip(low, old, high, strict=True)]),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x = inputs[0]
        assert x is not None
        for axis, table in self.tables().items():
            x = x.take(table, axis)
        if self.mode.data != "constant":
            return (x,)
        value = inputs[1] if len(inputs) > 1 and inputs[1] is not None else np.zeros((), x.dtype)
        widths = [(max(b, 0), max(a, 0)) for b, a in zip(ints(self.low), ints(self.high), strict=True)]
        out = np.full([b + d + a for (b, a), d in zip(widths, x.shape, strict=True)], value, x.dtype)
        out[tuple(slice(b, b + d) for (b, _), d in zip(widths, x.shape, strict=True))] = x
        return (out,)

    def tables(self) -> dict[int, Table]:
        """Axis -> for each element of the result (in mode `constant`: of the cropped x) the element of x it copies."""
        found: dict[int, Table] = {}
        for axis, (before, after) in enumerate(zip(ints(self.low), ints(self.high), strict=True)):
            start, stop = max(-before, 0), shape(self.x)[axis] + min(after, 0)
            if self.mode.data == "constant":
                before, after = min(before, 0), min(after, 0)
            if before or after:
                at = np.arange(-max(before, 0), stop - start + max(after, 0), dtype=np.int64)
                found[axis] = start + _folded(at, stop - start, self.mode.data)
        return found


def _folded(at: Table, n: int, mode: str) -> Table:
    match mode:
        case "constant":
            return at
        case "edge":
            return np.minimum(np.maximum(at, 0), n - 1)
        case "wrap":
            return at % n
        case "reflect":
            period = max(2 * (n - 1), 1)
            return np.minimum(at % period, -at % period)
        case _:
            raise ValueError(f"no padding mode {mode}")


def resolved(x: SSAValue, wanted: tuple[int, ...], *, keep_zeros: bool = False) -> tuple[int, ...]:
    """ONNX's shape of a Reshape made explicit: 0 copies x's dimension (unless kept), one -1 takes what is left."""
    old = shape(x)
    if any(w < -1 for w in wanted):
        raise VerifyException(f"Reshape: expected dimensions of at least -1, found {list(wanted)}")
    if wanted.count(-1) > 1:
        raise VerifyException(f"Reshape: expected -1 at most once, found shape {list(wanted)}")
    if keep_zeros and -1 in wanted and 0 in wanted:
        raise VerifyException(f"Reshape: expected no -1 beside 0 with allowzero, found shape {list(wanted)}")
    if not keep_zeros and any(w == 0 and i >= len(old) for i, w in enumerate(wanted)):
        raise VerifyException(f"Reshape: expected 0 to copy one of {len(old)} dimensions, found shape {list(wanted)}")
    dims = [old[i] if w == 0 and not keep_zeros else w for i, w in enumerate(wanted)]
    if -1 in dims:
        rest = prod(d for d in dims if d != -1)
        if rest == 0 or prod(old) % rest:
            raise VerifyException(
                f"Reshape: expected the {prod(old)} elements of {list(old)} to fill the shape, found {list(wanted)}"
            )
        dims[dims.index(-1)] = prod(old) // rest
    return tuple(dims)
