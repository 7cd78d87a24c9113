"""Chooses in which order each tensor's dimensions are stored, so that views cost nothing and vectors lie together.

    %1 = kernel.launch @conv(%x, %w) : (tensor<1x8x9x9xf32>, ..) -> tensor<1x4x7x7xf32>
    %2 = kernel.launch @relu(%1) : (tensor<1x4x7x7xf32>) -> tensor<1x4x7x7xf32>
-->
    %1 = kernel.launch @conv(%x, %w) : (tensor<1x8x9x9xf32>, ..) -> tensor<1x4x7x7xf32, strided<[196, 1, 28, 4]>>
    %2 = kernel.launch @relu(%1) : (tensor<1x4x7x7xf32, strided<[196, 1, 28, 4]>>) -> tensor<1x4x7x7xf32>

A layout is the type's encoding; a view's says its strides, its offset comes with the buffer. Arguments and results of
@main, and what loops and branches hand on, are row-major. Keys that only contractions read are stored in the order of
their columns by the kernel that makes them. Where a reshape has no strides, or a contraction's columns would not lie
side by side, a copy kernel goes before, and a remark tells its cost. Kernels launched with other layouts become kernels
of their own.
After fuse-kernels, because what is inside a kernel has no layout.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

from xdsl.context import Context
from xdsl.dialects import func, scf, tensor
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr, TensorType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import IsTerminator

from ...dialects._layout import (
    ROW_MAJOR,
    laid_out,
    layout_of,
    order_of,
    ordered,
    strided,
    strides_of,
)
from ...dialects._report import missed, rewriting
from ...dialects._shape import dtype, shape
from ...dialects._xdsl import TransposeOp
from ...dialects.graph.weight import WeightOp
from ...dialects.kernel import FuncOp, LaunchOp
from ._copies import Kernels
from ._launch_views import launches_as_views
from ._order import Order, columns, is_imperative, must_be_row_major, result_orders
from ._readers import fits, is_read, needed_by_columns, wanted
from ._regroup import expand_before_collapse
from ._variants import Variants
from ._view import root, source, view

ResultOrder = Literal["by-kernel", "row-major"]


@dataclass(frozen=True)
class AssignLayout(ModulePass):
    """`order`: results as the kernel stores them best, or row-major (NCHW, and NCHWc after block-channels).
    `rows`: contractions of at most so many rows may run along the reduced dim instead, their right-hand side
    uncopied."""

    name = "assign-layout"
    rows: int = 4
    order: ResultOrder = "by-kernel"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        named = {o.sym_name.data: o for o in op.ops if isinstance(o, FuncOp)}
        variants = Variants(Kernels(op))
        for function in (f for f in op.ops if isinstance(f, func.FuncOp) and not f.is_declaration):
            launches_as_views(function, named)
            expand_before_collapse(function)
            _Walk(variants, self.rows, self.order).block(function.body.block)


Given = tuple[str, tuple[Attribute, ...], frozenset[int]]
"""A kernel, its arguments' types, and which of them are weights: the same answers hold for all such launches."""


