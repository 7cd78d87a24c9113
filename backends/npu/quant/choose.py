"""Which values of a float graph are to be integers, and which of them must share a scale.

    y = conv(x, w, b)                x, y: integers; the relu follows the sum in one instruction, so that what lies
    z = relu(y)              ==>     between is no value of its own: z is quantised, y is not
    s = mul(z, sigmoid(z))           one function of one value, a look-up table: z and s, nothing between
    c = concat(s, z)                 s, z and c share a scale

Decided from the last op to the first: a value is quantised where an op that computes in integers reads it, and an op
does so if it is a sum of products, or if its own result is quantised. All else stays float.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import prod

from xdsl.dialects.builtin import f32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from ....dialects._location import origins
from ....dialects._shape import element, shape
from ....dialects.graph._pointwise import PointwiseOp
from ....dialects.graph.activation import ReluOp
from ....dialects.graph.cast import BitcastOp, CastOp
from ....dialects.graph.contraction import GemmOp, MatmulOp
from ....dialects.graph.conv import ConvOp, ConvTransposeOp
from ....dialects.graph.elementwise import AddOp, MaxOp, MinOp, MulOp, SubOp
from ....dialects.graph.normalization import LayerNormOp, RmsNormOp
from ....dialects.graph.pool import AveragePoolOp, MaxPoolOp
from ....dialects.graph.reduction import ReduceMaxOp, ReduceMeanOp, ReduceSumOp
from ....dialects.graph.resize import ResizeOp
from ....dialects.graph.softmax import SoftmaxOp
from ....dialects.graph.view import ConcatOp, ExpandOp, PadOp, ReshapeOp, SliceOp, TransposeOp
from ....dialects.graph.weight import WeightStore
from .known import is_known, is_mask

CHOSEN = "npu.quantised"
"""Attribute of a module: what was chosen, for people."""
PRODUCTS = (ConvOp, ConvTransposeOp, MatmulOp, GemmOp)
VIEWS = (ReshapeOp, TransposeOp, SliceOp, ExpandOp, PadOp, MaxPoolOp, ReduceMaxOp, ConcatOp)
"""Their results are among their operands' numbers."""
SUMS = (AveragePoolOp, ReduceMeanOp, ReduceSumOp, LayerNormOp, RmsNormOp, SoftmaxOp)
"""Integers in, integers out, by way of wider numbers."""
PAIRS = (AddOp, SubOp, MulOp, MaxOp, MinOp)


@dataclass
class Choice:
    """The values to quantise in order of appearance, and for each the one whose scale it takes (often its own)."""

    values: dict[SSAValue, None] = field(default_factory=dict[SSAValue, None])
    parent: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    products: list[Operation] = field(default_factory=list[Operation])
    """The sums of products to be computed in integers."""
    integer: dict[Operation, None] = field(default_factory=dict[Operation, None])
    """The ops that read integers; where an op that stays float makes a value, all others read it as it was."""

    def leader(self, value: SSAValue) -> SSAValue:
        """The value that stands for all that share its scale."""
        while (above := self.parent.get(value, value)) is not value:
            value = above
        return value

    def share(self, *values: SSAValue) -> None:
        """Give these values one scale."""
        first, *rest = map(self.leader, values)
        self.parent.update((other, first) for other in rest if other is not first)


def choose(
    main: FuncOp, keep: tuple[str, ...], weights: WeightStore, fragile: Collection[SSAValue] = frozenset()
) -> Choice:
    """What to quantise in @main. `keep` names what stays float: kinds of ops (`softmax`) or patterns of ONNX node names
    (`/layer.11/*`); so do the ops that read a `fragile` value."""
    ops = list(main.body.block.ops)
    chooser = Chooser(*roots(ops), keep, weights, fragile)
    for op in reversed(ops):
        chooser.visit(op)
    found = chooser.choice
    order = [v for v in (*main.body.block.args, *(r for op in ops for r in op.results)) if v in found.values]
    found.values = dict.fromkeys(order)
    return found


