"""C types for the element, vector and memref types of the loop level.

f32 -> float    i1 -> uint8_t in memory, _Bool as a value    index -> int64_t    bf16 -> aic_bf16
vector<8xf32> -> f32x8    vector<8xi1> -> the mask of what was compared: i32x8 of 0 and -1
memref<4x8xf32> -> float *, to its first element
"""

from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    IndexType,
    IntegerType,
    MemRefType,
    VectorType,
)
from xdsl.ir import Attribute

STORED = {"f16": "_Float16", "bf16": "aic_bf16", "f32": "float", "f64": "double"}


def code(type: Attribute) -> str:
    """The short name of a number type: f32, i8, b1 for booleans, i64 for index."""
    match type:
        case Float16Type():
            return "f16"
        case BFloat16Type():
            return "bf16"
        case Float32Type():
            return "f32"
        case Float64Type():
            return "f64"
        case IndexType():
            return "i64"
        case IntegerType():
            width = type.width.data
            if width not in (1, 8, 16, 32, 64):
                raise TypeError(f"expected integers of 1, 8, 16, 32 or 64 bits, found {type}")
            return "b1" if width == 1 else f"i{width}"
        case _:
            raise TypeError(f"expected a number type, found {type}")


def bits(short: str) -> int:
    """The width in memory of a number type by short name."""
    return {"b1": 8, "bf16": 16}.get(short) or int(short[1:])


def stored(type: Attribute) -> str:
    """The C type of an element in memory."""
    short = code(type)
    if short == "b1":
        return "uint8_t"
    return STORED.get(short) or f"int{short[1:]}_t"


def scalar(type: Attribute) -> str:
    """The C type of a scalar value."""
    short = code(type)
    return "_Bool" if short == "b1" else stored(type)


def lanes(type: Attribute) -> int:
    """Lanes of a vector type; 1 for a scalar."""
    return type.get_shape()[0] if isinstance(type, VectorType) else 1


def number(type: Attribute) -> Attribute:
    """The element type of a vector, the type itself of a scalar."""
    return type.element_type if isinstance(type, VectorType) else type


def pointer(type: Attribute) -> str:
    """The C type of a buffer."""
    if not isinstance(type, MemRefType):
        raise TypeError(f"expected a memref, found {type}")
    return f"{stored(type.element_type)} *"