class _Walk:
    """Goes through a function once, from top to bottom; what an op reads has its layout already."""

    def __init__(self, variants: Variants, rows: int, order: ResultOrder):
        self.variants = variants
        self.rows = rows
        self.order = order
        self.copies: dict[tuple[SSAValue, Attribute, Block], SSAValue] = {}
        self.columns: dict[Given, dict[int, Order]] = {}
        self.orders: dict[Given, list[Order]] = {}

    def block(self, block: Block) -> None:
        """Lay out what the ops of a block make."""
        for op in list(block.ops):
            self.op(op)

    def op(self, op: Operation) -> None:
        """Lay out what an op makes, after copying what it needs otherwise."""
        if source(op) is not None:
            self.view(op)
            return
        match op:
            case LaunchOp():
                self.launch(op)
            case tensor.PadOp():
                self.settle(op.result, order(op.source))
            case tensor.ConcatOp():
                largest = max(op.inputs, key=lambda v: prod(shape(v)))
                self.settle(op.result, with_inside(order(largest), shape(largest), op.dim.value.data))
            case tensor.InsertSliceOp():
                self.row_major(op, [1])
            case scf.ForOp() | scf.WhileOp() | scf.IfOp():
                self.row_major(op, range(len(op.operands)))
                for region in op.regions:
                    for block in region.blocks:
                        self.block(block)
            case _ if op.has_trait(IsTerminator):
                self.row_major(op, range(len(op.operands)))
            case _:
                pass

    def view(self, op: Operation) -> None:
        """A view's strides follow from its source's; a source for which they do not is copied first."""
        shown = op.operands[0]
        if (found := view(op, strides(shown))) is None:
            self.relay(op, 0, order_to_collapse(op, strides(shown)))
            found = view(op, strides(op.operands[0]))
        if found is None:
            raise TypeError(f"{op.name}: expected strides for {op.results[0].type} of {shown.type}")
        result = op.results[0]
        retype(result, strided(shape(result), found[1]))
        if isinstance(op, TransposeOp):
            into = op.operands[1]
            if isinstance(into.owner, Operation) and not into.has_one_use():
                fresh = into.owner.clone()
                Rewriter.insert_op(fresh, InsertPoint.before(op))
                op.operands[1] = fresh.results[0]
            retype(op.operands[1], strided(shape(result), found[1]))

    def launch(self, op: LaunchOp) -> None:
        """Copy the operands that the kernel cannot read as they lie; let the kernel say how its results lie."""
        func = self.variants[op.kernel]
        for i, arg in enumerate(func.body.block.args):
            if must_be_row_major(arg):
                self.row_major(op, [i])
        weights = frozenset(i for i, v in enumerate(op.arguments) if isinstance(root(v).owner, WeightOp))
        key = op.kernel, tuple(op.arguments.types), weights
        if key not in self.columns:
            self.columns[key] = columns(func, op.arguments.types, self.rows)
        for i, order in self.columns[key].items():
            if i not in weights:
                self.relay(op, i, order)
        key = op.kernel, tuple(op.arguments.types), weights
        if key not in self.orders:
            plain = is_imperative(func) or self.order == "row-major"
            self.orders[key] = [] if plain else result_orders(func, op.arguments.types, weights)
        for i, order in enumerate(self.orders[key]):
            self.settle(op.results[i], order)
        op.callee = SymbolRefAttr(self.variants.get(op.kernel, op.arguments.types, op.res.types))

    def settle(self, value: SSAValue, order: Sequence[int]) -> None:
        """Store a new tensor in this order, or in one that spares copies: where only views and row-major ends read it,
        or contractions to which it gives columns."""
        layout = ordered(shape(value), order)
        if (found := strides_of(laid_out(tensor_type(value), layout))) is not None:
            if not fits(value, found[1]) and not is_read(value):
                layout = next((strided(shape(value), w) for w in wanted(value) if fits(value, w)), layout)
            elif (needed := needed_by_columns(value, found[1], self.variants, self.rows)) is not None:
                layout = strided(shape(value), needed)
        owner = value.owner
        if layout != layout_of(value.type) and (isinstance(owner, Block) or rewriting(owner, "layout", str(layout))):
            retype(value, layout)

    def row_major(self, op: Operation, places: Iterable[int]) -> None:
        """Copy the operands at these places that are not row-major."""
        for i in places:
            if isinstance(op.operands[i].type, TensorType) and layout_of(op.operands[i].type) != ROW_MAJOR:
                self.relay(op, i, range(len(shape(op.operands[i]))))

    def relay(self, op: Operation, place: int, order: Sequence[int]) -> None:
        """Let an operand be a copy, stored in this order; one copy serves all ops after it in the block."""
        value, block = op.operands[place], op.parent_block()
        assert block is not None
        layout = ordered(shape(value), order)
        if (key := (value, layout, block)) not in self.copies:
            kind = tensor_type(value)
            size = prod(shape(value)) * dtype(kind).itemsize
            missed(op, "conversion", f"operand {place} is copied to the order {list(order)}: {2 * size} bytes moved")
            name = self.variants.copy(kind, result := laid_out(kind, layout))
            launch = LaunchOp(name, [value], [result])
            launch.location = op.location
            Rewriter.insert_op(launch, InsertPoint.before(op))
            self.copies[key] = launch.results[0]
        op.operands[place] = self.copies[key]


def tensor_type(value: SSAValue) -> TensorType[Attribute]:
    """The value's type; TypeError if it is no tensor."""
    if not isinstance(value.type, TensorType):
        raise TypeError(f"expected a tensor, found {value.type}")
    return value.type


def strides(value: SSAValue) -> tuple[int, ...]:
    """The strides of a tensor; TypeError if its layout has none."""
    if (found := strides_of(value.type)) is None:
        raise TypeError(f"expected a layout of strides, found {value.type}")
    return found[1]


def order(value: SSAValue) -> Order:
    """The order in which a tensor's dimensions are stored."""
    return order_of(value.type) or tuple(range(len(shape(value))))


def with_inside(order: Order, dims: Sequence[int], axis: int) -> Order:
    """The order, with an axis of single elements, whose place in it says nothing, next inside the axis before it: what
    is joined along it (the columns of tiles) may then be seen as one axis with that one."""
    if dims[axis] != 1 or axis == 0:
        return order
    rest = [d for d in order if d != axis]
    at = rest.index(axis - 1) + 1
    return (*rest[:at], axis, *rest[at:])


def retype(value: SSAValue, layout: Attribute) -> None:
    """Give a tensor another layout."""
    if layout != layout_of(value.type):
        Rewriter.replace_value_with_new_type(value, laid_out(tensor_type(value), layout))


def order_to_collapse(op: Operation, steps: Sequence[int]) -> tuple[int, ...]:
    """An order in which the dims that a collapse joins are neighbours; else as close to these strides as may be."""
    if not isinstance(op, tensor.CollapseShapeOp):
        return tuple(range(len(steps)))
    groups = [[int(i.value.data) for i in group] for group in op.reassociation]
    sizes = shape(op.src)
    narrowest = [min((steps[d] for d in group if sizes[d] != 1), default=max(steps)) for group in groups]
    ranked = sorted(range(len(groups)), key=lambda g: -narrowest[g])
    return tuple(d for g in ranked for d in groups[g])
