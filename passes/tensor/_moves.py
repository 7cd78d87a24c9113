"""Pointwise generics that only move elements: how to make one, how to know one.

    %t = linalg.transpose ins(%x) outs(%e) permutation = [1, 0]
-->
    %t = linalg.generic {(d0, d1) -> (d1, d0), (d0, d1) -> (d0, d1)} ins(%x) outs(%e) { yield %in }
"""

from xdsl.dialects import arith
from xdsl.dialects.builtin import AffineMapAttr, ArrayAttr
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.traits import IsTerminator

from ...dialects._shape import element, shape
from ...dialects._xdsl import FillOp, GenericOp, IteratorType, IteratorTypeAttr, TransposeOp, YieldOp


def copied_from(op: Operation) -> tuple[SSAValue, AffineMap] | None:
    """The tensor that a generic or transpose copies, and the map from a place in its result to one in that tensor."""
    if isinstance(op, TransposeOp):
        return op.inputs[0], op.get_indexing_maps().data[0].data
    if not isinstance(op, GenericOp) or len(op.inputs) != 1 or len(op.outputs) != 1:
        return None
    source, out = (m.data for m in op.indexing_maps)
    body = op.body.block
    if body.first_op is not body.last_op or body.last_op is None or body.last_op.operands[0] is not body.args[0]:
        return None
    identity = out == AffineMap.identity(out.num_dims) and all(t.data.value == "parallel" for t in op.iterator_types)
    return (op.inputs[0], source) if identity else None


def copy(source: SSAValue, map: AffineMap, init: SSAValue) -> GenericOp:
    """A pointwise generic that yields its input, read through a map."""
    block = Block(arg_types=[element(source), element(init)])
    block.add_op(YieldOp(block.args[0]))
    return _pointwise([source], [map], init, block)


def filled(scalar: SSAValue, init: SSAValue) -> GenericOp:
    """A pointwise generic that yields one number everywhere; a constant is repeated in its body."""
    block = Block(arg_types=[element(init)])
    if isinstance(scalar.owner, arith.ConstantOp):
        block.add_op(constant := scalar.owner.clone())
        scalar = constant.result
    block.add_op(YieldOp(scalar))
    return _pointwise([], [], init, block)


def _pointwise(inputs: list[SSAValue], maps: list[AffineMap], init: SSAValue, body: Block) -> GenericOp:
    rank = len(shape(init))
    indexing = [AffineMapAttr(map) for map in (*maps, AffineMap.identity(rank))]
    return GenericOp(inputs, [init], Region(body), indexing, [IteratorTypeAttr.parallel()] * rank, [init.type])


def generalize(block: Block) -> None:
    """Turn transposes, and fills that something else than a generic reads, into generics; in the blocks inside too."""
    for op in list(block.ops):
        match op:
            case TransposeOp():
                replace(op, copy(op.inputs[0], op.get_indexing_maps().data[0].data, op.outputs[0]))
            case FillOp() if any(not isinstance(use.operation, GenericOp) for use in op.results[0].uses):
                replace(op, filled(op.inputs[0], op.outputs[0]))
            case GenericOp() | FillOp():
                continue
            case _:
                for region in op.regions:
                    for inner in region.blocks:
                        generalize(inner)


def replace(old: Operation, new: Operation) -> None:
    """Put an op in the place of another, with its location and names."""
    new.location = old.location
    if (block := old.parent_block()) is not None:
        block.insert_op_before(new, old)
    for before, after in zip(old.results, new.results, strict=True):
        after.name_hint = before.name_hint
        before.replace_all_uses_with(after)
    old.detach()
    old.erase()


def fold_copy(op: GenericOp, source: SSAValue, map: AffineMap) -> None:
    """Let the readers of a copy read what it copies, where their indexing maps can say so."""
    for use in list(op.results[0].uses):
        reader = use.operation
        if isinstance(reader, GenericOp) and use.index < len(reader.inputs) and reader is not op:
            maps = [m.data for m in reader.indexing_maps]
            maps[use.index] = map.compose(maps[use.index])
            if _is_readable(maps, reader, maps[use.index]):
                reader.operands[use.index] = source
                reader.indexing_maps = ArrayAttr([AffineMapAttr(m) for m in maps])
        elif (
            source.type == op.results[0].type
            and map == AffineMap.identity(map.num_dims)
            and not reader.has_trait(IsTerminator)
        ):
            reader.operands[use.index] = source


def _is_readable(maps: list[AffineMap], reader: GenericOp, new: AffineMap) -> bool:
    """Every dim still shows its size, and no root reads through more than a permutation."""
    plain = {e.position for m in maps for e in m.results if isinstance(e, AffineDimExpr)}
    pointwise = all(t.data is IteratorType.PARALLEL for t in reader.iterator_types)
    return len(plain) == new.num_dims and (pointwise or new.is_projected_permutation(allow_zero_in_results=True))


def permutation(map: AffineMap) -> tuple[int, ...] | None:
    """For a map that permutes: the axis of the source that each axis of the copy is. None for other maps."""
    if map.num_dims != len(map.results) or not map.is_projected_permutation():
        return None
    axes = [e.position for e in map.results if isinstance(e, AffineDimExpr)]
    return tuple(axes.index(d) for d in range(map.num_dims))
