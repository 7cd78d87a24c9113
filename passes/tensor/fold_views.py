"""Views and copies between generics go into indexing maps, or out of the way of what fusion joins.

    %t = linalg.transpose %x [1, 0]
    %c = tensor.expand_shape %b : 8 -> 8x1
    %y = linalg.generic ins(%t: (m, n), %c: (m, 0))
-->
    %y = linalg.generic ins(%x: (n, m), %b: (m))

A transpose or copy that its readers cannot read through is made transposed where it is computed, or stays as a generic.
A reshape of a generic's result goes behind the pointwise generics and reductions that read it, so that they run over
the same dims as what they follow: a bias after a product of rows, or after a grouped convolution. A reshape of a
reshape is one, or none. A contraction of repeated keys (grouped-query attention) reads them unrepeated.

Before `fuse-kernels`, because a view between two generics keeps them apart. No linalg.transpose is left.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from ...dialects._generic import Access, Generic, generic
from ...dialects._report import may_rewrite, rewriting
from ...dialects._shape import shape
from ...dialects._xdsl import GenericOp
from ._dead import erase_dead, readers
from ._moves import copied_from, forward, generalize, permutation, read_through, slice_before_copy
from ._reshape import is_fresh, merge_reshapes
from ._respace import drop_ones, sink
from ._transposed import can_transpose, in_order, transpose, untranspose


@dataclass(frozen=True)
class FoldViews(ModulePass):
    """Changes no result's value or type; dead ops go too."""

    name = "fold-views"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [f for f in op.ops if isinstance(f, func.FuncOp) and not f.is_declaration]:
            for block in function.body.blocks:
                generalize(block)
                erase_dead(block)
                Folding().fold(block)
                erase_dead(block)


