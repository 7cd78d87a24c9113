"""Shapes and element types of SSA values, and the numpy types that stand for them."""

import ml_dtypes
import numpy as np
from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    IndexType,
    IntegerType,
    MemRefType,
    ShapedType,
    Signedness,
    TensorType,
    bf16,
    f16,
    f32,
    f64,
)
from xdsl.ir import Attribute, SSAValue

Array = np.ndarray[tuple[int, ...], np.dtype[np.generic]]

_FLOATS: dict[type[Attribute], np.dtype[np.generic]] = {
    Float16Type: np.dtype(np.float16),
    BFloat16Type: np.dtype(ml_dtypes.bfloat16),
    Float32Type: np.dtype(np.float32),
    Float64Type: np.dtype(np.float64),
    IndexType: np.dtype(np.int64),
}
_ELEMENTS: dict[np.dtype[np.generic], Attribute] = {
    np.dtype(np.float16): f16,
    np.dtype(ml_dtypes.bfloat16): bf16,
    np.dtype(np.float32): f32,
    np.dtype(np.float64): f64,
    np.dtype(np.bool_): IntegerType(1),
    **{np.dtype(f"int{w}"): IntegerType(w) for w in (8, 16, 32, 64)},
    **{np.dtype(f"uint{w}"): IntegerType(w, Signedness.UNSIGNED) for w in (8, 16, 32, 64)},
}


def shape(value: SSAValue | Attribute) -> tuple[int, ...]:
    """The static shape of a tensor or memref value or type; TypeError for anything else."""
    type = value.type if isinstance(value, SSAValue) else value
    if not isinstance(type, ShapedType):
        raise TypeError(f"expected a shaped value, found {type}")
    return type.get_shape()


def element(value: SSAValue | Attribute) -> Attribute:
    """The element type of a tensor or memref value or type; TypeError for anything else."""
    type = value.type if isinstance(value, SSAValue) else value
    if not isinstance(type, TensorType | MemRefType):
        raise TypeError(f"expected a tensor or memref, found {type}")
    return type.element_type


def dtype(type: Attribute) -> np.dtype[np.generic]:
    """The numpy type of an element type (or of a tensor's elements): `i1` is bool, `i8` int8, `ui8` uint8."""
    if isinstance(type, TensorType | MemRefType):
        type = type.element_type
    if isinstance(type, IntegerType):
        if (width := type.width.data) == 1:
            return np.dtype(np.bool_)
        return np.dtype(f"{'u' if type.signedness.data is Signedness.UNSIGNED else ''}int{width}")
    if (found := _FLOATS.get(builtins_type(type))) is None:
        raise TypeError(f"no numpy type for element type {type}")
    return found


def builtins_type(value: Attribute) -> type[Attribute]:
    """`type(value)`, under a name that a parameter called `type` does not hide."""
    return value.__class__


def element_of(kind: np.dtype[np.generic]) -> Attribute:
    """The element type that `dtype` answers `kind` for; TypeError if no level has it."""
    if (found := _ELEMENTS.get(np.dtype(kind))) is None:
        raise TypeError(f"tensors of {kind} are not supported")
    return found


def tensor(kind: np.dtype[np.generic] | Attribute, dims: tuple[int, ...] | list[int]) -> TensorType[Attribute]:
    """`tensor<dims x kind>`; `kind` is a numpy dtype or an element type."""
    return TensorType(kind if isinstance(kind, Attribute) else element_of(kind), list(dims))
