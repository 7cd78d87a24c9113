"""Products and convolutions that read one value side by side become one, and slices of its result.

    %q = graph.matmul %x, %wq
    %k = graph.matmul %x, %wk          -->     %y = graph.matmul %x, (graph.concat %wq, %wk)
                                               %q = graph.slice %y [.., 0]       %k = graph.slice %y [.., 768]

Weights and biases are joined at compile time (by fold-constants, which comes after). Convolutions must have equal
strides, dilations and kernels; with `enlarge` a smaller kernel is padded with zeros to the size of its neighbour, if
that adds at most so many percent to the arithmetic of both. Relay's CombineParallelConv2D; TASO's enlarging.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects._location import fused
from ...dialects._report import missed, rewriting
from ...dialects._shape import shape
from ...dialects.graph._base import ints
from ...dialects.graph.contraction import MatmulOp
from ...dialects.graph.conv import ConvOp
from ...dialects.graph.view import ConcatOp, PadOp
from ...dialects.graph.weight import ConstantOp, WeightOp
from ._made import Made

Parallel = MatmulOp | ConvOp


@dataclass(frozen=True)
class CombineParallel(ModulePass):
    """`enlarge`: percent of arithmetic that padding kernels may add; 0 pads none."""

    name = "combine-parallel"
    enlarge: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for block in [b for inner in op.walk() for region in inner.regions for b in region.blocks]:
            self.combine(block)

    def combine(self, block: Block) -> None:
        """Join the ops of a block that read the same values in the same way."""
        found: dict[object, list[Parallel]] = {}
        for op in block.ops:
            if isinstance(op, MatmulOp | ConvOp) and (key := key_of(op)) is not None:
                found.setdefault(key, []).append(op)
        for group in found.values():
            for part in self.alike(group):
                if len(part) > 1 and rewriting(part[0], "combine", f"{len(part)} in one"):
                    join(part)

    def alike(self, group: Sequence[Parallel]) -> list[list[Parallel]]:
        """The ops of a group by equal kernels; those that are worth it padded to the largest one's."""
        kinds: dict[tuple[int, ...], list[Parallel]] = {}
        for op in group:
            kinds.setdefault((*kernel(op), *(pads(op) if isinstance(op, ConvOp) else ())), []).append(op)
        largest = max(kinds.values(), key=lambda ops: prod(kernel(ops[0])))
        if not self.enlarge or len(kinds) == 1 or not isinstance(largest[0], ConvOp):
            return list(kinds.values())
        like, joined = largest[0], largest
        left: list[list[Parallel]] = []
        for ops in [found for found in kinds.values() if found is not largest]:
            size = prod(kernel(ops[0]))
            more = sum(work(op) * (prod(kernel(like)) - size) // size for op in ops)
            if 100 * more <= self.enlarge * sum(map(work, (*joined, *ops))) and fits(ops[0], like):
                joined = [*joined, *(enlarged(op, like) for op in ops if isinstance(op, ConvOp))]
            else:
                missed(ops[0], "enlarge", f"{more} more multiplications are too many, or the images differ")
                left.append(ops)
        return [joined, *left]


def key_of(op: Parallel) -> object | None:
    """Equal for ops that could be one, but for their kernels; None for one that could be none of them."""
    if isinstance(op, MatmulOp):
        flat = len(shape(op.rhs)) == 2 and len(shape(op.lhs)) > 1 and is_known(op.rhs)
        return ("matmul", op.lhs) if flat else None
    if op.groups != 1 or not is_known(op.w) or (op.bias is not None and not is_known(op.bias)):
        return None
    same = tuple(ints(field) for field in (op.strides, op.dilations))
    return "conv", op.x, same, shape(op.res)[2:], op.bias is None


def is_known(value: SSAValue) -> bool:
    """Whether a value is a constant or a weight."""
    return isinstance(value.owner, ConstantOp | WeightOp)


def kernel(op: Parallel) -> tuple[int, ...]:
    """The size of a convolution's kernel; () for a product."""
    return shape(op.w)[2:] if isinstance(op, ConvOp) else ()


def work(op: Parallel) -> int:
    """Multiplications."""
    return prod(shape(op.res)) * prod(shape(op.w)[1:]) if isinstance(op, ConvOp) else 0


def pads(op: ConvOp) -> tuple[int, ...]:
    """Zeros before and after each dimension of the image."""
    return ints(op.pads) or (0,) * (2 * len(kernel(op)))


def fits(small: Parallel, large: ConvOp) -> bool:
    """Whether a kernel padded evenly on all sides needs just the pads that the larger one has."""
    if not isinstance(small, ConvOp) or set(ints(small.dilations)) - {1}:
        return False
    pairs = list(zip(kernel(large), kernel(small), strict=True))
    if any(a < b or (a - b) % 2 for a, b in pairs):
        return False
    more = [(a - b) // 2 for a, b in pairs] * 2
    return [p + m for p, m in zip(pads(small), more, strict=True)] == list(pads(large))


def enlarged(op: ConvOp, like: ConvOp) -> ConvOp:
    """The same convolution with zeros round its kernel, to the size of another one's."""
    more = [(a - b) // 2 for a, b in zip(kernel(like), kernel(op), strict=True)]
    made = Made(op.location)
    weight = made(PadOp, op.w, None, low=[0, 0, *more], high=[0, 0, *more], mode="constant")
    fields = {k: v for k, v in op.properties.items() if k not in ("pads", "operandSegmentSizes")}
    made(ConvOp, op.x, weight, op.bias, pads=list(pads(like)), **fields)
    new = made.ops[-1]
    assert isinstance(new, ConvOp)
    Rewriter.replace_op(op, made.ops, [new.res])
    return new


def join(ops: Sequence[Parallel]) -> None:
    """One op where the first stood, and a slice in place of each."""
    first, made = ops[0], Made(fused(op.location for op in ops))
    axis = 1 if isinstance(first, ConvOp) else len(shape(first.res)) - 1
    place = InsertPoint.before(first)
    for op in ops:
        for value in op.operands[1:]:
            bring(value, first)
    if isinstance(first, ConvOp):
        convs = [op for op in ops if isinstance(op, ConvOp)]
        weight = made(ConcatOp, [op.w for op in convs], axis=0)
        biases = [op.bias for op in convs if op.bias is not None]
        bias = made(ConcatOp, biases, axis=0) if biases else None
        fields = {k: v for k, v in first.properties.items() if k != "operandSegmentSizes"}
        whole = made(ConvOp, first.x, weight, bias, **fields)
    else:
        weight = made(ConcatOp, [op.rhs for op in ops if isinstance(op, MatmulOp)], axis=1)
        whole = made(MatmulOp, first.lhs, weight)
    at, parts = 0, list[SSAValue]()
    for op in ops:
        count = shape(op.res)[axis]
        parts.append(made.part(whole, axis, at, count))
        parts[-1].name_hint = op.res.name_hint
        at += count
    Rewriter.insert_op(made.ops, place)
    for op, part in zip(ops, parts, strict=True):
        Rewriter.replace_op(op, [], [part])


def bring(value: SSAValue, before: Operation) -> None:
    """Let a constant that is made further down be made before an op."""
    chain = [value.owner]
    if isinstance(chain[0], PadOp):
        chain.append(chain[0].x.owner)
    for op in chain:
        if isinstance(op, Operation) and op.parent is before.parent and not op.is_before_in_block(before):
            op.detach()
            Rewriter.insert_op(op, InsertPoint.before(before))
            before = op
