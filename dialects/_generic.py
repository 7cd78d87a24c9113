"""What a linalg.generic does, read from its maps, iterators and body; nothing here rewrites.

(n, oc, oh, ow, ic, kh, kw) "pppprrr"   ins (n, ic, 2 oh + kh, 2 ow + kw), (oc, ic, kh, kw)   outs (n, oc, oh, ow)
sizes 1, 64, 112, 112, 3, 7, 7          m = n, oh, ow   n = oc   k = ic, kh, kw   windows (oh, 2, kh, 1), (ow, 2, kw, 1)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from xdsl.dialects import arith
from xdsl.dialects.builtin import ShapedType
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
    AffineMap,
)
from xdsl.utils.exceptions import VerifyException

from ._shape import shape
from ._xdsl import GenericOp, IteratorType

CASTS = (
    arith.ExtFOp,
    arith.TruncFOp,
    arith.ExtSIOp,
    arith.ExtUIOp,
    arith.TruncIOp,
    arith.SIToFPOp,
    arith.UIToFPOp,
    arith.FPToSIOp,
    arith.FPToUIOp,
)
"""Body ops that only change the type of an element."""
ADDS = (arith.AddfOp, arith.AddiOp)
MULS = (arith.MulfOp, arith.MuliOp)


@dataclass(frozen=True)
class Index:
    """One result of a map: the sum of coefficient times dim over `terms` (sorted by dim, none zero), plus `offset`."""

    terms: tuple[tuple[int, int], ...]
    offset: int = 0

    @property
    def dim(self) -> int | None:
        """The dim that this result is, alone and as it stands; else None."""
        return self.terms[0][0] if self.offset == 0 and len(self.terms) == 1 and self.terms[0][1] == 1 else None

    @property
    def is_constant(self) -> bool:
        """No dim takes part: a broadcast position (constant 0 on an axis of size 1), or a fixed row."""
        return not self.terms

    @property
    def is_compound(self) -> bool:
        """Several dims take part, as in a window."""
        return len(self.terms) > 1

    def coefficient(self, dim: int) -> int:
        """What `dim` is multiplied by; 0 if it takes no part."""
        return next((c for d, c in self.terms if d == dim), 0)


@dataclass(frozen=True)
class Access:
    """An operand, and where an iteration reads or writes it: one Index per axis."""

    value: SSAValue
    map: AffineMap
    indices: tuple[Index, ...]

    @cached_property
    def dims(self) -> frozenset[int]:
        """All dims that take part in the address."""
        return frozenset(d for index in self.indices for d, _ in index.terms)

    @cached_property
    def is_projected(self) -> bool:
        """Each axis is one dim as it stands or constant 0, no dim twice."""
        plain = [i.dim for i in self.indices if not i.is_constant]
        return None not in plain and len(set(plain)) == len(plain) and not any(i.offset for i in self.indices)

    def axis(self, dim: int) -> int | None:
        """The axis that is exactly `dim`, else None."""
        return next((a for a, index in enumerate(self.indices) if index.dim == dim), None)


@dataclass(frozen=True)
class Window:
    """An axis read at `stride` * image + `dilation` * filter."""

    image: int
    stride: int
    filter: int
    dilation: int


@dataclass(frozen=True)
class Contraction:
    """The dims of a sum of products by role: m in lhs and result, n in rhs and result, batch in all three, k reduced.

    In a convolution the image dims are m and the filter dims k; `windows` pairs them. Depthwise, the channel is batch.
    """

    batch: tuple[int, ...]
    m: tuple[int, ...]
    n: tuple[int, ...]
    k: tuple[int, ...]
    windows: tuple[Window, ...]


@dataclass(frozen=True)
class Generic:
    """A view of a linalg.generic on static shapes; `iterators` has a p (parallel) or r (reduction) for each dim."""

    op: GenericOp
    iterators: str
    sizes: tuple[int, ...]
    inputs: tuple[Access, ...]
    outputs: tuple[Access, ...]

    @property
    def parallel(self) -> tuple[int, ...]:
        """The parallel dims."""
        return tuple(d for d, kind in enumerate(self.iterators) if kind == "p")

    @property
    def reduction(self) -> tuple[int, ...]:
        """The reduction dims."""
        return tuple(d for d, kind in enumerate(self.iterators) if kind == "r")

    @property
    def input_args(self) -> tuple[BlockArgument, ...]:
        """The body's arguments for the inputs."""
        return tuple(self.op.body.block.args[: len(self.inputs)])

    @property
    def output_args(self) -> tuple[BlockArgument, ...]:
        """The body's arguments for the outputs: the values so far."""
        return tuple(self.op.body.block.args[len(self.inputs) :])

    @property
    def unused(self) -> frozenset[int]:
        """Operands that the body never reads: window shapes, and the inits of pointwise generics."""
        return frozenset(i for i, arg in enumerate(self.op.body.block.args) if not arg.uses)

    @property
    def yielded(self) -> tuple[SSAValue, ...]:
        """The scalars that the body yields."""
        return tuple(last.operands) if (last := self.op.body.block.last_op) is not None else ()

    @property
    def captures(self) -> tuple[SSAValue, ...]:
        """Values from outside that the body reads: tensors of tensor.extract, constants. In order, none twice."""
        inside = {value for op in self.op.body.walk() for value in op.results}
        inside |= {arg for block in _blocks(self.op) for arg in block}
        used = [value for op in self.op.body.walk() for value in op.operands if value not in inside]
        return tuple(dict.fromkeys(used))

    @property
    def is_parallel(self) -> bool:
        """No dim is reduced."""
        return "r" not in self.iterators

    @property
    def is_pointwise(self) -> bool:
        """All dims parallel, the outputs' maps the identity, the old outputs unread."""
        same = all(a.map == AffineMap.identity(len(self.sizes)) for a in self.outputs)
        return self.is_parallel and same and not any(arg.uses for arg in self.output_args)

    @property
    def is_gather(self) -> bool:
        """The body reads a tensor at computed places."""
        return any(op.name == "tensor.extract" for op in self.op.body.walk())

    @property
    def is_window(self) -> bool:
        """Some input axis is read by an image dim and a filter dim together."""
        return any(index.is_compound for access in self.inputs for index in access.indices)

    @property
    def is_reduction(self) -> bool:
        """Some dims are reduced, over inputs that are projections: neither a window nor a sum of products."""
        return "r" in self.iterators and not self.is_window and not self.is_contraction

    @cached_property
    def combiner(self) -> Operation | None:
        """The op that joins the one output's old value with this iteration's (addf, maximumf, ..): the yield's definer,
        with the old value as an operand and read nowhere else. None for other bodies."""
        if len(self.outputs) != 1 or not self.output_args[0].has_one_use():
            return None
        owner = self.yielded[0].owner
        if not isinstance(owner, Operation) or len(owner.operands) != 2 or self.output_args[0] not in owner.operands:
            return None
        return owner

    @cached_property
    def is_contraction(self) -> bool:
        """The body is out + lhs * rhs (casts of the factors allowed) and something is reduced."""
        if "r" not in self.iterators or len(self.inputs) != 2 or not isinstance(self.combiner, ADDS):
            return False
        (product,) = (v for v in self.combiner.operands if v is not self.output_args[0])
        if not isinstance(product.owner, MULS):
            return False
        factors = [uncast(v) for v in product.owner.operands]
        return set(factors) == set(self.input_args)

    @property
    def windows(self) -> tuple[Window, ...]:
        """The pairs of image and filter dims of compound axes; the filter dim is the one reduced."""
        return tuple(w for access in self.inputs for index in access.indices for w in _window(index, self.iterators))

    @property
    def contraction(self) -> Contraction | None:
        """The roles of the dims as in MLIR's inferContractionDims, or None if this is no contraction."""
        if not self.is_contraction:
            return None
        lhs, rhs = (access.dims for access in self.inputs)
        return Contraction(
            batch=tuple(d for d in self.parallel if d in lhs and d in rhs),
            m=tuple(d for d in self.parallel if d in lhs and d not in rhs),
            n=tuple(d for d in self.parallel if d in rhs and d not in lhs),
            k=self.reduction,
            windows=self.windows,
        )

    def uses(self, dim: int) -> tuple[tuple[int, int, int], ...]:
        """Where `dim` takes part: (operand, axis, coefficient), the outputs counted after the inputs."""
        operands = enumerate((*self.inputs, *self.outputs))
        return tuple(
            (o, axis, c) for o, a in operands for axis, i in enumerate(a.indices) if (c := i.coefficient(dim)) != 0
        )