class Folding:
    """One walk from first to last: an op is looked at when all that it reads has been. `_roots` has, for each generic
    seen, when the last contraction or window was made that it may share a kernel with; -1 for none."""

    def __init__(self) -> None:
        self._roots: dict[Operation | Block, int] = {}

    def fold(self, block: Block) -> None:
        """Fold the ops of a block and of the blocks inside it."""
        for op in list(block.ops):
            match op:
                case tensor.CollapseShapeOp() | tensor.ExpandShapeOp():
                    merge_reshapes(op)
                case tensor.ExtractSliceOp():
                    slice_before_copy(op)
                case GenericOp():
                    self._fold_generic(op)
                case _:
                    for region in op.regions:
                        for inner in region.blocks:
                            self.fold(inner)

    def _fold_generic(self, op: GenericOp) -> None:
        look_through(op, copies_only=True)
        view = generic(op)
        if is_root(view):
            self._roots[in_order(generic(self._distributed(view)))] = len(self._roots)
            return
        if (number := self._permuted(view)) is not None and may_rewrite():
            new = untranspose(view, number)
            if new is not None and rewriting(new, "untranspose"):
                view = generic(op := new)
        if (number := self._reshaped(view)) is not None and may_rewrite():
            new = sink(view, number)
            if new is not None and rewriting(new, "reshape-behind"):
                op = new
        look_through(op, copies_only=False)
        self._roots[op] = max(self._read(generic(op)), default=-1)
        if (copied := copied_from(op)) is not None:
            self._fold_copy(op, *copied)

    def _distributed(self, view: Generic) -> GenericOp:
        """A contraction with a dim for each that a repeated operand was collapsed from: grouped-query attention, where
        keys that stand for several heads are read once for all of them."""
        for number, access in enumerate(view.inputs):
            reshape = access.value.owner
            if view.is_contraction and isinstance(reshape, tensor.CollapseShapeOp) and may_rewrite():
                copied = copied_from(reshape.src.owner) if isinstance(reshape.src.owner, GenericOp) else None
                if copied is None or len(copied[1].used_dims()) == copied[1].num_dims:
                    continue
                if (new := sink(view, number)) is not None and rewriting(new, "unrepeat"):
                    look_through(new, copies_only=True)
                    return self._distributed(generic(new))
        return view.op

    def _read(self, view: Generic) -> list[int]:
        """Of the generics that a generic reads whole, the last roots."""
        whole = [access.value.owner for access in view.inputs if is_whole(access, view)]
        return [self._roots[owner] for owner in whole if owner in self._roots]

    def _permuted(self, view: Generic) -> int | None:
        """The input that a pointwise generic had better read as it lies, to share the kernel of its root; the readers
        must be able to permute instead."""
        if not view.is_pointwise or view.is_gather or copied_from(view.op) is not None:
            return None
        if len(view.outputs) != 1 or not is_fresh(view.outputs[0].value):
            return None
        if not all(isinstance(reader, GenericOp) for reader in readers(view.op.results[0])):
            return None
        best, found = max([*self._read(view), -1]), None
        for number, access in enumerate(view.inputs):
            root = self._roots.get(behind(access.value).owner, -1)
            if permutation(access.map) is not None and not is_whole(access, view) and root > best:
                best, found = root, number
        return found

    def _reshaped(self, view: Generic) -> int | None:
        """The input whose reshape had better follow a generic: the one with the latest root before it, if that is later
        than the root of anything read without a reshape. For a copy, one behind which it can go on folding."""
        best, found = max(self._read(view), default=-2), None
        for number, access in enumerate(view.inputs):
            maker = behind(access.value).owner
            if maker is access.value.owner or not isinstance(maker, GenericOp):
                continue
            wanted = self._folds_on(view, maker) if not is_whole(access, view) else True
            if wanted and (root := self._roots.get(maker, -2)) > best:
                best, found = root, number
        return found

    def _folds_on(self, view: Generic, maker: GenericOp) -> bool:
        """Whether a copy of a reshape, moved before the reshape, vanishes into what makes it."""
        if (copied := copied_from(view.op)) is None or (order := permutation(copied[1])) is None:
            return False
        if copied_from(maker) is not None:
            return True
        same = range(len(shape(maker.results[0])))
        once = len(readers(copied[0])) == 1 and not self._all_roots(view.op)
        return once and order[-1] == len(order) - 1 and can_transpose(generic(maker), same)

    def _all_roots(self, op: GenericOp) -> bool:
        return all(isinstance(r, GenericOp) and is_root(generic(r)) for r in readers(op.results[0]))

    def _fold_copy(self, op: GenericOp, source: SSAValue, map: AffineMap) -> None:
        """Make the copied value in the copy's order in the first place; where the readers had better permute they will
        when they are looked at."""
        order, maker = permutation(map), source.owner
        if order == tuple(range(map.num_dims)) or order is None or not isinstance(maker, GenericOp):
            forward(op, source, map)
        elif not self._all_roots(op) and can_transpose(made := generic(maker), order) and rewriting(op, "transpose"):
            new = transpose(made, order)
            self._roots[new.owner] = self._roots.get(maker, -1)
            op.results[0].replace_all_uses_with(new)


def look_through(op: GenericOp, *, copies_only: bool) -> None:
    """Read through copies, and through reshapes that add or drop axes of size 1: all, or those of copies."""
    read_through(op)
    for number, value in enumerate(list(op.inputs)):
        maker = behind(value).owner
        if maker is value.owner or (copies_only and not (isinstance(maker, GenericOp) and copied_from(maker))):
            continue
        if may_rewrite() and drop_ones(generic(op), number) and rewriting(op, "read-through", "a reshape by ones"):
            read_through(op)


def behind(value: SSAValue) -> SSAValue:
    """What a reshape reshapes; any other value itself."""
    return value.owner.src if isinstance(value.owner, tensor.CollapseShapeOp | tensor.ExpandShapeOp) else value


def is_root(view: Generic) -> bool:
    """Whether a generic keeps its dims and maps: a contraction, a window, or something odd."""
    return not view.is_pointwise and not view.is_reduction


def is_whole(access: Access, view: Generic) -> bool:
    """Whether an operand is read over all dims, as it lies."""
    return access.map == AffineMap.identity(len(view.sizes))