@dataclass
class Chooser:
    """A walk from the end; `roots` says of which one value another is a function, `heads` what sum it comes from within
    one instruction."""

    roots: dict[SSAValue, SSAValue]
    heads: dict[SSAValue, Operation]
    keep: tuple[str, ...]
    weights: WeightStore
    fragile: Collection[SSAValue] = frozenset()
    choice: Choice = field(default_factory=Choice)
    inner: dict[SSAValue, None] = field(default_factory=dict[SSAValue, None])
    """Values that an instruction computes on its way from integers to integers."""

    def want(self, *values: SSAValue) -> None:
        """Quantise these values."""
        self.choice.values.update((v, None) for v in values if element(v) == f32 and prod(shape(v)))

    def reads(self, op: Operation, *values: SSAValue) -> bool:
        """Let an op read these values as integers, unless one of them would lose too much."""
        if any(v in self.fragile for v in values):
            return False
        self.choice.integer[op] = None
        self.want(*values)
        return True

    def visit(self, op: Operation) -> None:
        """Decide about an op whose users have been decided about."""
        if isinstance(op, ReturnOp):
            ends = (v for v in op.operands if (head := self.heads.get(v)) is not None and self.sums(head))
            self.want(*(v for v in ends if v not in self.fragile))
        if len(op.results) != 1 or self.stays(op):
            return
        result, active = op.results[0], unknown(op)
        if self.sums(op):
            self.choice.products.append(op)
            self.reads(op, *active)
        elif not active or (result not in self.choice.values and result not in self.inner):
            return
        elif (root := self.roots.get(result)) is not None:
            if root is result or self.reads(op, root):
                self.choice.integer[op] = None
                self.inner.update((v, None) for v in active if v is not root)
        elif isinstance(op, VIEWS) or nearest(op):
            values = [op.operands[0]] if isinstance(op, PadOp) else list(op.operands)
            if self.reads(op, *values):
                self.choice.share(result, *values)
        elif isinstance(op, SUMS):
            score, add = self.unmasked(op.operands[0])
            if self.reads(op, score) and add is not None:
                self.choice.integer[add] = None
        elif isinstance(op, PAIRS) and self.reads(op, *op.operands) and isinstance(op, MaxOp | MinOp):
            self.choice.share(result, *op.operands)

    def sums(self, op: Operation) -> bool:
        """Whether the op is a sum of products that can be computed in integers: a factor may be known and then becomes
        weights, a bias has to be."""
        factors, rest = op.operands[:2], op.operands[2:]
        if not isinstance(op, PRODUCTS) or element(op.results[0]) != f32 or self.stays(op):
            return False
        constant = all(map(is_known, rest)) and (isinstance(op, MatmulOp) or is_known(factors[1]))
        return constant and bool(active := unknown(op)) and not any(v in self.fragile for v in active)

    def unmasked(self, value: SSAValue) -> tuple[SSAValue, Operation | None]:
        """What a softmax reads without the mask that is added to it, and the sum: the mask stays float."""
        if isinstance(add := value.owner, AddOp):
            for kept, mask in ((add.lhs, add.rhs), (add.rhs, add.lhs)):
                if kept.type == add.res.type and is_mask(mask, self.weights):
                    return kept, add
        return value, None

    def stays(self, op: Operation) -> bool:
        """Whether the op was asked to stay float."""
        names = (op.name.removeprefix("graph."), *origins(op.location))
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.keep)


def nearest(op: Operation) -> bool:
    """Whether the op repeats elements of a smaller image."""
    return isinstance(op, ResizeOp) and op.mode.data == "nearest" and op.coordinates.data != "tf_crop_and_resize"


def roots(ops: list[Operation]) -> tuple[dict[SSAValue, SSAValue], dict[SSAValue, Operation]]:
    """For the result of each elementwise op of one value (any number of times, and numbers) that value; for one that
    follows a sum within the same instruction, itself. And for the latter, and all sums, the sum."""
    found: dict[SSAValue, SSAValue] = {}
    heads: dict[SSAValue, Operation] = {}
    for op in ops:
        if len(op.results) != 1:
            continue
        result = op.results[0]
        if isinstance(op, PRODUCTS) or (isinstance(op, PAIRS) and len(unknown(op)) == 2):
            heads[result] = op
        if (sum := followed(op, heads)) is not None:
            heads[result] = sum
            found[result] = result
        elif (source := single_source(op, found)) is not None:
            found[result] = source
    return found, heads


def followed(op: Operation, heads: dict[SSAValue, Operation]) -> Operation | None:
    """For an op that belongs to the sum before it, a bias right after it or an activation, that sum; else None."""
    if not isinstance(op, ReluOp | MaxOp | MinOp | AddOp) or len(active := unknown(op)) != 1:
        return None
    (x,) = active
    if x not in heads or not x.has_one_use() or x.type != op.results[0].type:
        return None
    others = [v for v in op.operands if v is not x]
    if isinstance(op, AddOp):
        fits = isinstance(x.owner, MatmulOp) and is_row(others[0], shape(x)[-1])
    else:
        fits = all(prod(shape(v)) == 1 for v in others)
    return heads[x] if fits else None


def is_row(value: SSAValue, columns: int) -> bool:
    """Whether a value has one number a column, or one for all."""
    dims = shape(value)
    return prod(dims) == (dims[-1] if dims else 1) and prod(dims) in (1, columns)


def single_source(op: Operation, found: dict[SSAValue, SSAValue]) -> SSAValue | None:
    """The one value that an elementwise op is a function of, None if there are several."""
    if not isinstance(op, PointwiseOp) or isinstance(op, CastOp | BitcastOp) or element(op.results[0]) != f32:
        return None
    active = unknown(op)
    if any(v.type != op.results[0].type for v in active):
        return None
    if any(prod(shape(v)) != 1 for v in op.operands if v not in active):
        return None
    sources = {found.get(v, v) for v in active}
    return sources.pop() if len(sources) == 1 else None


def unknown(op: Operation) -> list[SSAValue]:
    """The operands that are not known at compile time, each once."""
    return list(dict.fromkeys(v for v in op.operands if not is_known(v)))


def sharers(choice: Choice) -> Iterator[tuple[SSAValue, list[SSAValue]]]:
    """Leader and members of every group of one scale."""
    groups: dict[SSAValue, list[SSAValue]] = {}
    for value in choice.values:
        groups.setdefault(choice.leader(value), []).append(value)
    yield from groups.items()