def generic(op: GenericOp) -> Generic:
    """Read a generic; VerifyException if a size or a map is not static and linear."""
    accesses = [Access(v, m.data, indices(m.data)) for v, m in zip(op.operands, op.indexing_maps, strict=True)]
    inputs = len(op.inputs)
    kinds = {IteratorType.PARALLEL: "p", IteratorType.REDUCTION: "r"}
    iterators = "".join(kinds[t.data] for t in op.iterator_types)
    sizes = _sizes(accesses, len(iterators), op)
    return Generic(op, iterators, sizes, tuple(accesses[:inputs]), tuple(accesses[inputs:]))


def indices(map: AffineMap) -> tuple[Index, ...]:
    """The results of a map as sums; VerifyException if one is not linear."""
    return tuple(linear(result) for result in map.results)


def linear(expr: AffineExpr) -> Index:
    """An affine expression of dims as a sum; VerifyException for symbols, mod, floordiv."""
    terms: dict[int, int] = {}
    offset = _collect(expr, 1, terms)
    return Index(tuple(sorted((d, c) for d, c in terms.items() if c)), offset)


def uncast(value: SSAValue) -> SSAValue:
    """The scalar behind a chain of casts."""
    while isinstance(value.owner, CASTS):
        value = value.owner.operands[0]
    return value


