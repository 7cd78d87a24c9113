"""Views and copies between generics go into indexing maps, or out of the way of what fusion joins.

    %t = linalg.transpose %x [1, 0]                     the reader's map: (m, k) on %t becomes (k, m) on %x;
                                                        or %x's own generic writes it transposed
    %c = generic yield %x, through a map                likewise
    %e = expand_shape %b : 8 -> 1x8x1x1                 the reader's map: (0, c, 0, 0) becomes (c)
    %e = expand_shape (generic) ; %y = generic(%e, ..)  the second runs over the shape of the first, then the expand
    %e = collapse_shape (generic) ; likewise            (bias after a grouped convolution, after a product of rows)
    reshape of a reshape                                one, or none

Before `fuse-kernels`. Ensures that no linalg.transpose is left.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from ...dialects._xdsl import GenericOp
from ._dead import erase_dead
from ._generic import Access, Generic, generic
from ._moves import copied_from, fold_copy, generalize, permutation
from ._reshape import Reshape, merge_reshapes
from ._respace import drop_ones, sink
from ._transposed import can_transpose, transpose


@dataclass(frozen=True)
class FoldViews(ModulePass):
    """Changes no result's value or type; dead ops go too."""

    name = "fold-views"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [f for f in op.ops if isinstance(f, func.FuncOp) and not f.is_declaration]:
            for block in function.body.blocks:
                generalize(block)
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
                case GenericOp():
                    self._fold_generic(op)
                case _:
                    for region in op.regions:
                        for inner in region.blocks:
                            self.fold(inner)

    def _fold_generic(self, op: GenericOp) -> None:
        view = generic(op)
        if is_root(view):
            self._roots[op] = len(self._roots)
            return
        if (reshape := self._sinkable(view)) is not None and (new := sink(view, reshape)) is not None:
            view = generic(op := new)
        drop_ones(view)
        self._roots[op] = max(self._read(view), default=-1)
        if (copied := copied_from(op)) is not None:
            self._fold_copy(op, *copied)

    def _read(self, view: Generic) -> list[int]:
        """Of the generics that a generic reads whole, the last roots."""
        whole = [access.value.owner for access in view.inputs if is_whole(access, view)]
        return [self._roots[owner] for owner in whole if owner in self._roots]

    def _sinkable(self, view: Generic) -> Reshape | None:
        """The reshape to move behind a generic: the one with the latest root before it, if that is later than the root
        of anything read without a reshape."""
        best, found = max(self._read(view), default=-2), None
        for access in view.inputs:
            reshape = access.value.owner
            if not isinstance(reshape, tensor.CollapseShapeOp | tensor.ExpandShapeOp) or not is_whole(access, view):
                continue
            if (root := self._roots.get(reshape.src.owner, -2)) > best:
                best, found = root, reshape
        return found

    def _fold_copy(self, op: GenericOp, source: SSAValue, map: AffineMap) -> None:
        if (new := self._made_transposed(op, source, map)) is None:
            fold_copy(op, source, map)
        else:
            op.results[0].replace_all_uses_with(new)

    def _made_transposed(self, op: GenericOp, source: SSAValue, map: AffineMap) -> SSAValue | None:
        """The copied value from a generic that writes it transposed; None where the readers had better transpose."""
        order, maker = permutation(map), source.owner
        if order is None or order == tuple(range(len(order))) or not isinstance(maker, GenericOp):
            return None
        readers = [use.operation for use in op.results[0].uses]
        if all(isinstance(r, GenericOp) and is_root(generic(r)) for r in readers):
            return None
        if not can_transpose(made := generic(maker), order):
            return None
        new = transpose(made, order)
        self._roots[new.owner] = self._roots.get(maker, -1)
        return new


def is_root(view: Generic) -> bool:
    """Whether a generic keeps its dims and maps: a contraction, a window, or something odd."""
    return not view.is_pointwise and not view.is_reduction


def is_whole(access: Access, view: Generic) -> bool:
    """Whether an operand is read over all dims, as it lies."""
    return access.map == AffineMap.identity(len(view.sizes))
