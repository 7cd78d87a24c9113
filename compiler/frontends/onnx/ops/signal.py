"""Importers of Fourier transforms, as products with the matrix of the transform, and of mel filters."""

from math import prod

import numpy as np
from onnx import helper
from xdsl.ir import SSAValue

from .....dialects._shape import Array, dtype, shape
from .....dialects.graph.contraction import MatmulOp
from .....dialects.graph.gather import GatherOp
from .....dialects.graph.view import SliceOp, TransposeOp
from ..node import Node
from ..registry import onnx_op
from ._terms import Term

LARGEST = 1 << 24
"""Elements of a transform's matrix above which it is refused."""


def whole(n: Node, index: int) -> int:
    """An input that is one known integer."""
    (number,) = n.constant(index).reshape(-1).tolist()
    return int(number)


@onnx_op("DFT")
def dft(n: Node) -> SSAValue:
    """Along an axis (an attribute, from opset 20 on an input) of x [..., real or real and imaginary part]."""
    axis = n.int("axis", 1) if n.opset < 20 else whole(n, 2) if n.has(2) else -2
    length = whole(n, 1) if n.has(1) else None
    return transformed(n, n.input(0), axis, length, n.int("inverse", 0) != 0, n.int("onesided", 0) != 0)


@onnx_op("STFT")
def stft(n: Node) -> SSAValue:
    """The windowed frames of a signal [batch, length, parts], each transformed: [batch, frames, frequencies, 2]."""
    x, step = n.input(0), whole(n, 1)
    size = whole(n, 3) if n.has(3) else n.shape(2)[0] if n.has(2) else n.shape(0)[1]
    if step < 1 or not 0 < size <= n.shape(0)[1]:
        raise ValueError(f"expected a positive step and frames within the signal, found {step} and {size}")
    starts = np.arange(0, n.shape(0)[1] - size + 1, step)
    frames = n.emit(GatherOp, x, n.const(starts[:, None] + np.arange(size)), axis=1)
    if n.has(2):
        frames = (Term.of(n, frames) * Term.of(n, n.input(2)).reshape([size, 1])).value
    return transformed(n, frames, 2, None, False, n.int("onesided", 1) != 0)


def transformed(n: Node, x: SSAValue, axis: int, length: int | None, inverse: bool, onesided: bool) -> SSAValue:
    """The rows of x as vectors, the parts of an element beside each other, times the transform's matrix."""
    dims = shape(x)
    rank, parts = len(dims), dims[-1] if dims else 0
    if rank < 2 or parts not in (1, 2) or not -rank <= axis < rank or axis % rank == rank - 1:
        raise ValueError(f"expected an axis before the last of x [..., 1 or 2], found {axis} of {list(dims)}")
    axis, half = axis % rank, inverse and onesided
    length = length or (2 * (dims[axis] - 1) if half else dims[axis])
    used = min(dims[axis], length // 2 + 1 if half else length)
    if used != dims[axis]:
        sizes = [used if i == axis else size for i, size in enumerate(dims)]
        x = n.emit(SliceOp, x, offsets=[0] * rank, sizes=sizes, strides=[1] * rank)
    if used * parts * length * 2 > LARGEST:
        n.refuse(f"a transform of length {length}")
    matrix = fourier(used, parts, length, inverse, onesided)
    order = [*(i for i in range(rank - 1) if i != axis), axis, rank - 1]
    rows = [dims[i] for i in order[:-2]]
    last = Term.of(n, n.emit(TransposeOp, x, perm=order)).reshape([prod(rows), used * parts])
    product = n.emit(MatmulOp, last.value, n.const(matrix.reshape(used * parts, -1).astype(dtype(x.type))))
    made = Term.of(n, product).reshape([*rows, *matrix.shape[2:]]).value
    return n.emit(TransposeOp, made, perm=[order.index(i) for i in range(rank)])


def fourier(count: int, parts: int, length: int, inverse: bool, onesided: bool) -> Array:
    """[count, parts, outputs, parts of an output]: the transforms of the unit vectors, and of those times i."""
    units = np.stack([np.eye(count), 1j * np.eye(count)][:parts], axis=1)
    if inverse and onesided:
        return np.fft.irfft(units, length)[..., None]
    found = np.fft.ifft(units, length) if inverse else np.fft.fft(units, length)
    found = found[..., : length // 2 + 1] if onesided else found
    return np.stack([found.real, found.imag], axis=-1)


@onnx_op("MelWeightMatrix")
def mel_weight_matrix(n: Node) -> SSAValue:
    """Triangles over the bins of a spectrum, their corners evenly spaced in mel(f) = 2595 log10(1 + f / 700)."""
    bins, length, rate = (whole(n, i) for i in range(3))
    low, high = (2595 * np.log10(1 + float(n.constant(i).reshape(-1)[0]) / 700) for i in (3, 4))
    if bins < 1 or length < 1 or rate < 1:
        raise ValueError(f"expected positive numbers of bins, samples and hertz, found {bins}, {length} and {rate}")
    mels = low + np.arange(bins + 2) * ((high - low) / (bins + 2))
    corners = ((length + 1) * 700 * (10 ** (mels / 2595) - 1) // rate).astype(int)
    spectrum = np.arange(length // 2 + 1)[:, None]
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    with np.errstate(all="ignore"):
        rising = np.where(centre == left, spectrum == centre, (spectrum - left) / (centre - left))
        falling = np.where(right == centre, spectrum == centre, (right - spectrum) / (right - centre))
    inside = (spectrum >= left) & (spectrum <= np.maximum(centre, right - 1))
    weights = np.where(inside, np.where(spectrum < centre, rising, np.where(spectrum > centre, falling, 1.0)), 0.0)
    return n.const(weights.astype(helper.tensor_dtype_to_np_dtype(n.int("output_datatype", 1))))
