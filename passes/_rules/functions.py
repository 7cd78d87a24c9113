"""The functions that side conditions and properties of results may call. What a function says of itself is its
documentation.

where one_use(y) and rank(x) == 2          transpose{perm = compose(p, q)}(x)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from math import prod

import numpy as np
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import Attribute, SSAValue

from ...dialects import _shape
from ...dialects._shape import Array, dtype
from ...dialects.graph.activation import ReluOp, SigmoidOp
from ...dialects.graph.elementwise import AbsOp, CeilOp, ExpOp, FloorOp, RoundOp, SignOp, SqrtOp
from ...dialects.graph.softmax import SoftmaxOp
from ...dialects.graph.weight import ConstantOp, WeightStore, recipe

Ints = Sequence[int]
MOST = 1 << 16
"""Elements up to which a weight is read to answer a question."""


@dataclass
class Facts:
    """What is known outside the IR: the weights."""

    weights: WeightStore = field(default_factory=WeightStore)

    def array(self, value: SSAValue) -> Array | None:
        """The numbers of a constant, or of a weight of at most `MOST` elements."""
        if isinstance(value.owner, ConstantOp):
            return value.owner.array()
        known = prod(_shape.shape(value)) <= MOST and recipe(value, self.weights)
        return known() if known else None


Function = Callable[..., object]
FUNCTIONS: dict[str, Function] = {}
READING: set[str] = set()
"""Functions that take the facts before all else."""


def function(f: Function) -> Function:
    """Rules may call this."""
    FUNCTIONS[f.__name__.strip("_")] = f
    if next(iter(signature(f).parameters), "") == "facts":
        READING.add(f.__name__.strip("_"))
    return f


def arity(name: str) -> int:
    """How many arguments a function takes."""
    return len(signature(FUNCTIONS[name]).parameters) - (name in READING)


@function
def rank(x: SSAValue) -> int:
    """How many dimensions x has."""
    return len(_shape.shape(x))


@function
def shape(x: SSAValue) -> tuple[int, ...]:
    """The dimensions of x."""
    return _shape.shape(x)


@function
def dim(x: SSAValue, axis: int) -> int:
    """One dimension of x; of negative axes the last is -1. 0 if x has no such axis."""
    dims = _shape.shape(x)
    return dims[axis] if -len(dims) <= axis < len(dims) else 0


@function
def size(x: SSAValue) -> int:
    """How many elements x has."""
    return prod(_shape.shape(x))


@function
def element(x: SSAValue) -> Attribute:
    """The type of x's elements, to compare with `f32` or another's."""
    return _shape.element(x)


@function
def one_use(x: SSAValue) -> bool:
    """Whether x is read once only: then nothing else needs what made it."""
    return x.has_one_use()


@function
def constant(x: SSAValue) -> bool:
    """Whether x is known at compile time."""
    from .vocabulary import is_constant

    return is_constant(x)


@function
def number(facts: Facts, x: SSAValue) -> int | float:
    """The number that all elements of a constant are; NaN, equal to nothing, if they differ or are not known."""
    array = facts.array(x)
    if array is None or array.size == 0 or (array != array.reshape(-1)[0]).any():
        return float("nan")
    return array.reshape(-1)[0].item()


@function
def finite(facts: Facts, x: SSAValue) -> bool:
    """Whether x is known, and none of its elements is NaN or infinite."""
    array = facts.array(x)
    return array is not None and bool(np.isfinite(array.astype(np.float64)).all())


@function
def within(facts: Facts, x: SSAValue, low: float, high: float) -> bool:
    """Whether x is known, and all its elements lie from low to high; never with a NaN."""
    array = facts.array(x)
    if array is None:
        return False
    wide = array.astype(np.float64 if array.dtype.kind in "fV" else object)
    return bool(((wide >= low) & (wide <= high)).all())


@function
def power_of_two(facts: Facts, x: SSAValue) -> bool:
    """Whether x is known, and its elements and their reciprocals are powers of two of full precision: then a product
    or a quotient by them is exact, and one may stand for the other."""
    array = facts.array(x)
    if array is None or array.dtype.kind not in "fV" or array.size == 0:
        return False
    fraction, exponent = np.frexp(np.abs(array.astype(np.float64)))
    least = {2: 14, 4: 126, 8: 1022}[array.dtype.itemsize] if array.dtype.kind == "f" else 126
    return bool(((fraction == 0.5) & (np.abs(exponent - 1) < least)).all())


@function
def below(x: SSAValue, y: SSAValue) -> bool:
    """Whether y's shape broadcasts to x's, so that x's shape is that of both together."""
    dims, other = _shape.shape(x), _shape.shape(y)
    return len(other) <= len(dims) and all(n in (1, m) for n, m in zip(other[::-1], dims[::-1], strict=False))


