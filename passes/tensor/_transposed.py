"""Makes a result come out transposed where it is computed, through the pointwise generics behind it up to a root.

    %0 = generic (b, h, m, n, k) outs (b, h, m, n)               // batched product
    %1 = generic (b, h, m, n) -> (b, m, h, n) copy of %0
-->
    %1 = generic (b, m, h, n, k) outs (b, m, h, n)
"""

from collections.abc import Sequence

from xdsl.dialects import tensor
from xdsl.dialects.builtin import AffineMapAttr, ArrayAttr
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from ...dialects._generic import Access, Generic, generic
from ...dialects._report import rewriting
from ...dialects._shape import shape
from ...dialects._xdsl import GenericOp, IndexOp
from ._dead import readers
from ._edit import replace
from ._moves import copy
from ._reshape import is_fresh, start
from ._respace import sink

Order = Sequence[int]


def can_transpose(view: Generic, order: Order) -> bool:
    """Whether nothing else reads the one result, and its innermost axis stays one that may be written densely."""
    if len(view.outputs) != 1 or len(readers(view.op.results[0])) != 1 or not _is_plain(view):
        return False
    if view.is_pointwise:
        sources = [_source(access, view) for access in view.inputs]
        return all(source is None or can_transpose(generic(source), order) for source in sources)
    last = order[-1]
    if last == len(order) - 1:
        return True
    product = view.contraction
    return product is not None and out_dims(view)[last] in product.n


def transpose(view: Generic, order: Order, *, chain: bool = True) -> SSAValue:
    """A generic like this one (in a chain: and the ones that `can_transpose` looked at) with a result whose axis i is
    axis order[i] of before. The old ops stay as they were; the caller gives their reader the new result."""
    op, rank = view.op, len(view.sizes)
    out = out_dims(view)
    dims = [out[a] for a in order] + list(view.reduction)
    number = {old: new for new, old in enumerate(dims)}
    new = [AffineDimExpr(number[d]) for d in range(rank)]
    maps: list[AffineMapAttr] = []
    operands: list[SSAValue] = []
    for access in view.inputs:
        results, value = access.map.results, access.value
        if chain and view.is_pointwise and (source := _source(access, view)) is not None:
            value = transpose(generic(source), order)
            results = tuple(results[a] for a in order)
        operands.append(value)
        maps.append(AffineMapAttr(AffineMap(rank, 0, tuple(e.replace_dims_and_symbols(new, ()) for e in results))))
    init = start(view.outputs[0].value, [shape(op.results[0])[a] for a in order], op)
    assert init is not None, "an initial value that differs from place to place"
    maps.append(AffineMapAttr(AffineMap(rank, 0, tuple(AffineDimExpr(d) for d in range(len(order))))))
    body = op.body.clone()
    for index in [inner for inner in body.walk() if isinstance(inner, IndexOp)]:
        index.properties["dim"] = type(index.dim)(number[index.dim.value.data], index.dim.type)
    iterators = [op.iterator_types.data[d] for d in dims]
    made = GenericOp(operands, [init], body, maps, ArrayAttr(iterators), [init.type])
    made.location = op.location
    if (block := op.parent_block()) is not None:
        block.insert_op_before(made, op)
    return made.results[0]


def untranspose(view: Generic, number: int) -> GenericOp | None:
    """Let a pointwise generic run over the axes of an input that it reads permuted, and a copy permute its result. The
    new generic; None where the input is a reshape that cannot go behind it.

    %y = generic (b, h, s) ins(%x: (b, s, h))     -->     %t = generic (b, s, h) ins(%x: (b, s, h)); %y = copy %t
    """
    op, map = view.op, view.inputs[number].map
    order = [e.position for e in map.results if isinstance(e, AffineDimExpr)]
    new = transpose(view, order, chain=False)
    init = start(view.outputs[0].value, shape(op.results[0]), op)
    made = new.owner
    assert isinstance(made, GenericOp) and init is not None, "an initial value that differs from place to place"
    result = copy(new, map, init)
    if isinstance(made.operands[number].owner, tensor.CollapseShapeOp | tensor.ExpandShapeOp):
        if (sunk := sink(generic(made), number)) is None:
            result.erase()
            made.detach()
            made.erase()
            return None
        made = sunk
    replace(op, result)
    return made


def in_order(view: Generic) -> GenericOp:
    """A root's dims numbered as its result has them, so that the pointwise generics behind it run over the same."""
    if len(view.outputs) != 1 or not _is_plain(view) or out_dims(view) == view.parallel:
        return view.op
    if not rewriting(view.op, "dims-in-order"):
        return view.op
    new = transpose(view, range(len(view.parallel)))
    view.op.results[0].replace_all_uses_with(new)
    assert isinstance(new.owner, GenericOp)
    return new.owner


def out_dims(view: Generic) -> tuple[int, ...]:
    """The dim that each axis of the result is, of those that are one."""
    return tuple(d for index in view.outputs[0].indices if (d := index.dim) is not None)


def _is_plain(view: Generic) -> bool:
    """Pointwise, or a root whose result has its parallel dims for axes, from the same value everywhere."""
    if tuple(sorted(out_dims(view))) != view.parallel or len(view.outputs[0].indices) != len(view.parallel):
        return False
    return is_fresh(view.outputs[0].value) and not view.is_gather and (view.is_pointwise or not view.is_reduction)


def _source(access: Access, view: Generic) -> GenericOp | None:
    """The generic that makes an operand which a pointwise generic reads whole, as it lies."""
    whole = access.map == AffineMap.identity(len(view.sizes))
    return access.value.owner if whole and isinstance(access.value.owner, GenericOp) else None