def _collect(expr: AffineExpr, factor: int, terms: dict[int, int]) -> int:
    match expr:
        case AffineConstantExpr(value):
            return factor * value
        case AffineDimExpr(position):
            terms[position] = terms.get(position, 0) + factor
            return 0
        case AffineBinaryOpExpr(AffineBinaryOpKind.Add, lhs, rhs):
            return _collect(lhs, factor, terms) + _collect(rhs, factor, terms)
        case AffineBinaryOpExpr(AffineBinaryOpKind.Mul, lhs, AffineConstantExpr(value)):
            return _collect(lhs, factor * value, terms)
        case AffineBinaryOpExpr(AffineBinaryOpKind.Mul, AffineConstantExpr(value), rhs):
            return _collect(rhs, factor * value, terms)
        case _:
            raise VerifyException(f"indexing map: expected a sum of multiples of dims, found {expr}")


def _sizes(accesses: list[Access], count: int, op: GenericOp) -> tuple[int, ...]:
    """The extent of each dim: the least axis where it stands alone with coefficient 1 or -1. An input's axis may be
    longer than what is read of it, an output's is written whole."""
    sizes: list[int | None] = [None] * count
    for access in accesses:
        for axis, index in zip(_extents(access.value), access.indices, strict=True):
            if len(index.terms) == 1:
                dim, coefficient = index.terms[0]
                if (coefficient, index.offset) in ((1, 0), (-1, axis - 1)):
                    sizes[dim] = min(axis, axis if (known := sizes[dim]) is None else known)
    if None in sizes:
        raise VerifyException(
            f"linalg.generic: no operand shows the size of d{sizes.index(None)} in {op.indexing_maps}"
        )
    return tuple(size for size in sizes if size is not None)


def _extents(value: SSAValue) -> tuple[int, ...]:
    """The shape, () of a scalar operand."""
    return shape(value) if isinstance(value.type, ShapedType) else ()


def _window(index: Index, iterators: str) -> Iterator[Window]:
    image = [(d, c) for d, c in index.terms if iterators[d] == "p"]
    reduced = [(d, c) for d, c in index.terms if iterators[d] == "r"]
    if len(image) == 1 and len(reduced) == 1:
        yield Window(*image[0], *reduced[0])


def _blocks(op: GenericOp) -> Iterator[tuple[BlockArgument, ...]]:
    yield tuple(op.body.block.args)
    for inner in op.body.walk():
        for region in inner.regions:
            for block in region.blocks:
                yield tuple(block.args)