@function
def never_negative(x: SSAValue) -> bool:
    """Whether what makes x makes no number below 0, and no -0.0; NaN perhaps."""
    op = x.owner
    if isinstance(op, SigmoidOp | ExpOp | SoftmaxOp):
        return True
    return isinstance(op, AbsOp) and not isinstance(_shape.element(x), IntegerType)


@function
def whole(x: SSAValue) -> bool:
    """Whether what makes x makes whole numbers, or infinities and NaN."""
    return isinstance(x.owner, FloorOp | CeilOp | RoundOp | SignOp)


@function
def at_least_zero(x: SSAValue) -> bool:
    """Whether what makes x makes no number below 0; -0.0 and NaN perhaps."""
    return isinstance(x.owner, ReluOp | SqrtOp) or bool(never_negative(x))


@function
def holds(wide: Attribute, narrow: Attribute) -> bool:
    """Whether every number of the type `narrow` is one of the type `wide`, of the same bits when it is cast back."""
    big, small = dtype(wide), dtype(narrow)
    if big == small or small.kind == "b":
        return big.kind != "b" or small.kind == "b"
    kinds = ["f" if k.kind == "V" else k.kind for k in (big, small)]
    match kinds:
        case ["f", "f"]:
            return big.itemsize > small.itemsize
        case ["f", "i" | "u"]:
            digits = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}[big.name]
            return 8 * small.itemsize - (kinds[1] == "i") <= digits
        case ["i", "u"] | ["i", "i"] | ["u", "u"]:
            return big.itemsize > small.itemsize
        case _:
            return False


@function
def _len(p: Sequence[object]) -> int:
    """How many there are: of a property's numbers, or of the operands xs..."""
    return len(p)


@function
def _range(n: int) -> tuple[int, ...]:
    """0, 1, ... up to n - 1; the permutation of n axes that moves none."""
    return tuple(range(n))


@function
def _sorted(p: Ints) -> tuple[int, ...]:
    """The numbers in order."""
    return tuple(sorted(p))


@function
def product(p: Ints) -> int:
    """The product of the numbers."""
    return prod(p)


@function
def zeros(n: int) -> tuple[int, ...]:
    """n times 0."""
    return (0,) * n


@function
def ones(n: int) -> tuple[int, ...]:
    """n times 1."""
    return (1,) * n


@function
def compose(first: Ints, second: Ints) -> tuple[int, ...]:
    """One permutation for a transpose by `first` and then one by `second`."""
    return tuple(first[p] for p in second)


@function
def inverse(p: Ints) -> tuple[int, ...]:
    """The permutation that undoes p."""
    return tuple(list(p).index(i) for i in range(len(p)))


@function
def keeps_order(p: Ints, dims: Ints) -> bool:
    """Whether a transpose by p of these dimensions moves ones only, so that the elements stay in order."""
    moved = [i for i in p if dims[i] != 1]
    return moved == sorted(moved)


@function
def axes(p: Ints, n: int) -> tuple[int, ...]:
    """Axes of n dimensions counted from the front, in order."""
    return tuple(sorted(a % n for a in p)) if n else ()


@function
def axis(a: int, n: int) -> int:
    """An axis of n dimensions counted from the front."""
    return a % n if n else 0


@function
def pick(p: Ints, at: Ints) -> tuple[int, ...]:
    """The numbers of p that stand at these places."""
    return tuple(p[i] for i in at)


@function
def rest(p: Ints, at: Ints) -> tuple[int, ...]:
    """The numbers of p that do not stand at these places, which may be counted from the end."""
    gone = {i % len(p) for i in at} if p else set[int]()
    return tuple(n for i, n in enumerate(p) if i not in gone)


@function
def padded(dims: Ints, n: int) -> tuple[int, ...]:
    """Dimensions with ones before them, n in all."""
    return (*(1,) * (n - len(dims)), *dims)


@function
def plus(p: Ints, q: Ints) -> tuple[int, ...]:
    """The sums, place by place."""
    return tuple(a + b for a, b in zip(p, q, strict=True))


@function
def times(p: Ints, q: Ints) -> tuple[int, ...]:
    """The products, place by place."""
    return tuple(a * b for a, b in zip(p, q, strict=True))


@function
def least(p: Ints) -> int:
    """The least of the numbers; 1 if there are none."""
    return min(p, default=1)


def functions() -> Mapping[str, str]:
    """Every function as it is called, and what it is for."""
    told: dict[str, str] = {}
    for name, f in sorted(FUNCTIONS.items()):
        parameters = [p for p in signature(f).parameters if p != "facts"]
        told[f"{name}({', '.join(parameters)})"] = " ".join((f.__doc__ or "").split())
    return told
